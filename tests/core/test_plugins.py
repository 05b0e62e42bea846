"""Plug-ins as values: their settings, texts that ask for them, and what is said of a mistake in one."""

import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin_texts import CODEC
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.codecs.base import ByteBreakdown
from rabench.codecs.jpeg import JPEG
from rabench.core import plugins, specs
from rabench.core.errors import BadSetting, RabenchError, nearest
from rabench.core.origins import PythonFile
from rabench.core.plugins import Plugin, Span, setting
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS


def test_a_sweep_expands_lists_ranges_and_stars():
    full = "jpeg:chroma=420:optimize=yes:progressive=no:quality="
    assert [c.spec for c in CODECS.sweep("jpeg:quality=20,30")] == [full + "20", full + "30"]
    assert [c.quality for c in CODECS.sweep("jpeg:quality=10..90/40")] == [10, 50, 90]
    assert [c.quality for c in CODECS.sweep("jpeg:quality=1,5..7,95")] == [1, 5, 6, 7, 95]
    assert len(CODECS.sweep("jpeg:quality=*:chroma=420,444")) == 200
    assert [q.short for q in QUANTIZERS.sweep("median-cut:colors=2,4")] == [
        "median-cut:colors=2",
        "median-cut:colors=4",
    ]


@pytest.mark.parametrize(
    "text, message",
    [
        ("jpg", "no codec is named 'jpg' (did you mean 'jpeg'"),
        ("jpg", "there are avif, "),
        ("jpeg:qualty=3", "jpeg has no setting 'qualty' (did you mean 'quality'?); it has quality, chroma"),
        ("raw:q=3", "raw has no setting 'q'; it has no settings"),
        ("jpeg:quality=101", "jpeg: quality must be in 1..100, got 101"),
        ("jpeg:chroma=411", "jpeg: chroma must be one of 420, 422, 444, got 411"),
        ("jpeg:quality=abc", "jpeg: quality must be in 1..100, got 'abc'"),
        ("jpeg:quality=", "jpeg: quality must be in 1..100, got ''"),
        ("jpeg:quality=90..10", "jpeg: quality=90..10 is no range; write it as low..high or low..high/step"),
        ("jpeg:quality=1..9/0", "jpeg: quality=1..9/0 is no range"),
        ("jpeg:quality=10,10", "jpeg: quality=10,10 names a value twice"),
        ("jpeg:quality=30:quality=40", "jpeg: quality is given twice"),
        ("jpeg:quality", "'quality' is no setting; write name:setting=value"),
        ('jpeg:quality="3', "opens a quote that it does not close"),
    ],
)
def test_a_mistake_is_answered_with_what_would_be_right(text, message):
    with pytest.raises(RabenchError) as caught:
        CODECS.sweep(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_is_required_where_there_is_no_data_set_without_one():
    with pytest.raises(BadSetting, match=r"parquet: path must be a \.parquet file or a folder of them, got ''"):
        DATASETS.make("parquet")


def test_a_star_over_what_has_no_end_is_refused():
    with pytest.raises(BadSetting, match="has no end"):
        CLASSIFIERS.sweep("onnx:path=*")


@given(st.text(min_size=1))
def test_any_text_survives_quoting(text):
    spec = specs.join("onnx", {"path": text, "input": 3})
    name, settings = specs.parse(spec)
    assert name == "onnx"
    assert {k: specs.unquote(v) for k, v in settings.items()} == {"path": text, "input": "3"}


def test_a_path_with_a_colon_makes_a_round_trip():
    made = CLASSIFIERS.make('onnx:path="C:/nets/a+b,c.onnx"')
    assert CLASSIFIERS.make(made.spec) == made
    assert made.label.startswith("onnx:") and 'path="a+b,c"' in made.label
    assert "path" not in made.key


@dataclass(frozen=True)
class Blur(Plugin):
    name: ClassVar[str] = "blur"
    sigma: float = setting(1.0, Span(0, 9, "pixels"), quality_parameter=True)
    radius: int = setting(1, range(1, 10, 2))


def test_values_are_of_the_declared_type_so_that_equal_settings_have_equal_specs():
    assert Blur(sigma=3).spec == Blur(sigma=3.0).spec == Blur(sigma=np.float32(3)).spec == "blur:radius=1:sigma=3.0"
    assert Blur(radius=np.int64(3)) == Blur(radius=3)
    assert JPEG(quality=np.int32(30)).spec == JPEG(quality=30).spec


@pytest.mark.parametrize(
    "settings",
    [{"radius": 3.0}, {"radius": True}, {"radius": "3"}, {"radius": 2}, {"sigma": True}, {"sigma": float("nan")}],
)
def test_a_value_of_another_type_is_refused(settings):
    with pytest.raises(
        BadSetting, match=r"blur: (radius must be in 1\.\.9 in steps of 2|sigma must be in 0\.\.9 pixels), got"
    ):
        Blur(**settings)


def test_a_plugin_is_a_value():
    assert pickle.loads(pickle.dumps(Blur(radius=3))) == Blur(radius=3)
    assert Blur(radius=3).variant == "blur:radius=3"
    assert Blur(radius=3).short == "blur:radius=3:sigma=1.0"
    assert Blur.quality_parameter() == "sigma"


def test_a_setting_cannot_hide_what_every_plugin_has():
    with pytest.raises(TypeError, match="a setting cannot be named label"):

        class Hiding(Plugin):
            label: str = setting("x", ("x",))


def test_another_packages_codec_comes_in_by_entry_point(monkeypatch):
    from importlib.metadata import EntryPoint

    brought = EntryPoint("theirs", "rabench.codecs.raw:Raw", "rabench.codecs")

    def entry_points(group, name="theirs"):
        return [brought] if (group, name) == ("rabench.codecs", "theirs") else []

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    assert "theirs" in CODECS.names() and "theirs" not in QUANTIZERS.names()
    assert CODECS["theirs"].__name__ == "Raw"


OLDER = (
    CODEC.format(name="older").replace("quality_parameter=True", "dial=True")
    + """
    def alike(self):
        return Coarse(bits=max(self.bits, 2))

    def anatomy(self, data):
        return rabench.Anatomy(container=1, payload=len(data) - 1)
"""
)


def test_a_codec_written_with_the_names_of_version_0_1_works_as_it_did():
    (cls,) = PythonFile("older.py", OLDER.encode()).make()
    assert cls.quality_parameter() == "bits" and cls().variant == "older"
    assert cls(bits=1).canonical() == cls(bits=2)
    assert cls().byte_breakdown(bytes(5)) == ByteBreakdown(container=1, payload=4)


def test_near_misses_are_found_whatever_the_case():
    assert nearest("PSNR", ["psnr", "ssim"]) == " (did you mean 'psnr'?)"
    assert nearest("imagenet1k_v1", ["IMAGENET1K_V1", "DEFAULT"]) == " (did you mean 'IMAGENET1K_V1'?)"
