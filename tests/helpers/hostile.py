"""Names as an attacker would choose them, and a study that is made of them: records, index, matrix and plug-in."""

import json
from dataclasses import asdict

import numpy as np
from PIL import Image
from rabench.bench.records.format import COLUMNS, STAGES, Identity, Rows
from rabench.bench.records.records import Records
from rabench.core.specs import join
from rabench.datasets import DATASETS

TEXTS = {
    "color": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example/\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0=\x07",
    "return": "bad\rgood",
    "backspace": "bad\b\b\bgood",
    "c1": "\x9b31mred",
    "bidi": "\u202egnp.exe\u2066",
    "lines": "one\nrabench: all is well",
    "nul": "a\x00b",
    "half": "half\ud800",
    "script": "<script>window.planted = 1</script>",
    "end of script": "</script><script>window.planted = 1</script>",
    "image": "<img src=x onerror='window.planted = 1'>",
    "formula": "=cmd|' /C calc'!A0",
    "plus": "+1+cmd",
    "minus": "-2+3+cmd",
    "at": "@SUM(1+1)",
    "full width": "\uff1d1+1",
    "tab": "\t=1+1",
    "pipe": "a|b\\|c",
    "code": "`x` ![x](http://evil.example/x.png)",
    "anchor": "[x](javascript:alert(1)) [y][z]",
    "input": "\\input{/etc/passwd}\\write18{touch ran}",
    "special": "50% #1 & $x$ a_b^c~d",
    "optional": "[1cm] x",
    "math": "$\\frac$",
    "odd math": "$\\frac$ and $",
    "end of markup": "[/x]",
    "markup": "\\[/red] [bold] :dog:",
    "hidden": "_hidden",
    "long": "long" * 1000,
}
"""Texts, by what they are to do."""
ALL = " ".join(text for name, text in TEXTS.items() if name != "long")


def whole(text):
    """A text without what no matrix may hold: halves of characters, and NUL."""
    return text.replace("\ud800", "").replace("\0", "")


GOOD = ("k-means:colors=2", "münster", "犬", "-0.5", "jpeg:quality=50", "a b", "none+webp:quality=5", "é")
"""Names that stay as they are."""
NAME = "evil<b onclick='1'>\x1b[31m\u202e$\\frac$`=|[/x]"
"""A name for plug-ins: it may not hold what divides a spec."""
CLASSES = tuple(
    text.replace("/", "-").replace("\0", "-").replace("\ud800", "\udcff")[:50] for text in TEXTS.values() if text != "."
)
"""Names that folders can have; one is no UTF-8."""
PLUGIN = "from pathlib import Path\nPath(__file__).with_name('ran').write_text('x')\n"
IMAGES = len(CLASSES)
SHA = "ab" * 32


def toml(text):
    """A text as TOML has it."""
    return json.dumps(whole(text)).replace("\x7f", "\\u007f")


DATASET = join(NAME, {"path": whole(ALL), "split": "test"})
"""A data set of the plug-in."""
FOLDER = "folder:path=images:split=test"


JUDGES = {DATASET: join(NAME, {"weights": TEXTS["script"]}), FOLDER: "small:precision=fp32:weights=small-photos"}
"""The classifier of each data set: one of the plug-in's, and one that ships."""


def labels_of(dataset, codec):
    return (dataset, "none", codec, JUDGES[dataset])


def identity_of(labels):
    return Identity(labels, (labels[1], labels[2], labels[3]), (whole(ALL), TEXTS["color"], TEXTS["image"]), SHA)


def rows_of(number, failing=False):
    """Rows of made-up figures. failing: whether the last two failed, one as its image cannot be read."""
    rng = np.random.default_rng(number)
    columns = {name: np.zeros(IMAGES, kind) for name, kind in COLUMNS.items()}
    columns["image"][:] = np.arange(IMAGES)
    columns["label"][:] = np.arange(IMAGES) % len(CLASSES)
    columns["prediction"][:] = np.where(rng.random(IMAGES) < 0.4 + 0.1 * number, columns["label"], 0)
    columns["pixels"][:] = 1024
    columns["bytes"][:] = columns["payload"][:] = 100 + 50 * number
    columns["squared_error"][:] = 10000 // (1 + number)
    errors = {IMAGES - 1: f"data set: {ALL}", IMAGES - 2: ALL} if failing else {}
    return Rows(columns, errors, dict.fromkeys(STAGES, 1.0))


def hostile_study(folder):
    """Makes a study as somebody else may have made it up; gives its folder, whose name is not harmless either."""
    folder = folder / "evil <b>[_x]\x1b[31m $(touch ran);"
    folder.mkdir(parents=True)
    codecs = [
        "raw",
        *(join(NAME, {"level": level, "way": TEXTS["script"]}) for level in range(5)),
        "png:effort=6:palette=yes",
    ]
    (folder / "mine $(x).py").write_text(PLUGIN)
    (folder / "matrix.toml").write_text(_matrix(), encoding="utf-8")
    write_images(folder / "images")
    records, versions = Records(folder / "records"), {}
    records.create()
    for dataset in (DATASET, FOLDER):
        for number, codec in enumerate(codecs):
            identity = identity_of(labels_of(dataset, codec))
            rows = rows_of(9 if codec == "raw" else number, failing=number == 2)
            records.write(identity, rows, {"start": 0, "stop": IMAGES, "rabench": ALL})
            versions[" + ".join(identity.labels)] = {k: asdict(identity)[k] for k in ("key", "versions")}
    half = Identity(("half\ud800", "none", "raw", "none"), ("", "", ""), ("", "", ""), SHA)
    records.write(half, rows_of(0), {"start": 0, "stop": IMAGES})
    (folder / "records" / f"{TEXTS['color']}.parquet").write_bytes(b"no record")
    stamp = DATASETS.make(join("folder", {"path": folder / "images"})).stamp()
    (folder / "records" / "blocks.json").write_text(json.dumps(_index(versions, stamp)))
    about = {"command": ALL, "date": TEXTS["script"], "packages": {TEXTS["image"]: TEXTS["half"]}}
    (folder / "run.json").write_text(json.dumps({"runs": [about]}))
    return folder


def write_images(folder):
    """A class a folder, an image each; one is none."""
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), (9 * number, 50, 90)).save(folder / name / f"{name}.png")
    (folder / CLASSES[3] / f"{CLASSES[3]}.png").write_bytes(b"no image")


def _matrix():
    blocks = (
        f"[[points]]\ndataset = {toml(dataset)}\nclassifiers = [{toml(judge)}]\n"
        f"codecs = ['raw', 'png', {toml(join(NAME, {'level': 1}))}]\n"
        for dataset, judge in ((DATASET, JUDGES[DATASET]), ("folder:path=images", JUDGES[FOLDER]))
    )
    return (
        f"title = {toml(ALL)}\nplugins.files = ['mine $(x).py']\n"
        f"[programs.{toml(NAME)}]\nencode = ['touch', 'ran']\ndecode = ['touch', 'ran']\n" + "".join(blocks)
    )


def _index(versions, stamp):
    block = {
        "sha256": SHA,
        "sizes": {"32x32": IMAGES},
        "sources": {ALL: {"images": IMAGES, "bytes": 5}},
        "remarks": {ALL: 3},
    }
    entry = {
        "stamp": stamp,
        "images": IMAGES,
        "limit": None,
        "notes": [ALL],
        "classes": len(CLASSES),
        "blocks": {f"0-{IMAGES}": block},
    }
    return {"datasets": {DATASET: entry, FOLDER: entry}, "versions": versions, "overheads": {}}
