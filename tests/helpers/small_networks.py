"""Networks that are small enough to train in a test."""

import torch
from rabench.classifiers import CLASSIFIERS
from rabench.quantizers.colorcnn import training
from rabench.quantizers.colorcnn.network import ColorCNN

CPU = torch.device("cpu")


def a_colorcnn(colors=2, width=4):
    """One that was never trained; the same every time."""
    torch.manual_seed(0)
    return ColorCNN(colors, width)


def photos_judge():
    """What a ColorCNN for photographs is judged by: the classifier that ships."""
    classifier = CLASSIFIERS.make("small:weights=small-photos")
    return training.FrozenClassifier(classifier.module(), classifier.about.mean, classifier.about.std)
