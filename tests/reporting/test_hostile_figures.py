"""Names in figures: drawn as they are, never read as formulas, and no figure grows without end."""

from xml.etree import ElementTree

import pytest
from hostile import GOOD, TEXTS
from matplotlib.figure import Figure
from PIL import Image
from rabench.bench.figures.style import save
from rabench.core.printable import printable, shortened


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TEXTS.values(), *GOOD], ids=[*TEXTS, *GOOD])
def test_a_figure_shows_names(tmp_path, name):
    figure = Figure(figsize=(4, 2), layout="constrained")
    axes = figure.subplots()
    axes.plot([1, 2], [1, 2], label=f"x{name}")
    axes.set_yticks([1, 2], [name, "1"])
    axes.set_title(name)
    figure.legend(loc="outside lower center")
    for path in (tmp_path / "a.svg", tmp_path / "a.png"):
        save(figure, path)
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    tree = ElementTree.parse(tmp_path / "a.svg", parser)
    comments = [(e.text or "").strip() for e in tree.iter() if e.tag is ElementTree.Comment]
    shown = printable(name, lines=True)
    escaped = shortened(shown).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").strip()
    assert comments.count(escaped) == 2 or "\n" in name
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == 800


def test_a_figure_has_an_end(tmp_path):
    save(Figure(figsize=(1e6, 1e-1)), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width <= 200 * 60
