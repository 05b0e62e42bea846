"""Large studies of made-up records: which point is right depends on its rate and the image."""

import hashlib
import json

import numpy as np
from given_studies import written_study
from plugin_texts import python_file
from rabench.bench.records.format import BLOCK, COLUMNS, STAGES, Identity, Rows
from rabench.bench.records.index import block_name
from rabench.bench.records.records import Records
from rabench.bench.study.matrix import with_references

PLUGIN = '''
from dataclasses import dataclass
import numpy as np
import rabench

class Nothing:
    classes = tuple(f"class {{i}}" for i in range({classes}))
    def __len__(self):
        return {images}
    def stamp(self):
        return "made up"
    def read(self, start, stop):
        raise RuntimeError("there are none")

@dataclass(frozen=True)
class MadeUp(rabench.Dataset):
    """Images that are not there."""
    name = "made-up"
    def open(self):
        return Nothing()

@dataclass(frozen=True)
class Guess(rabench.Classifier):
    """Takes every image for the first class."""
    name = "guess"
    classes = Nothing.classes
    size = 0
    def version(self):
        return "1"
    def logits_of_batch(self, images):
        return np.eye(1, len(self.classes), dtype=np.float32).repeat(len(images), 0)
'''


def large_study(folder, matrix, images, classes=200, missing=0):
    """A study whose records are all there but for the last ``missing`` blocks of each point; gives it and its points."""
    folder.mkdir(parents=True)
    python_file(folder, PLUGIN.format(images=images, classes=classes), "made_up")
    head = 'dataset = "made-up"\nclassifiers = ["guess"]\nplugins.files = ["made_up.py"]\n'
    study, rng = written_study(folder, head + matrix), np.random.default_rng(0)
    study.trust()  # its records are made up, so that nothing was measured here
    records = Records(study.records)
    records.create()
    labels, difficulty = rng.integers(0, classes, images).astype(np.int32), rng.normal(size=images).astype(np.float32)
    spans = [(start, min(start + BLOCK, images)) for start in range(0, images, BLOCK)]
    described = {f"{a}-{b}": _described(a, b) for a, b in spans}
    points, noted = with_references(study.load()), {}
    for point in points:
        versions, ease = point.versions(), rng.uniform(-1, 0.5)
        noted[" + ".join(point.labels)] = {"key": point.key, "versions": versions}
        for start, stop in spans[: len(spans) - missing]:
            identity = Identity(
                point.labels, point.key, versions, block_name(point.codec, described[f"{start}-{stop}"])
            )
            columns = _columns(start, labels[start:stop], difficulty[start:stop], ease, classes, rng)
            records.write(identity, Rows(columns, {}, dict.fromkeys(STAGES, 0.1)), {"start": start, "stop": stop})
    dataset = {
        "stamp": points[0].dataset.stamp(),
        "images": images,
        "limit": None,
        "notes": [],
        "classes": classes,
        "blocks": described,
    }
    index = {"datasets": {points[0].dataset.label: dataset}, "versions": noted}
    (study.records / "blocks.json").write_text(json.dumps(index))
    return study, points


def _described(start, stop):
    sha = hashlib.sha256(f"{start}-{stop}".encode()).hexdigest()
    count = stop - start
    sources = {"JPEG": {"images": count, "bytes": 2000 * count}}
    return {"sha256": sha, "files_sha256": sha, "sizes": {"64x64": count}, "sources": sources}


def _columns(start, labels, difficulty, ease, classes, rng):
    n = len(labels)
    right = difficulty + 0.6 * rng.normal(size=n) < ease
    columns = {name: np.zeros(n, kind) for name, kind in COLUMNS.items()}
    columns |= {"image": np.arange(start, start + n, dtype=np.int32), "label": labels}
    columns["prediction"] = np.where(right, labels, (labels + 1) % classes).astype(np.int32)
    columns["log_probability"] = np.where(right, -0.2, -3).astype(np.float32) * rng.random(n, np.float32)
    columns["confidence"] = rng.random(n, np.float32)
    columns["bytes"] = rng.poisson(400 * np.exp(ease + 1), n).astype(np.int32)
    columns["payload"] = columns["bytes"]
    columns["pixels"][:] = 4096
    columns["squared_error"] = rng.integers(1, 10**6, n)
    return columns
