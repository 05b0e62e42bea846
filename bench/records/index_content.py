"""What blocks.json may hold: an entry of another form, which nobody wrote who keeps to the format, is left out."""

from __future__ import annotations

from typing import Any

from .format import FILES

MOST_IMAGES = 1 << 28
"""The most images of a data set."""
UNREADABLE_SIZE = "unreadable"
"""The word that stands for a size where a block's image could not be read."""


def datasets_in(content: Any) -> dict[str, Any]:
    """The data sets, by their labels."""
    return {label: entry for label, entry in _items(content) if _is_dataset(entry)}


def versions_in(content: Any) -> dict[str, Any]:
    """The keys and versions of points, by their labels."""
    return {name: e for name, e in _items(content) if all(_is_three(_of(e, key)) for key in ("key", "versions"))}


def overheads_in(content: Any) -> dict[str, int]:
    """The bytes of flat images."""
    return {name: count for name, count in _items(content) if _is_count(count)}


def _is_dataset(entry: Any) -> bool:
    images, limit = _of(entry, "images"), _of(entry, "limit")
    return (
        isinstance(_of(entry, "stamp"), str)
        and _is_count(images)
        and images <= MOST_IMAGES
        and (limit is None or _is_count(limit))
        and _is_count(entry.get("classes", 0))
        and _are_texts(entry.get("notes", []))
        and _are_blocks(_of(entry, "blocks"))
        and _are_blocks(entry.get("parts", {}))
    )


def _are_blocks(blocks: Any) -> bool:
    return isinstance(blocks, dict) and all(map(_is_block, blocks.values()))


def _is_block(block: Any) -> bool:
    return (
        isinstance(_of(block, "sha256"), str)
        and isinstance(block.get(FILES, ""), str)
        and isinstance(_of(block, "sizes"), dict)
        and all(_is_size(size) and _is_count(count) for size, count in block["sizes"].items())
        and isinstance(_of(block, "sources"), dict)
        and all(_is_count(_of(s, "images")) and _is_count(_of(s, "bytes")) for s in block["sources"].values())
        and isinstance(block.get("remarks", {}), dict)
        and all(map(_is_count, block.get("remarks", {}).values()))
    )


def _is_size(text: str) -> bool:
    width, cross, height = text.partition("x")
    lengths = [s for s in (width, height) if s.isascii() and s.isdecimal() and len(s) <= 9 and int(s)]
    return text == UNREADABLE_SIZE or (bool(cross) and len(lengths) == 2)


def _items(content: Any) -> list[tuple[str, Any]]:
    return list(content.items()) if isinstance(content, dict) else []


def _of(entry: Any, key: str) -> Any:
    return entry.get(key) if isinstance(entry, dict) else None


def _is_count(number: Any) -> bool:
    return type(number) is int and number >= 0


def _are_texts(texts: Any) -> bool:
    return isinstance(texts, list) and all(isinstance(text, str) for text in texts)


def _is_three(texts: Any) -> bool:
    return _are_texts(texts) and len(texts) == 3
