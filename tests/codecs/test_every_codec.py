"""Every codec of the table keeps what the conformance kit asks of any codec, and what a kit for strangers cannot demand."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
import rabench
from rabench.codecs import CODECS
from rabench.core.plugins import Span, Text

QUICK = {"raw", "png", "jpeg", "webp"}
"""Codecs that the kit tries among the quick tests: it takes some two seconds of each."""
LONG = {"png-search", "png-shared", "oxipng"}
"""Codecs on which the kit takes more than five."""


def marks_of(name):
    return [] if name in QUICK else [pytest.mark.long] if name in LONG else [pytest.mark.slow]


def ends(allowed):
    """The first and the last of what a setting allows."""
    if isinstance(allowed, Span):
        return allowed.low, allowed.high
    values = list(allowed)
    return values[0], values[-1]


def operating_points(name):
    """The codec as it comes, and with every setting at both ends; a text has none."""
    cls = CODECS[name]
    ranges = {f.name: f.metadata["among"] for f in fields(cls) if not isinstance(f.metadata["among"], Text)}
    settings = [{setting: value} for setting, allowed in ranges.items() for value in ends(allowed)]
    return list(dict.fromkeys([cls(), *(cls(**values) for values in settings)]))


OPERATING_POINTS = [codec for name in CODECS.members for codec in operating_points(name)]


def skip_where_it_is_missing(codec):
    try:
        codec.version()
    except rabench.Unavailable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", [pytest.param(n, marks=marks_of(n)) for n in sorted(CODECS.members)])
def test_a_shipped_codec_keeps_every_promise(name):
    codec = CODECS[name]()
    skip_where_it_is_missing(codec)
    rabench.assert_conforms(codec)


@pytest.mark.parametrize("codec", OPERATING_POINTS, ids=lambda codec: codec.spec)
def test_a_codec_is_its_spec_and_nothing_more(codec):
    """The kit takes codecs that no table names, whose text makes no codec, and those whose whole file travels in the pickle."""
    assert CODECS.sweep(codec.spec) == [codec]
    assert len(pickle.dumps(codec)) < 1000


@pytest.mark.parametrize("codec", OPERATING_POINTS, ids=lambda codec: codec.spec)
def test_a_file_cut_short_is_an_error(codec, photographs):
    """The kit lets half a file decode to an image: a format need not spend bytes on its end. Those that ship all tell."""
    skip_where_it_is_missing(codec)
    file = codec.encode(photographs[0])
    for length in (len(file) // 3, len(file) // 2):
        with pytest.raises(Exception):  # noqa: B017 (each library has its own)
            codec.decode(file[:length])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (np.zeros((4, 4, 3)), r"got \(4, 4, 3\) float64"),
        (np.zeros((4, 4, 4), np.uint8), r"got \(4, 4, 4\) uint8"),
        (np.zeros((4, 4), np.uint8), r"got \(4, 4\) uint8"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\) uint8"),
        ([[1, 2, 3]], "got list"),
    ],
)
def test_what_is_no_image_is_refused_with_what_is_one(argument, message):
    """The bench gives a codec nothing but images, so that the kit has no reason to ask what becomes of the rest."""
    for name in ("bpg", "jpeg", "webp", "raw"):
        with pytest.raises(TypeError, match=message):
            CODECS[name]().encode(argument)
