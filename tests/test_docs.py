"""The pages that people read: how long and wide they are, and whether what they name is there."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from rabench.bench.commands.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")),
        *(ROOT / "docs").glob("*.md"),
    ]
)
on_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
LONGEST_LINE = 120
LONGEST_README = 120
"""Lines of README.md: what a newcomer reads before the first command."""


def wide_lines(text):
    """The numbers of lines that are wider than a page allows."""
    return [number for number, line in enumerate(text.splitlines(), 1) if len(line) > LONGEST_LINE]


def without_blocks(text):
    """The text without fenced code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)


def anchors(text):
    """What a link may name in a page, as GitHub calls its headings."""
    headings = re.findall(r"^#+ (.*)", without_blocks(text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text, page):
    """The relative links and images of a page that lead nowhere, with those that name a heading which is not there."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in anchors(text if path == page else path.read_text())):
            broken.append(target)
    return broken


def command_lines(text):
    """What a page tells people to type: code spans and lines of shell blocks that begin with rabench."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.S | re.M)
    typed = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`]+)`", without_blocks(text).replace("``", ""))
    lines = [line.strip().removeprefix("$ ").split(" #")[0] for line in [*typed, *spans]]
    return [line for line in lines if line.startswith("rabench ")]


def unknown_words(line):
    """The command or the options of a command line that rabench does not have."""
    command = typer.main.get_command(app)
    words = shlex.split(line.replace("...", ""))[1:]
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return [words[0]]
        command = command.commands[words.pop(0)]
    known = {"--help", "--install-completion", *(o for p in command.params for o in (*p.opts, *p.secondary_opts))}
    return [word for word in words if word.startswith("--") and word not in known]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


@on_each_page
def test_no_line_of_a_page_is_wide(page):
    assert wide_lines(page.read_text()) == []


@on_each_page
def test_links_and_images_of_a_page_lead_somewhere(page):
    assert broken_links(page.read_text(), page) == []


@pytest.mark.slow
@on_each_page
def test_commands_of_a_page_and_their_options_are_there(page):
    lines = command_lines(page.read_text())
    assert {line: words for line in lines if (words := unknown_words(line))} == {}


def test_each_page_of_docs_is_linked_from_the_readme():
    links = re.findall(r"\]\((docs/[^)#]+\.md)\)", (ROOT / "README.md").read_text())
    assert {ROOT / link for link in links} == set((ROOT / "docs").glob("*.md"))


def test_the_files_that_contributing_names_are_there():
    names = re.findall(r"`([\w/.-]+/[\w.-]*|[\w-]+\.py)`", without_blocks((ROOT / "CONTRIBUTING.md").read_text()))
    imagined = {"codecs/NAME.py", "codecs/mine.py", "study/embedded/NAME.toml"}
    places = (
        ROOT,
        ROOT / "bench",
        ROOT / "bench" / "running",
        ROOT / "bench" / "comparing",
        ROOT / "bench" / "reading",
    )
    missing = {n for n in names if n not in imagined and not any((place / n).exists() for place in places)}
    assert len(names) > 40 and missing == set()


def test_contributing_tells_of_every_room():
    rooms = {f"bench/{p.parent.name}/" for p in (ROOT / "bench").glob("*/__init__.py")}
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


def test_what_is_wrong_with_a_page_is_found(tmp_path):
    (tmp_path / "other.md").write_text("# A *Heading*, told\n```\n# no heading\n```\n")
    text = "[a](other.md) [b](other.md#a-heading-told) [c](other.md#no-heading) ![d](lost.png) [e](https://example.org)"
    assert broken_links(text, tmp_path / "page.md") == ["other.md#no-heading", "lost.png"]
    assert wide_lines("x" * 120 + "\n" + "x" * 121) == [2]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("`rabench run photos --limit 200`", []),
        ("rabench measures", []),
        ("`rabench measure photos`", ["measure"]),
        ("`rabench train network`", ["network"]),
        ("```sh\nrabench compare a --anchor b \\\n    --flip  # --none\n```", ["--flip"]),
        ("```\n$ rabench points a --at-lest 3\n```", ["--at-lest"]),
        ("`rabench train classifier ... --width 3 --colors 2`", ["--colors"]),
    ],
)
def test_a_command_that_is_not_there_is_found(text, unknown):
    assert [word for line in command_lines(text) for word in unknown_words(line)] == unknown
