"""Sizes: what is stored is the smaller picture, bits are counted by original pixels, and old records stay valid."""

import numpy as np
import pytest
import rabench
from given_studies import measured_study, rows_of, times_of, written_study
from PIL import Image
from rabench.bench.comparing.compare import compare
from rabench.bench.measuring import chain
from rabench.bench.reading.groups import read
from rabench.bench.study.sizes import Size
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting
from rabench.datasets import DATASETS

HEAD = 'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
FULL = '[[points]]\ncodecs = ["jpeg:quality=30,60,90"]\n'
SIZED = '[[points]]\nsizes = ["full", "short=24", "fit=16"]\ncodecs = ["jpeg:quality=30,60,90"]\n'


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("full", (500, 375), (500, 375)),
        ("short=256", (500, 375), (341, 256)),
        ("short=256", (375, 500), (256, 341)),
        ("fit=224", (500, 375), (224, 168)),
        ("short=256", (300, 200), (300, 200)),
        ("fit=224", (1000, 2), (224, 1)),
    ],
)
def test_a_size_is_the_shorter_or_the_longer_side_and_never_enlarges(text, size, expected):
    assert Size.parse(text).of(size) == expected
    width, height = size
    resized = Size.parse(text).resized(np.zeros((height, width, 3), np.uint8))
    assert resized.shape == (expected[1], expected[0], 3)


@pytest.mark.parametrize("text", ["half", "short=0", "short=2.5", "fit", "256"])
def test_another_text_is_refused_with_what_is_allowed(text, tmp_path):
    with pytest.raises(BadSetting, match="a size is full, short=SIDE"):
        Size.parse(text)
    study = written_study(tmp_path, HEAD + f'[[points]]\nsizes = ["{text}"]\ncodecs = ["png"]\n')
    with pytest.raises(BadSetting, match=r"matrix\.toml, line 4: sizes: a size is full"):
        study.load()


@pytest.mark.slow
def test_a_row_is_the_smaller_picture_by_original_pixels_and_after_scaling_back(tmp_path):
    study = measured_study(tmp_path, HEAD + SIZED, 30)
    block = DATASETS.make("photos").load(0, 30)
    codec, classifier = CODECS.make("jpeg:quality=60"), CLASSIFIERS.make("small:weights=small-photos")
    row = rows_of(study).query("size == 'fit=16' and codec.str.contains('quality=60')").iloc[0]
    small = [np.asarray(Image.fromarray(i).resize((16, 16), Image.Resampling.LANCZOS)) for i in block.images]
    files = [codec.encode(image) for image in small]
    decoded = [codec.decode(file) for file in files]
    back = [np.asarray(Image.fromarray(d).resize((32, 32), Image.Resampling.LANCZOS)) for d in decoded]
    assert row.bytes == sum(map(len, files)) and row.pixels == 30 * 32 * 32
    assert row.squared_error == sum(chain.squared_error(b, i) for b, i in zip(back, block.images, strict=True))
    assert row.correct == int((classifier.logits(decoded).argmax(1) == block.labels).sum())


@pytest.mark.slow
def test_records_without_a_size_are_those_of_a_study_that_names_none(tmp_path):
    study = measured_study(tmp_path, HEAD + FULL, 30)
    before, rows = times_of(study), rows_of(study)
    study = measured_study(tmp_path, HEAD + SIZED, 30)
    after = times_of(study)
    assert before.items() <= after.items() and len(after) == len(before) + 6
    full = rows_of(study).query("size == 'full'").drop(columns="size").reset_index(drop=True)
    assert full.equals(rows)


@pytest.mark.slow
def test_curves_of_each_size_have_names_and_can_be_compared(tmp_path):
    study = measured_study(tmp_path, HEAD + SIZED, 60)
    names = [c.name for c in read(study).groups[0].curves]
    assert names == ["none+raw", "none+jpeg", "none+jpeg@short=24", "none+jpeg@fit=16"]
    (comparison,) = compare(study, "jpeg", ["jpeg@fit=16"])
    assert comparison.curves.curve.tolist() == ["none+jpeg@fit=16"]
    (comparison,) = compare(study, "jpeg@short=24", ["none+jpeg:quality=60@fit=16", "jpeg"])
    assert set(comparison.points.curve) == {"none+jpeg:quality=60@fit=16", "none+jpeg"}


def test_tuned_and_sizes_do_not_go_together(tmp_path):
    study = written_study(tmp_path, HEAD + SIZED.replace("codecs", 'tuned = "tuned"\ncodecs'))
    with pytest.raises(BadSetting, match=r'tuned goes with sizes = \["full"\] alone'):
        study.load()


@pytest.mark.slow
def test_data_frames_tell_size_and_quantizer_apart(tmp_path):
    measured_study(tmp_path, HEAD + SIZED, 10)
    loaded = rabench.load(tmp_path)
    for frame in (loaded.points, loaded.images):
        assert set(frame["size"]) == {"full", "short=24", "fit=16"}
        assert set(frame.quantizer) == {"none"}
