"""Any plug-in may refuse a point, and add to what a report says of it; any classifier may be looked into and tuned."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from given_studies import given_study, point
from plugins_for_tests import Brightness, Noise
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, session
from rabench.bench.study.points import Point, fine_tuned
from rabench.classifiers.base import Tuning
from rabench.classifiers.classes import check_classes
from rabench.codecs import CODECS
from rabench.codecs.raw import Raw
from rabench.core.errors import Refused, Unavailable
from rabench.quantizers import QUANTIZERS


@dataclass(frozen=True)
class Particular(Raw):
    """A codec that goes with small images alone, and has something to say of classifiers."""

    name: ClassVar[str] = "particular"

    def check_point(self, parts):
        if parts["dataset"].side > 8:
            raise Refused(
                f"{self.short} takes images of 8 pixels a side, {parts['dataset'].short} has more; choose png"
            )

    def point_notes(self, parts):
        if parts["classifier"].name == "brightness":
            return ["particular was made for another classifier than brightness."]
        raise Unavailable("its weights are not here")


def test_a_plug_in_may_refuse_a_point_with_the_remedy(tmp_path):
    study = given_study(
        tmp_path, point(Particular(), Noise(images=10, side=16)), point(Raw(), Noise(images=10, side=16))
    )
    outcome = session.run(study, executors.in_process)
    ((refused, reason),) = outcome.impossible
    assert refused.codec == Particular() and reason.endswith("has more; choose png") and outcome.measured == 1


@pytest.mark.slow
def test_a_plug_ins_notes_stand_in_the_report_once(tmp_path):
    points = [point(Particular(), Noise(images=10)), point(Particular(), Noise(images=10), quantizer=OCTREE)]
    study = given_study(tmp_path, *points)
    session.run(study, executors.in_process)
    (table,) = report(study).tables
    assert table.notes.count("particular was made for another classifier than brightness.") == 1


OCTREE = QUANTIZERS.make("octree:colors=4")


@dataclass(frozen=True)
class Tunable(Brightness):
    """A classifier of no family of networks that says of itself how it was tuned."""

    name: ClassVar[str] = "tunable"
    images: ClassVar[str] = f"{OCTREE.label}+raw"

    def fine_tuned(self, path):
        return self

    def weights_path(self):
        return Path("tunable.weights")

    def tuning(self):
        return Tuning(self.images, OCTREE.version(), self.version())


def test_any_classifier_may_be_tuned(monkeypatch):
    tunable = Tunable()
    tuned = Point(Noise(), OCTREE, Raw(), fine_tuned(tunable, "tuned", OCTREE, Raw()), tuned_from=tunable)
    tuned.check()
    monkeypatch.setattr(Tunable, "images", "none+raw")
    with pytest.raises(Refused, match=r"tunable\.weights was tuned on none.raw, not on octree.*tune one for it"):
        tuned.check()
    with pytest.raises(Refused, match="brightness cannot be fine-tuned: it is no network of rabench; name alexnet"):
        fine_tuned(Brightness(), "tuned", OCTREE, CODECS.make("png"))


def test_a_classifier_without_a_network_says_so_where_one_is_needed():
    with pytest.raises(Refused, match="brightness is no PyTorch network that rabench can look into"):
        Brightness().module()
    assert Brightness().normalization is None


class Classes:
    """A classifier or a data set by the names of its classes."""

    short, trained_on = "it", ""

    def __init__(self, *classes):
        self.classes = classes


@pytest.mark.parametrize(
    ("predicted", "labelled"),
    [("abc", "abc"), ("012", "abc"), ("abc", "012"), ("abc", ""), ("0123", "012"), ("abcd", "01")],
)
def test_classes_that_may_be_the_same_are_taken(predicted, labelled):
    check_classes(Classes(*predicted), Classes(*labelled))


@pytest.mark.parametrize(("predicted", "labelled"), [("abc", "abd"), ("abc", "acb"), ("01", "012"), ("0123", "abc")])
def test_classes_that_are_others_are_refused(predicted, labelled):
    with pytest.raises(Refused, match="it knows"):
        check_classes(Classes(*predicted), Classes(*labelled))
