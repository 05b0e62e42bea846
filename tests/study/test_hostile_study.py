"""A study that somebody made up to do harm: what reads it ends well, runs nothing of it, and shows names as names."""

import csv
import os
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from browsers import headless, requests
from command_line import rabench as command
from hostile import hostile_study
from rabench.core.files import PARTIAL, write_text

pytestmark = pytest.mark.slow
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COMMANDS = {
    "status": ("status",),
    "status as csv": ("status", "--format", "csv"),
    "report": ("report", "--psnr"),
    "compare": ("compare", "--anchor", "none+png"),
    "compare with names": ("compare", "--anchor", "none+png", "--discordant", "--format", "markdown"),
    "compare as json": ("compare", "--anchor", "none+png", "--format", "json"),
    "points": ("points", "--at-least", "50"),
    "classes": ("classes",),
    "verify": ("verify", "--workers", "0"),
    "merge": ("merge", "--into", "merged"),
    "pack": ("pack",),
}
"""Each command that only reads."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return hostile_study(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def done(study, tmp_path_factory):
    """Every command, in order; each in a process of its own."""
    config = str(tmp_path_factory.mktemp("config"))

    def run(name, *words):
        return command(name, str(study), *words, cwd=study.parent, RABENCH_CONFIG=config)

    return {what: run(*words) for what, words in COMMANDS.items()}


@pytest.mark.long
@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_that_reads_ends_well(done, what):
    found = done[what]
    assert found.returncode in (0, 2, 3), found.stderr
    assert "Traceback" not in found.stderr and "Warning" not in found.stderr, found.stderr
    if found.returncode == 2:
        assert found.stderr.startswith("rabench: ") and found.stderr.count("\n") == 1


@pytest.mark.parametrize("what", COMMANDS)
def test_a_terminal_is_not_steered(done, what):
    assert STEERING.findall(done[what].stdout + done[what].stderr) == []


def test_most_commands_have_something_to_tell(done):
    refused = {what for what, found in done.items() if found.returncode == 2}
    assert refused <= {"verify"}, [done[what].stderr for what in refused]


def test_nothing_of_it_ran(done, study):
    assert not list(study.parent.rglob("ran"))


def test_its_tables_hold_text_alone(done, study):
    markdown, latex = (study / "table.md").read_text(), (study / "table.tex").read_text()
    assert not re.search(r"<[A-Za-z/!]|(?<!\\)]\(|]\[", markdown)
    assert not re.search(r"(?<!textbackslash\{\})\\(input|write|frac)", latex) and "{}[1cm]" not in latex
    for name in ("summary.csv", "timing.csv"):
        for row in csv.reader((study / name).read_text().splitlines()):
            assert not any(re.match(r"[=@\t\r]|[+-](?!\d*\.?\d*$)", cell) for cell in row)
    assert STEERING.findall(markdown + latex + (study / "summary.csv").read_text()) == []


class Tags(HTMLParser):
    """The tags of a page, and the attributes that could do something."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.acting = 0, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.acting += [(tag, *pair) for pair in attrs if pair[0].startswith("on") or pair[0] in ("src", "action")]
        self.acting += [(tag, *pair) for pair in attrs if pair[0] == "href" and not str(pair[1]).startswith("#")]
        self.acting += [(tag,)] if tag in ("img", "iframe", "object", "embed", "b", "form", "link", "base") else []


def test_its_page_has_the_tags_of_every_page(done, study):
    tags = Tags((study / "report.html").read_text())
    assert tags.scripts == 3 and tags.acting == []


def test_its_figures_are_whole_and_hold_names_as_text(done, study):
    figures = sorted(study.glob("*.svg"))
    assert len(figures) >= 8
    for figure in figures:
        text = figure.read_text()
        names = {element.tag.split("}")[1] for element in ElementTree.fromstring(text).iter()}
        assert "script" not in names and "foreignObject" not in names
        assert STEERING.findall(text) == []


def test_its_page_runs_no_script_of_its_own_and_asks_for_nothing(done, study):
    page = (study / "report.html").as_uri()
    with headless() as browser:
        requests(browser)
        browser.get(page)
        for part in range(2):
            browser.execute_script(
                "const s = document.getElementById('part'); s.value = arguments[0]; s.dispatchEvent(new Event('change'));"
                "for (const b of document.querySelectorAll('.points .pick')) b.click();",
                part,
            )
        assert browser.execute_script("return window.planted === undefined && window.Plotly !== undefined")
        assert len(browser.find_elements("css selector", ".rate-accuracy .scatterlayer .trace")) > 1
        assert browser.get_log("browser") == []
        assert requests(browser) == [page]


@pytest.mark.long
def test_links_in_its_folder_are_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    study = hostile_study(tmp_path / "linked")
    for name in (".lock", "summary.csv", "report.html", "rate-accuracy.png", "records/catalog.arrow"):
        (study / name).symlink_to(victim)
    for words in (("report",), ("status",), ("pack",)):
        done = command(words[0], str(study), *words[1:], cwd=tmp_path, RABENCH_CONFIG=str(tmp_path / "config"))
        assert "Traceback" not in done.stderr
    assert "is a link" in done.stderr and done.returncode == 2
    (study / ".lock").unlink()
    assert command("pack", str(study), cwd=tmp_path, RABENCH_CONFIG=str(tmp_path / "config")).returncode in (0, 3)
    assert victim.read_text() == "mine"
    partial = tmp_path / f"{PARTIAL}{os.getpid()}-new"
    partial.symlink_to(victim)
    write_text(tmp_path / "new", "theirs")
    assert victim.read_text() == "mine" and not (tmp_path / "new").is_symlink()
