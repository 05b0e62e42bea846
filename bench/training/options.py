"""The options of a training, as the command line writes them; weights keep the command that makes them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any


def changed_options(*pairs: tuple[Any, Any], leave_out: Sequence[str] = ()) -> list[str]:
    """The fields of values that differ from their usual ones, as options of a command line.

    pairs: a value, and another of its kind whose fields are the usual ones. leave_out: fields that are no options.
    """
    words = []
    for value, usual in pairs:
        for f in fields(value):
            setting = getattr(value, f.name)
            if f.name in leave_out or setting == getattr(usual, f.name):
                continue
            option = f.name.replace("_", "-")
            words.append(
                f"--{'' if setting else 'no-'}{option}" if isinstance(setting, bool) else f"--{option} {setting}"
            )
    return words
