"""Data sets on disk: folders of images and Parquet shards."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from plugins_for_tests import Noise
from rabench.datasets import DATASETS


def encoded(image, form="PNG", mode="RGB", **options):
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(image).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def noise_folder(folder, count=4, side=8, form="png", classes="abc"):
    """The data set of a folder of random images, one of each class in turn; without ``classes`` all lie in the folder."""
    block = Noise(images=count, side=side).load(0, count)
    for number, image in enumerate(block.images):
        target = folder / (classes[number % len(classes)] if classes else "") / f"{number:05}.{form}"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(target)
    return DATASETS.make(f'folder:path="{folder}"')


def write_shard(path, labels, files=None, columns=None, **options):
    """A Parquet shard in the layout of Hugging Face; without ``files`` its images are empty. options: of the writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = [{"bytes": file, "path": None} for file in files or [b""] * len(labels)]
    image = pa.array(stored, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    table = pa.table({"image": image, "label": pa.array(labels, pa.int64()), **(columns or {})})
    pq.write_table(table, path, **options)
