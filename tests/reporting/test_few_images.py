"""Points on few images: figures leave them out, and notes say so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from rabench.bench.comparing.bootstrap import with_enough
from rabench.bench.reading.groups import read
from rabench.bench.study.study import find_study

PHOTOS = Path(__file__).parent.parent.parent / "results" / "photos"


def test_curves_leave_out_points_with_less_than_half_of_the_images():
    group = read(find_study(str(PHOTOS))).groups[0]
    curve = next(c for c in group.plotted if c.name == "none+jpeg")
    few = group.measured[curve.rows[3]]
    failed = np.ones(len(few.good), bool)
    failed[:100] = False
    changed = list(group.measured)
    changed[curve.rows[3]] = replace(few, columns=few.columns.having(failed=failed))
    drawn = with_enough(replace(group, measured=changed))
    rows = next(c.rows for c in drawn.plotted if c.name == "none+jpeg")
    assert set(curve.rows) - set(rows) == {curve.rows[3]}
    assert len(drawn.curves) == len(group.curves)
