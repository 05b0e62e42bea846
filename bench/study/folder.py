"""A study's folder while it is being measured: locked against other runs, and holding a copy of the matrix."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import Refused, Unavailable
from ...core.files import locked, remove_partial, write_text
from ..records.packs import Packed, pack
from ..records.records import Records
from .matrix import FILE
from .study import EMBEDDED, Study

COPIED = "# The study {} that comes with rabench, copied here; this copy is yours to edit.\n"
BASE = "base = {}  # paths are beside this\n"


@contextmanager
def prepared(study: Study) -> Iterator[Records]:
    """Makes a study's folder, locks it for this process, and gives its records: ``with prepared(study) as records: ...``

    Raises Unavailable where another process is measuring the study or the folder cannot be written, Refused where the
    folder holds the matrix of another study.
    """
    folder, records = study.folder, Records(study.records)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    with locked(folder / ".lock", f"{folder} is being measured by another 'rabench run'", " or name another `out`"):
        try:
            records.create()
            remove_partial(folder)
            _copy_matrix(study, folder / FILE)
        except OSError as error:
            raise _unwritable(folder, error) from None
        yield records


def _unwritable(folder: Path, error: OSError) -> Unavailable:
    return Unavailable(f"{folder} cannot be written ({error.strerror}); name a folder that can as `out`")


def _copy_matrix(study: Study, target: Path) -> None:
    """Copies the matrix of a study that comes with rabench, or that is measured into another folder."""
    if target.exists() and target.samefile(study.matrix):
        return
    head = COPIED.format(study.name)
    if target.exists() and not target.read_text(encoding="utf-8").startswith(head):
        raise Refused(f"{target.parent} holds another study's {FILE}; name another `out`")
    text = study.matrix.read_text(encoding="utf-8-sig")
    if study.matrix.parent != EMBEDDED and "base" not in tomllib.loads(text):
        head += BASE.format(json.dumps(str(study.matrix.parent.absolute())))
    write_text(target, head + text)


def pack_study(study: Study, say: Callable[[str], None] = lambda _: None) -> Packed:
    """Puts a study's records without failures into one file a point.

    A kill leaves every record in a file of its own, in a pack, or in both. say: receives a line for each point that stays
    as it is, as a record is damaged. Raises Unavailable where there are no records, or the study is being measured or cannot be
    written.
    """
    if not study.records.is_dir():
        raise study.unmeasured()
    with prepared(study) as records:
        records.packs.mkdir(exist_ok=True)
        return pack(records.loose(), records.opened_packs(), records.packs, say)
