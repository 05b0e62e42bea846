"""Messages of errors: below the command line they name Python's arguments, which the command line turns into options."""

import ast
import re
from pathlib import Path

import pytest
from rabench.core import errors

ROOT = Path(__file__).parent.parent
ROOMS = ("bench", "classifiers", "codecs", "core", "datasets", "quantizers")
COMMANDS = ROOT / "bench" / "commands"
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"error", "unknown"}
"""What makes an error by its name: the classes, TomlFile.error and errors.unknown."""
OPTION = re.compile(r"(?:^|[\s(,;])--[a-z]")
COMMAND_LINE = re.compile(r"\b(?:rabench|pip) ")
"""How a whole command line begins; what follows it is to be typed as it is."""


def below_the_command_line():
    """Every file of the package whose messages a Python user reads."""
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if COMMANDS not in path.parents)


def texts(node, constants):
    """The literals of an expression, each whole: of an f-string the constants of its file filled in, "..." for others."""
    if isinstance(node, ast.JoinedStr):
        parts = [
            part.value
            if isinstance(part, ast.Constant)
            else constants.get(ast.unparse(part.value), "...")
            if isinstance(part, ast.FormattedValue)
            else "..."
            for part in node.values
        ]
        yield "".join(map(str, parts))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child, constants)


def options_in_messages(text):
    """The messages of a file's errors that name an option outside of a whole command line, with their lines."""
    tree = ast.parse(text)
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    messages = {
        (node.lineno, message)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ERRORS)
        for message in texts(node, constants)
    }
    return sorted(
        f"line {line}: {message}" for line, message in messages if OPTION.search(COMMAND_LINE.split(message)[0])
    )


@pytest.mark.parametrize("path", below_the_command_line(), ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_name_arguments_and_not_options(path):
    assert options_in_messages(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        'raise Refused("too few images; raise --limit")',
        'raise Refused(f"{count} images are too few; "\n    f"raise --limit above {count}")',
        'raise BadSetting("--point needs a classifier")',
        'raise Unavailable("--dask needs distributed: pip install distributed")',
        'def error():\n    return Unavailable("the folder cannot be written; name another (--out)")',
        'raise file.error(key, "no such key" + f"; leave out --{key}, or take --all")',
    ],
)
def test_an_option_in_a_message_is_found(text):
    assert len({found.partition(": ")[2] for found in options_in_messages(text)}) == 1


@pytest.mark.parametrize(
    "text",
    [
        'raise Refused("too few images; raise `limit`")',
        "raise Refused(\"'rabench finetune --study STUDY --restart' makes it anew\")",
        'MADE_BY = "rabench train colorcnn"\nraise Unavailable(f"no weights; {MADE_BY} --colors {colors} makes them")',
        'raise Unavailable("this wheel lacks x265: pip install --only-binary av av")',
        'raise BadSetting(\'version is a list, such as ["cjxl", "--version"]\')',
        'words.append(f"--limit {limit}")',
    ],
)
def test_arguments_whole_command_lines_and_examples_are_no_options_in_messages(text):
    assert options_in_messages(text) == []
