"""Every classifier, by name. A new one is a file here and a line in this table."""

from __future__ import annotations

from ..core.plugins import Family
from .base import Classifier

CLASSIFIERS: Family[Classifier] = Family(
    "classifier",
    __name__,
    {
        "alexnet": "alexnet:AlexNet",
        "onnx": "onnx:ONNX",
        "resnet18": "resnet18:ResNet18",
        "small": "small:Small",
        "vgg16": "vgg16:VGG16",
    },
)
