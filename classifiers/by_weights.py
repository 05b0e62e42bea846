"""The classifier that a file of weights is of, where nobody names its network."""

from __future__ import annotations

from functools import lru_cache

from ..core.errors import RabenchError, Refused
from ..core.files import sha256_of
from . import CLASSIFIERS
from . import weights as files
from .network import Network


def classifier_of(weights: str) -> Network:
    """The classifier with these weights: a file, or the name of some that ship.

    A file of rabench says its network; a published state dict fits one network and no other.
    Raises Unavailable where there is no file, Refused where its network is none that rabench builds.
    """
    return _classifier_of(weights, sha256_of(files.find(weights)))


@lru_cache(maxsize=8)
def _classifier_of(weights: str, sha256: str) -> Network:
    path = files.find(weights)
    networks = {name: cls for name in CLASSIFIERS.members if issubclass(cls := CLASSIFIERS[name], Network)}
    if files.is_own(path):
        return networks[files.about(path).network](weights=weights)
    for network in networks.values():
        classifier = network(weights=weights)
        try:
            classifier.check_weights()
        except RabenchError:  # another network's
            continue
        return classifier
    raise Refused(f"{weights} holds weights of no network that rabench builds; it builds {', '.join(networks)}")
