"""Encoder-side search: the judge answers as on the original, images keep what they are, and no label is asked."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from rabench.classifiers import CLASSIFIERS
from rabench.core.errors import BadSetting, RabenchError, Refused
from rabench.core.files import sha256_of
from rabench.quantizers import QUANTIZERS

SEARCH = "search=20:judge=small-photos"
SMALL = CLASSIFIERS.make("small:weights=small-photos")


def answers(images):
    return SMALL.logits([np.asarray(i) for i in images]).argmax(1)


@pytest.mark.long
@pytest.mark.parametrize(
    "quantizer", ["k-means:colors=2", "k-means:colors=5:dither=floyd-steinberg", "colorcnn:colors=2"]
)
def test_the_judge_agrees_more_often_with_what_it_said_of_the_originals(quantizer, photographs):
    images = photographs[::2]
    plain = QUANTIZERS.make(quantizer).quantize(images)
    found = QUANTIZERS.make(f"{quantizer}:{SEARCH}").quantize(images)
    of_originals = answers(images)
    before, after = (np.mean(answers([i.rgb for i in drawn]) == of_originals) for drawn in (plain, found))
    assert after > before
    for image, old, new in zip(images, plain, found, strict=True):
        assert len(new.palette) <= len(old.palette)
        for c, color in enumerate(new.palette):
            if (old.rgb != new.rgb).any():
                np.testing.assert_array_equal(color, np.round(image[new.indices == c].mean(0)))


@pytest.mark.long
def test_an_image_alone_is_searched_as_among_others(photographs):
    quantizer = QUANTIZERS.make(f"k-means:colors=3:{SEARCH}")
    together = quantizer.quantize(photographs[:5])
    for image, quantized in zip(photographs[:5], together, strict=True):
        np.testing.assert_array_equal(quantizer.quantize([image])[0].rgb, quantized.rgb)


@pytest.mark.slow
def test_an_image_that_the_judge_reads_as_surely_is_left_alone():
    flat = np.full((32, 32, 3), 90, np.uint8)
    flat[:, 16:] = 200
    for quantizer in ("k-means:colors=2", f"k-means:colors=2:{SEARCH}"):
        (drawn,) = QUANTIZERS.make(quantizer).quantize([flat])
        np.testing.assert_array_equal(drawn.rgb, flat)


def test_the_judges_weights_are_part_of_the_version_and_steps_of_the_key():
    plain, found = QUANTIZERS.make("k-means:colors=2"), QUANTIZERS.make(f"k-means:colors=2:{SEARCH}")
    assert plain.key == "k-means:colors=2:dither=none:rounds=10" and "search" not in plain.version()
    assert found.key == "k-means:colors=2:dither=none:rounds=10:search=20"
    assert found.version() == f"{plain.version()}, search by sha256 {sha256_of(SMALL.file)[:16]}"


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (
            "k-means:search=3",
            BadSetting,
            "a search needs both search and judge, this one asks no judge; say judge=FILE",
        ),
        ("k-means:judge=small-photos", BadSetting, "this one asks for no steps; say search=30"),
        ("k-means:search=3:judge=nowhere", RabenchError, "no weights at 'nowhere'"),
        ("k-means:search=1001:judge=small-photos", BadSetting, r"search must be in 0\.\.1000, got 1001"),
    ],
)
def test_a_search_that_cannot_be_is_refused(spec, error, message):
    with pytest.raises(error, match=message):
        QUANTIZERS.make(spec).version()


def test_images_of_another_size_than_the_judges_are_refused():
    quantizer = QUANTIZERS.make(f"k-means:colors=2:{SEARCH}")
    with pytest.raises(Refused, match="the search needs images of its judge's size, 32x32, got 40x20; name a judge"):
        quantizer.quantize([np.zeros((20, 40, 3), np.uint8)])


@pytest.mark.parametrize("quantizer", ["k-means", "colorcnn", "colorcnn-plus"])
def test_a_judge_of_another_data_set_is_refused(quantizer):
    dataset = SimpleNamespace(classes=("cat", "dog"), short="pets")
    searching = QUANTIZERS.make(f"{quantizer}:colors=2:{SEARCH}")
    with pytest.raises(Refused, match=r"weights=small-photos knows 8 classes .* but pets has 2 classes \(cat, dog\)"):
        searching.check_point({"dataset": dataset})
    QUANTIZERS.make("k-means:colors=2").check_point({"dataset": dataset})


@pytest.mark.slow
def test_more_steps_never_leave_an_image_further_from_the_answer(photographs):
    images = photographs[:24]
    answers = _probabilities(SMALL.logits(images))

    def losses(steps):
        quantizer = QUANTIZERS.make(f"k-means:colors=2:search={steps}:judge=small-photos")
        drawn = SMALL.logits([i.rgb for i in quantizer.quantize(images)])
        return -(answers * np.log(_probabilities(drawn))).sum(1)

    steps = [losses(n) for n in (1, 4, 30)]
    for earlier, later in pairwise(steps):
        assert (later <= earlier + 1e-4).all()  # single precision
    assert (steps[-1] < steps[0] - 1e-3).any()


def _probabilities(logits):
    exponentials = np.exp(logits.astype(float) - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)
