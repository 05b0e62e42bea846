"""A study's records into packs, while nothing else measures it."""

from __future__ import annotations

from collections.abc import Callable

from ..records.packs import Packed, pack
from .folder import prepared
from .matrix import Study


def pack_study(study: Study, say: Callable[[str], None] = lambda _: None) -> Packed:
    """Puts a study's records without failures into one file a point.

    A kill leaves every record in a file of its own, in a pack, or in both. say: receives a line for each point that stays
    as it is, as a record is damaged. Raises Unavailable where the study is being measured or cannot be written.
    """
    with prepared(study) as records:
        records.packs.mkdir(exist_ok=True)
        return pack(records.loose(), records.opened_packs(), records.packs, say)
