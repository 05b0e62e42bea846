"""Every data set, by name. A new one is a file here and a line in this table."""

from __future__ import annotations

from ..core.plugins import Family
from .base import Dataset

DATASETS: Family[Dataset] = Family(
    "data set",
    __name__,
    {
        "cifar10": "cifar:CIFAR10",
        "cifar100": "cifar:CIFAR100",
        "imagenet": "imagenet:ImageNet",
        "folder": "folder:Folder",
        "parquet": "parquet:Parquet",
        "photos": "photos:Photos",
        "stl10": "stl10:STL10",
        "tiny-imagenet-200": "tiny_imagenet:TinyImageNet",
        "webdataset": "webdataset:WebDataset",
    },
)
