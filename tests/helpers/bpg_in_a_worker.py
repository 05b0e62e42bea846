"""What a spawned worker is asked for: importable there, as test modules are not."""

from rabench.codecs import CODECS


def encode_all(spec, images):
    return CODECS.make(spec).encode_batch(images)
