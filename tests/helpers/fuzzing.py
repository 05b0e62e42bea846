"""Property tests of readers: a few examples by default, many with HYPOTHESIS_PROFILE=fuzz; and damage to bytes."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MANY = int(os.environ.get("HYPOTHESIS_EXAMPLES", "5000"))
"""Examples of each test in the profile ``fuzz``."""


def register():
    """Makes the profile ``fuzz`` known, and loads the one that HYPOTHESIS_PROFILE names."""
    checks = list(HealthCheck)
    settings.register_profile("fuzz", max_examples=MANY, deadline=None, suppress_health_check=checks, print_blob=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def some(examples):
    """How many examples a test tries; in the profile ``fuzz``, as many as that says."""
    fuzz = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
    return settings(
        max_examples=MANY if fuzz else examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not fuzz,
    )


def json_values(texts=()):
    """Whatever JSON can hold, and what Python reads as JSON. texts: keys and texts that mean something."""
    words = st.sampled_from(texts) | st.text(max_size=5) if texts else st.text(max_size=5)
    numbers = st.integers() | st.floats() | st.sampled_from([2**63, 10**30, -1, 0])
    plain = st.none() | st.booleans() | numbers | words
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
    )


@st.composite
def changed(draw, content):
    """A JSON value with some of its parts replaced by others, or gone."""
    keys = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=3))
    for key in keys:
        content = _replaced(content, key, draw(json_values()), draw(st.booleans()))
    return content


def _replaced(content, key, value, gone):
    if isinstance(content, dict) and content and key % 7:
        name = sorted(content)[key % len(content)]
        rest = {k: v for k, v in content.items() if k != name}
        return rest if gone and key % 2 else {**rest, name: _replaced(content[name], key // 7, value, gone)}
    if isinstance(content, list) and content and key % 7:
        place = key % len(content)
        return [*content[:place], _replaced(content[place], key // 7, value, gone), *content[place + 1 :]]
    return value


@st.composite
def damaged(draw, whole, header=0):
    """Bytes with some of them changed, cut out, doubled or cut off. header: so many are changed rather more often."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        last = min(header, len(data)) if header and draw(st.booleans()) else len(data)
        place = draw(st.integers(0, max(0, last - 1)))
        kind = draw(st.sampled_from(("flip", "set", "cut", "insert", "number", "end")))
        if kind == "flip" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and data:
            data[place] = draw(st.sampled_from([0, 1, 127, 128, 255]))
        elif kind == "cut":
            del data[place : place + draw(st.integers(1, 40))]
        elif kind == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "number":
            number = draw(st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 100_000]))
            data[place : place + 4] = number.to_bytes(4, draw(st.sampled_from(["little", "big"])))
        else:
            del data[place:]
    return bytes(data)
