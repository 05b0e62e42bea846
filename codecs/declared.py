"""Codecs that are declared, not written: an encoder and a decoder program, their arguments and settings, as TOML."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, make_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ..core.errors import Unavailable, nearest
from ..core.images import RGB, AnyImage, IndexedImage, as_rgb
from ..core.origins import Origin
from ..core.plugins import Plugin, Span, setting
from ..core.toml_files import TomlFile
from . import programs, y4m
from .base import Codec
from .pillow import read
from .png import PNG

QUALITY, OLD_QUALITY = "quality_parameter", "dial"
"""The key that names a codec's quality parameter, now and before version 0.2."""
KEYS = (
    *("encode", "decode", "version", "timeout", "lossless", "palette", "chroma", "settings", "remedy"),
    *(QUALITY, OLD_QUALITY),
)
SETTING_KEYS = ("default", "from", "to", "step", "unit", "among", "help")
Y4M = "y4m"
FORMATS = {"png": "PNG", "ppm": "PPM", "pnm": "PPM", "bmp": "BMP", "tif": "TIFF", "tiff": "TIFF", Y4M: "YUV4MPEG2"}
"""Image formats that programs may read and write, by the ending in a placeholder; Pillow's names but for the last."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Declaration(Origin):
    """One table of a TOML file, as JSON with sorted keys: its hash changes with this codec alone."""

    folder: str = ""
    """The TOML file's folder, which {folder} stands for; no part of the hash."""

    def make(self) -> list[type[Plugin]]:
        declaration = json.loads(self.content)
        return [_codec(declaration["name"], declaration["table"], self.folder)]


def declare(name: str, table: Any, file: TomlFile) -> Declaration:
    """The declaration of a codec by its [programs.NAME] table in a file. Raises BadSetting for a mistake in the table."""
    file = file.about(name)
    _check(name, table, file)
    for key in ("encode", "decode", "version"):
        for word in table.get(key, [])[1:]:
            if "{" not in word and not Path(word).is_absolute() and (file.path.parent / word).is_file():
                raise file.error(word, f"{word} lies beside this file: write {{folder}}/{word}")
    # The older key is what is hashed, so that records stay those of a table whose key is renamed
    hashed = {OLD_QUALITY if key == QUALITY else key: value for key, value in table.items()}
    content = json.dumps({"name": name, "table": hashed}, sort_keys=True).encode()
    return Declaration(file.path.name, content, str(file.path.resolve().parent))


def _check(name: str, table: Any, file: TomlFile) -> None:
    if not _NAME.fullmatch(name):
        raise file.error(name, f"a codec's name is of lower-case letters, digits, - and _, got {name!r}")
    if not isinstance(table, dict):
        raise file.error(name, "a codec is a table, written as [programs.NAME]")
    file.check_keys(table, KEYS)
    settings = table.get("settings", {})
    if not isinstance(settings, dict):
        raise file.error("settings", f"settings is a table, written as [programs.{name}.settings]")
    for key, declared in settings.items():
        _check_setting(key, declared, file)
    for key in ("encode", "decode"):
        placeholders = {*settings, "folder", "python", *(("width", "height") if key == "encode" else ())}
        _check_command(key, table.get(key), placeholders, file)
    version = table.get("version", [])
    if not isinstance(version, list) or not all(isinstance(word, str) for word in version):
        raise file.error("version", 'version is the command that tells it, such as version = ["cjxl", "--version"]')
    timeout = table.get("timeout", 60)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        raise file.error("timeout", f"timeout is seconds for one image, above 0, got {timeout!r}")
    for key in ("lossless", "palette"):
        if not isinstance(table.get(key, False), bool):
            raise file.error(key, f"{key} is true or false, got {table[key]!r}")
    if table.get("chroma", 420) not in (420, 444):
        raise file.error("chroma", f"chroma of {{input.y4m}} is 420 or 444, got {table['chroma']!r}")
    for key in (QUALITY, OLD_QUALITY):
        if (parameter := table.get(key)) is not None and parameter not in settings:
            raise file.error(
                key, f"{key} names a setting, got {parameter!r}; there are {', '.join(settings) or 'none'}"
            )


def _check_command(key: str, command: Any, names: set[str], file: TomlFile) -> None:
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        files = '"{input.png}", "{output.bin}"' if key == "encode" else '"{input.bin}", "{output.png}"'
        raise file.error(key, f'{key} is a list of arguments, such as {key} = ["prog", {files}]')
    placeholders = [placeholder for word in command for placeholder in _PLACEHOLDER.findall(word)]
    for placeholder in placeholders:
        if not re.fullmatch(r"(input|output)\.\w+", placeholder) and placeholder not in names:
            files = "input.ENDING, output.ENDING"
            raise file.error(
                "{" + placeholder,
                f"{{{placeholder}}} is no setting{nearest(placeholder, names)}; known are {files}, {', '.join(sorted(names))}",
            )
    for side in ("input", "output"):
        endings = {placeholder.partition(".")[2] for placeholder in placeholders if placeholder.startswith(f"{side}.")}
        if len(endings) > 1 or (side == "input" and not endings):
            note = "; without one its standard output is taken" if side == "output" else ""
            raise file.error(
                key, f"{key} names its {side} file as one {{{side}.ENDING}}{note}, got {len(endings)} endings"
            )
        if (side == "input") == (key == "encode") and not endings <= FORMATS.keys():
            raise file.error(
                key, f"{key}: {{{side}.{endings.pop()}}} is an image, whose ending is one of {', '.join(FORMATS)}"
            )


def _check_setting(key: str, declared: Any, file: TomlFile) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
        raise file.error(key, f"a setting's name is of lower-case letters, digits and _, got {key!r}")
    example = f"{key} = {{ default = 1.0, from = 0.0, to = 15.0 }} or {{ default = 7, among = [3, 7] }}"
    if not isinstance(declared, dict) or "default" not in declared or ("among" in declared) == ("from" in declared):
        raise file.error(key, f"a setting is a table such as {example}")
    for option in declared:
        if option not in SETTING_KEYS:
            raise file.error(
                option,
                f"{key} has no key {option!r}{nearest(option, SETTING_KEYS)}; there are {', '.join(SETTING_KEYS)}",
            )
    values = declared["among"] if "among" in declared else [declared["default"], declared["from"], declared.get("to")]
    types = {type(value) for value in [declared["default"], *values]} if isinstance(values, list) else set()
    if len(types) != 1 or not types <= {int, float, str}:
        raise file.error(
            key,
            f"default and what is allowed are of one type (1 and 15 are whole numbers, 1.0 and 15.0 are not): {example}",
        )
    if declared["default"] not in _among(declared):
        raise file.error(key, f"the default {declared['default']!r} of {key} is not among what is allowed")


def _among(declared: dict[str, Any]) -> Any:
    if "among" in declared:
        return tuple(declared["among"])
    if isinstance(declared["from"], float):
        return Span(declared["from"], declared["to"], declared.get("unit", ""))
    return range(declared["from"], declared["to"] + 1, declared.get("step", 1))


def _codec(name: str, table: dict[str, Any], folder: str) -> type[Codec]:
    fields = [
        (
            key,
            type(declared["default"]),
            setting(
                declared["default"],
                _among(declared),
                quality_parameter=key == table.get(OLD_QUALITY),
                help=declared.get("help", ""),
            ),
        )
        for key, declared in table.get("settings", {}).items()
    ]
    own = {
        "name": name,
        "table": table,
        "folder": folder,
        "lossless": table.get("lossless", False),
        "__doc__": f"The program {table['encode'][0]}, as declared.",
    }
    return make_dataclass(f"Declared_{name.replace('-', '_')}", fields, bases=(Declared,), namespace=own, frozen=True)


@dataclass(frozen=True)
class Declared(Codec):
    """A codec that runs an encoder and a decoder program; subclasses hold the settings."""

    table: ClassVar[dict[str, Any]]
    folder: ClassVar[str]

    def version(self) -> str:
        """The programs' own version line, else their hashes; then the hash of every file that a command names."""
        remedy = self.table.get("remedy", "install it, or take the codec out of the study")
        commands = {
            key: [
                w.replace("{folder}", self.folder).replace("{python}", sys.executable) for w in self.table.get(key, [])
            ]
            for key in ("encode", "decode", "version")
        }
        paths = [programs.find(commands[key][0], remedy) for key in ("encode", "decode")]
        files = [word for words in commands.values() for word in words[1:] if Path(word).is_file()]
        if words := commands["version"]:
            version_line = _version_of(programs.find(words[0], remedy), *words[1:])
            return ", ".join([version_line, *_hashes(files)])
        return ", ".join(_hashes([*paths, *files]))

    def encode(self, image: AnyImage) -> bytes:
        self._probe()
        return self._encode(image)

    def _encode(self, image: AnyImage) -> bytes:
        indexed = self.table.get("palette", False) and isinstance(image, IndexedImage)
        height, width = as_rgb(image).shape[:2]

        def write(path: Path) -> None:
            if indexed:
                path.write_bytes(PNG().encode(image))
            elif path.suffix == f".{Y4M}":
                path.write_bytes(y4m.write(as_rgb(image), self.table.get("chroma", 420)))
            else:
                Image.fromarray(as_rgb(image)).save(path, compress_level=1)  # other formats pass it over

        return self._through("encode", write, {"width": width, "height": height})

    def decode(self, data: bytes) -> RGB:
        image_file = self._through("decode", lambda path: path.write_bytes(data), {})
        if image_file.startswith(y4m.SIGNATURE):
            return y4m.read(image_file)
        return read(image_file, *(FORMATS[ending] for ending in FORMATS if ending != Y4M))

    def encode_batch(self, images: Sequence[AnyImage]) -> list[bytes]:
        return programs.each(self.encode, images)

    def decode_batch(self, files: Sequence[bytes]) -> list[RGB]:
        return programs.each(self.decode, files)

    def _through(self, key: str, write: Callable[[Path], object], sizes: dict[str, int]) -> bytes:
        with programs.scratch() as folder:
            places: dict[str, Path] = {}

            def value(match: re.Match[str]) -> str:
                name = match[1]
                if name.startswith(("input.", "output.")):
                    places[name.partition(".")[0]] = folder / name
                    return str(folder / name)
                if name == "python":
                    return sys.executable
                return str(sizes[name] if name in sizes else getattr(self, name))  # folder, or a setting

            words = [(word, _PLACEHOLDER.sub(value, word)) for word in self.table[key]]
            command = [filled for word, filled in words if filled or not word]  # a setting may be no argument at all
            write(places["input"])
            try:
                return programs.output(command, places.get("output"), float(self.table.get("timeout", 60)))
            except programs.ProgramError as error:
                raise programs.ProgramError(str(error).replace(f"{folder}{os.sep}", "")) from None

    def _probe(self) -> None:
        """Raises ProgramError for a program that gives the same file for black and for white."""
        if _ignores_its_input(self):
            raise programs.ProgramError(
                f"{self.table['encode'][0]}: black and white give the same file: it ignores its input"
            )


@lru_cache(maxsize=1024)
def _ignores_its_input(codec: Declared) -> bool:
    black, white = (codec._encode(np.full((16, 16, 3), level, np.uint8)) for level in (0, 255))
    return black == white


@lru_cache
def _version_of(path: str, *arguments: str) -> str:
    """The first line that a program's version command prints. Raises Unavailable where it does not run."""
    try:
        printed = programs.run([path, *arguments], 30)
    except programs.ProgramError as error:
        raise Unavailable(f"{error}; its version command does not work") from None
    return next((line.strip() for line in printed.splitlines() if line.strip()), Path(path).name)


def _hashes(paths: Sequence[str]) -> list[str]:
    """Each file's name and hash: programs that cannot tell their version, scripts and weights."""
    stats = {path: Path(path).stat() for path in paths}
    return [f"{Path(p).name} {_hash(p, stat.st_mtime_ns, stat.st_size)[:16]}" for p, stat in stats.items()]


@lru_cache(maxsize=1024)
def _hash(path: str, changed: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
