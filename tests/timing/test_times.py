"""`rabench time`: what is timed, how it is kept, and that two runs agree though a machine is slow now and then."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import rabench
from given_studies import written_study
from rabench.bench.comparing.pairwise import pairwise_bd
from rabench.bench.figures.rate_time import rate_time
from rabench.bench.reading.groups import read
from rabench.bench.reporting.report import report
from rabench.bench.running import executors
from rabench.bench.study.study import find_study
from rabench.bench.timing import times as kept
from rabench.bench.timing import timing, worker
from rabench.bench.timing.table import times_table
from rabench.bench.timing.times import FEWEST_ROUNDS, Times, name_of
from rabench.bench.timing.timing import Extent, time_study
from rabench.core.errors import BadSetting, Refused
from rabench.datasets import DATASETS

MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
codecs = ["png", "jpeg:quality=20,80"]
[[points]]
quantizers = ["median-cut:colors=2"]
codecs = ["png"]
"""
PHOTOS = Path(__file__).parent.parent.parent / "results" / "photos"
NAMED = ("median-cut", "octree")
SHORT = Extent(images=2, rounds=6, budget=60.0)


def timed(study, extent=SHORT):
    return time_study(study, lambda: executors.make(1, None), extent)


def simulated(seed, slow=0.0, rounds=15):
    """Two chains of 1 and 4 ms, with noise of 2 % and, ``slow``, whole rounds that take up to so many times longer."""
    rng = np.random.default_rng(seed)
    pace = 1 + slow * rng.random(rounds)
    stages = np.array([[0.0, 0.0007, 0.0003], [0.001, 0.002, 0.001]])
    seconds = stages * pace[:, None, None] * rng.normal(1, 0.02, (rounds, 2, 3))
    names = (("none", "jpeg", "1", "1"), ("none", "webp", "1", "1"))
    return Times("d", 2, 2000, "a processor", True, "", "", names, ("jpeg", "webp"), seconds, 2 * seconds)


def test_whole_rounds_that_are_slow_change_no_ratio():
    ratios = []
    for seed, slow in ((1, 0.0), (2, 3.0), (3, 3.0)):
        t = simulated(seed, slow)
        first, second = (t.encode(name) for name in t.names)
        ratios.append(second.milliseconds / first.milliseconds)
        assert first.low <= first.milliseconds <= first.high and first.high / first.low < 1.1
    assert ratios == pytest.approx([3 / 0.7] * 3, rel=0.02)
    assert simulated(1).waiting == pytest.approx(0.5)


def test_the_interval_holds_the_median_in_95_percent_of_repetitions():
    inside = 0
    for seed in range(400):
        seconds = np.random.default_rng(seed).exponential(1.0, 15)
        estimate = Times._estimate(seconds)
        inside += estimate.low <= 1000 * np.log(2) <= estimate.high
    assert 0.94 <= inside / 400 <= 0.99  # order statistics: 96.5 %


def test_times_are_written_and_read(tmp_path):
    first = simulated(1)
    kept.write(tmp_path, [first])
    other = dataclasses.replace(simulated(2), dataset="e")
    kept.write(tmp_path, [other])
    read = kept.read(tmp_path)
    assert set(read) == {"d", "e"}
    np.testing.assert_allclose(read["d"].processor, first.processor, rtol=1e-3)
    assert read["d"].names == first.names and read["d"].encode(first.names[0]).milliseconds == pytest.approx(
        first.encode(first.names[0]).milliseconds, rel=1e-3
    )
    (tmp_path / kept.FILE).write_text("{}")
    assert kept.read(tmp_path) == {}


@pytest.mark.long
def test_a_study_is_timed_without_records_and_the_report_shows_it(tmp_path):
    study = written_study(tmp_path / "s", MATRIX)
    found = timed(study)
    (times,) = found.times
    assert times.labels == ("png", "jpeg:quality=20", "jpeg:quality=80", "median-cut:colors=2+png")
    assert times.images == 2 and times.rounds == 6 and not found.left_out
    stages = [times.stage(name, "quantize").milliseconds for name in times.names]
    assert stages[3] > 10 * stages[0]
    table = times_table(times, "photos")
    assert list(table.frame.columns[:4]) == ["point", "quantize ms", "encode ms", "decode ms"]
    rabench("run", "s", "--limit", "40", "--workers", "1", cwd=tmp_path)
    written = report(find_study(str(study.folder)))
    assert any(
        line.startswith("rate-time is left out: no two curves that were timed share") for line in written.left_out
    )
    assert {"encode ms", "decode ms"} <= set(written.tables[0].frame)
    page = (study.folder / "report.html").read_text()
    assert "Encode and decode times" in page and '<button type="button">encode ms</button>' in page


@pytest.mark.slow
def test_a_codec_that_fails_is_left_out_and_named(tmp_path):
    (tmp_path / "broken.py").write_text(
        "import rabench\nfrom dataclasses import dataclass\n"
        "@dataclass(frozen=True)\nclass Broken(rabench.Codec):\n"
        "    name = 'broken-in-time'\n    def version(self):\n        return '1'\n"
        "    def encode(self, image):\n        raise OSError('no ink')\n"
        "    def decode(self, file):\n        raise OSError('no ink')\n"
    )
    matrix = MATRIX.replace('"png", "jpeg', '"broken-in-time", "jpeg') + '[plugins]\nfiles = ["../broken.py"]\n'
    study = written_study(tmp_path / "s", matrix)
    found = timed(study)
    assert len(found.left_out) == 1 and "broken-in-time: encode: " in found.left_out[0]
    assert "no ink" in found.left_out[0] and len(found.times[0].names) == 3


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"rounds": 5}, "`rounds` is a number from 6"),
        ({"images": 0}, "`images` is a number from 1"),
        ({"budget": 0.0}, "`budget` is a time above 0"),
    ],
)
def test_what_cannot_be_asked_is_told(settings, line):
    with pytest.raises(BadSetting, match=line):
        Extent(**settings)


@pytest.mark.slow
def test_an_unknown_codec_and_too_short_a_budget_are_told(tmp_path):
    study = written_study(tmp_path / "s", MATRIX)
    with pytest.raises(BadSetting, match=r"the study has no jpge \(did you mean 'jpeg' or 'png'\?\); it has jpeg, png"):
        timed(study, Extent(codecs=("jpge",)))
    with pytest.raises(Refused, match=r"one image through 4 points takes .* give more `budget`"):
        timed(study, Extent(budget=1e-4))
    assert not (study.folder / kept.FILE).exists()


def test_the_figure_shows_bits_saved_over_encode_time():
    group = read(find_study(str(PHOTOS))).groups[0]
    pairs = pairwise_bd(group)
    assert pairs is not None
    chosen = [m for m in group.measured if m.point.quantizer.name in ("median-cut", "octree")]
    names = tuple(dict.fromkeys(name_of(m.point.key, m.records[0].identity.versions) for m in chosen))
    seconds = np.ones((6, len(names), 3)) * [0.001, 0.001, 0.001]
    label = group.measured[0].point.dataset.label
    times = Times(label, 2, 2000, "a processor", True, "", "", names, names[:0], seconds, seconds)
    figure = rate_time(group, pairs, times)
    assert figure is not None and "against median-cut+png" in figure.axes[0].get_ylabel()
    heights = sorted(
        float(np.asarray(line.get_ydata())[0]) for line in figure.axes[0].lines if line.get_marker() == "o"
    )
    place = pairs.curves.index("median-cut+png")
    rates = (pairs.rate[i][place] for i, name in enumerate(pairs.curves) if name.split(":")[0].split("+")[0] in NAMED)
    assert heights == pytest.approx(sorted(0.0 if rate is None else -rate.value for rate in rates))
    assert rate_time(group, pairs, None) is None


def test_every_image_goes_through_all_chains_in_an_order_of_its_own(monkeypatch):
    seen = []
    setup = worker.Setup(DATASETS.make("photos"), (0, 1, 2, 3), ())
    monkeypatch.setitem(worker._held, setup, SimpleNamespace(repeats=dict.fromkeys(range(5), (1, 1, 1))))
    monkeypatch.setattr(worker, "_timed", lambda _, number, image, __: seen.append((image, number)) or np.ones((2, 3)))
    seconds = worker.time_round(setup, tuple(range(5)), 4, seed=1)
    assert (seconds == 1).all() and [image for image, _ in seen] == sorted(5 * [0, 1, 2, 3])
    orders = [[number for image, number in seen if image == i] for i in range(4)]
    assert all(sorted(order) == list(range(5)) for order in orders) and len({tuple(order) for order in orders}) > 1


@pytest.mark.slow
def test_a_budget_that_is_spent_ends_the_rounds(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr(timing, "monotonic", lambda: next(clock))  # two looks at the clock are 40 s apart
    (times,) = timed(written_study(tmp_path / "s", MATRIX), Extent(images=1, rounds=15, budget=30.0)).times
    assert times.rounds == FEWEST_ROUNDS
