"""Every classifier, by name. A new one is a file here and a line in this table."""

from __future__ import annotations

from ..core.plugins import Family
from .base import Classifier

CLASSIFIERS: Family[Classifier] = Family(
    "classifier",
    __name__,
    {
        "alexnet": "alexnet:AlexNet",
        "litert": "litert:LiteRT",
        "none": "none:NoClassifier",
        "onnx": "onnx:ONNX",
        "resnet18": "resnet18:ResNet18",
        "resnet20": "cifar_resnet:ResNet20",
        "resnet32": "cifar_resnet:ResNet32",
        "resnet44": "cifar_resnet:ResNet44",
        "resnet56": "cifar_resnet:ResNet56",
        "small": "small:Small",
        "timm": "timm_models:Timm",
        "torchvision": "torchvision_models:TorchVision",
        "vgg16": "vgg16:VGG16",
    },
)
