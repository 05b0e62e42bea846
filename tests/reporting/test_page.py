"""report.html: what stands in it, and what it does in a browser."""

import base64
import hashlib
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rabench
from browsers import headless
from given_studies import measured_fixture, photos_matrix
from PIL import Image
from rabench.bench.figures.curve_styles import MARKERS
from rabench.bench.reading.groups import read
from rabench.bench.reporting import page_data
from rabench.bench.reporting.gallery import gallery
from rabench.bench.reporting.page_data import SYMBOLS, page_images
from rabench.bench.reporting.report import report
from rabench.bench.study.study import find_study

pytestmark = pytest.mark.slow

MATRIX = photos_matrix(
    'quantizers = ["median-cut:colors=2,4,16", "octree:colors=2,4,16"]\ncodecs = ["png"]',
    'codecs = ["jpeg:quality=1,5,50"]',
    title="A study & its <curves>",
)
measured = measured_fixture(MATRIX, limit=150)


@pytest.fixture(scope="module")
def study(measured):
    report(measured)
    return measured


@pytest.fixture(scope="module")
def text(study):
    return (study.folder / "report.html").read_text()


@pytest.fixture(scope="module")
def data(text):
    found = re.search(r'<script type="application/json" id="study">(.*?)</script>', text, re.S)
    assert found is not None
    (part,) = json.loads(found.group(1))
    return part


@pytest.mark.long
def test_the_page_needs_nothing_beside_it_and_is_small(text):
    assert len(text.encode()) < 8_000_000
    assert "A study &amp; its &lt;curves&gt;" in text
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.S)  # plotly names addresses that it never opens here
    assert not re.findall(r'(?:src|href)="(?!#|data:)', own) and "@import" not in own and "url(" not in own


def test_the_policy_allows_the_pages_own_scripts_by_their_hash_and_nothing_else(text):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None and policy[1].startswith("default-src 'none'; script-src ") and "connect" not in policy[1]
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']+)'", policy[1]) == hashes and len(hashes) == 2
    assert "unsafe" not in policy[1].replace("style-src 'unsafe-inline'", "")


def test_a_page_of_many_images_holds_some_drawn_at_random(study, data, monkeypatch):
    monkeypatch.setattr(page_data, "VERDICTS", 500)
    monkeypatch.setattr(page_data, "FEWEST_IMAGES", 20)
    group = read(study).groups[0]
    images = page_images(group)
    assert len(images) == 500 // len(group.measured) and (np.diff(images) > 0).all()
    part = page_data.predictions_data(group, images)
    assert (part["images"], part["drawnFrom"]) == (images.tolist(), 150)
    for (_, packed), m in zip(part["right"], group.measured, strict=True):
        right = np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8))[: len(images)]
        assert right.tolist() == m.right[images].astype(int).tolist()
    assert data["images"] == data["drawnFrom"] == 150


def test_the_page_says_what_the_summary_says(study, data):
    summary = rabench.load(study.folder).points
    assert len(data["points"]) == len(summary) == 10
    for said, (_, row) in zip(data["points"], summary.iterrows(), strict=True):
        assert said["bpp"] == pytest.approx([row.bpp, row.payload_bpp, row.bundle_bpp], rel=1e-5)
        assert said["accuracy"] == pytest.approx(
            [100 * v for v in (row.accuracy, row.accuracy_low, row.accuracy_high)], rel=1e-5
        )
        assert sum(said["breakdown"]) == pytest.approx(said["bpp"][0], rel=1e-4)


def test_packed_predictions_are_those_of_the_records(study, data):
    images = rabench.load(study.folder).images
    for said, (_, part) in zip(data["right"], images.groupby(["quantizer", "codec"], sort=False), strict=True):
        assert said[0] == ""  # all were judged
        bits = np.unpackbits(np.frombuffer(base64.b64decode(said[1]), np.uint8))[:150]
        assert bits.tolist() == (part.prediction == part.label).astype(int).tolist()


def test_the_gallery_shows_what_the_codecs_made(study, data):
    (group,) = read(study).groups
    images = group.measured[0].point.dataset.load(0, 150).images
    shown = data["gallery"]["images"][3]
    for place, picture in shown["pictures"].items():
        point = group.measured[int(place)].point
        file = point.codec.encode(point.quantizer.quantize([images[shown["image"]]])[0])
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture["source"].split(",")[1]))).convert("RGB"))
        decoded = point.codec.decode(file)
        assert (pixels == getattr(decoded, "rgb", decoded)).all()
        assert (picture["bytes"], picture["alike"]) == (len(file), True)
    assert {s["why"] for s in data["gallery"]["images"]} == {"discordant", "random"}


def test_the_page_marks_codecs_as_the_figures_do():
    assert set(SYMBOLS) == set(MARKERS)


def test_the_gallery_keeps_to_its_room(study):
    (group,) = read(study).groups
    small = gallery(group, page_images(group), room=100_000)
    assert 0 < len(small.images) < len(gallery(group, page_images(group), room=2_000_000).images)
    assert sum(len(p.source) for s in small.images for p in s.pictures.values()) < 100_000
    assert gallery(group, page_images(group), room=10).left_out == "no image fits into the page"
    other = replace(group, sources=replace(group.sources, stamp="other"))
    assert gallery(other, page_images(other), room=10_000).left_out == "photos has changed since it was measured"


def test_without_the_data_set_the_page_says_why_there_are_no_pictures(study, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(study.folder, copy)
    from rabench.datasets.photos import Photos

    monkeypatch.setattr(Photos, "where", lambda self: None)
    report(find_study(str(copy)))
    assert "No pictures: photos is not on this machine" in (copy / "report.html").read_text()


@pytest.fixture(scope="module")
def browser():
    with headless() as found:
        yield found


@pytest.fixture
def opened(browser, study):
    browser.get((study.folder / "report.html").as_uri())
    return browser


def one(browser, selector):
    return browser.find_element("css selector", selector)


def chosen(browser, selector, value):
    from selenium.webdriver.support.ui import Select

    Select(one(browser, selector)).select_by_value(value)


def test_a_browser_draws_the_figure_without_an_error(opened):
    assert len(opened.find_elements("css selector", ".rate-accuracy .scatterlayer .trace")) == 3
    assert len(opened.find_elements("css selector", ".breakdown .barlayer .trace")) == 4
    assert opened.get_log("browser") == []


def test_a_script_that_got_into_a_page_does_not_run(browser, study, tmp_path):
    planted = "<script>window.planted = 1</script><img src=x onerror='window.planted = 2'>"
    page = tmp_path / "page.html"
    page.write_text((study.folder / "report.html").read_text().replace("</main>", f"{planted}</main>", 1))
    browser.get(page.as_uri())
    assert browser.execute_script("return window.planted === undefined && window.Plotly !== undefined")
    assert any("Content Security Policy" in line["message"] for line in browser.get_log("browser"))


def test_another_rate_changes_the_axis(opened):
    def axis():
        return opened.execute_script(
            "const f = document.querySelector('.rate-accuracy'); return [f.layout.xaxis.title.text, f.layout.xaxis.type, f.data[0].x[0], f.layout.yaxis.title.text]"
        )

    before = axis()
    assert before[0].startswith("file bits per pixel") and before[1] == "log"
    chosen(opened, ".rate", "1")
    assert axis()[0].startswith("payload and palette") and axis()[2] < before[2]
    chosen(opened, ".scale", "linear")
    chosen(opened, ".share", "agreement")
    assert axis()[1] == "linear" and axis()[3].startswith("agreement")
    assert opened.get_log("browser") == []


def test_the_sliders_answer_from_what_is_measured(opened, data):
    def moved(selector, value):
        opened.execute_script(
            "const s = document.querySelector(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('input'))",
            *(selector, value),
        )

    def rows(table):
        found = opened.find_elements("css selector", f"{table} tbody tr")
        return {r.find_element("css selector", "th").text: r.find_elements("css selector", "td") for r in found}

    losses, points = data["choosing"]["losses"], data["points"]
    moved(".tolerance", 100)
    assert one(opened, ".tolerance-shown").text == "10 points of accuracy"
    assert one(opened, ".deciding code").text.endswith(" --lose-at-most 10")
    for curve in data["curves"]:
        ordered = sorted(curve["rows"], key=lambda i: -points[i]["bpp"][0])
        failing = next((k for k, i in enumerate(ordered) if losses[i][2] > 10), len(ordered))
        cells = [cell.text for cell in rows(".within")[curve["name"]]]
        if failing:
            expected = points[ordered[failing - 1]]
            assert cells[0].split(" + ")[0] in (expected["quantizer"], expected["codec"])
            assert float(cells[1]) == pytest.approx(expected["bpp"][0], abs=6e-4)
        else:
            assert cells[0] == "none"
    moved(".tolerance", 0)
    assert {cells[0].text for cells in rows(".within").values()} == {"none"}
    moved(".limit", 0)
    assert [cells[0].text for cells in rows(".spent").values()].count("none so cheap") == len(data["curves"]) - 1
    assert opened.get_log("browser") == []


def test_the_table_sorts_and_filters(opened):
    def column(number):
        rows = opened.find_elements("css selector", ".points tbody tr:not([hidden])")
        return [row.find_elements("css selector", "th, td")[number].text for row in rows]

    head = opened.find_elements("css selector", ".points thead button")[2]
    head.click()
    assert column(2) == sorted(column(2), key=float)
    head.click()
    assert column(2) == sorted(column(2), key=float, reverse=True)
    assert one(opened, ".points thead th:nth-child(3)").get_attribute("aria-sort") == "descending"
    one(opened, ".filter").send_keys("OCTREE png")
    assert set(column(0)) == {"octree:colors=2", "octree:colors=4", "octree:colors=16"}
    assert one(opened, ".count").text == "3 of 10 points"


def test_a_click_on_a_point_shows_its_images_and_the_flips(opened, study):
    place = opened.execute_script(
        """const drag = document.querySelector('.rate-accuracy .nsewdrag'), point = document.querySelectorAll('.rate-accuracy .points .point')[1];
        const box = point.getBoundingClientRect(), at = {clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true};
        drag.dispatchEvent(new MouseEvent('mousemove', at)); return [at.clientX, at.clientY];"""
    )
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    action = ActionBuilder(opened)
    action.pointer_action.move_to_location(*(int(p) for p in place))
    action.pointer_action.pause(0.5)
    action.pointer_action.click()
    action.perform()
    ActionChains(opened).pause(0.5).perform()
    point = int(one(opened, ".b").get_property("value"))
    row = one(opened, ".points tr.chosen")
    assert int(row.get_attribute("data-point")) == point
    name = one(opened, f".b option[value='{point}']").text
    assert name == "median-cut:colors=4+png"
    assert all(name in card.text for card in opened.find_elements("css selector", ".card"))
    (found,) = rabench.compare(study.folder, "none+raw", [])
    line = found.points[(found.points.quantizer == "median-cut:colors=4")].iloc[0]
    said = one(opened, ".counts").text
    assert f"{line.gained} are right in B alone" in said and f"{line.lost} in A alone" in said
    assert opened.get_log("browser") == []


def test_a_phone_shows_the_page_without_scrolling_sideways_and_the_dark_scheme_is_dark(opened):
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    opened.refresh()
    assert opened.execute_script("return document.documentElement.scrollWidth") <= 390
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = opened.execute_script(ground)
    one(opened, "#scheme").click()
    assert opened.execute_script(ground) != light
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert opened.get_log("browser") == []


@pytest.mark.long
def test_the_tiny_imagenet_report_opens(browser, real_data, tmp_path):
    kept = Path(rabench.__file__).parent / "results" / "fig6"
    shutil.copytree(kept, tmp_path / "fig6")
    study = find_study(str(tmp_path / "fig6"))
    report(study)
    page = study.folder / "report.html"
    assert page.stat().st_size < 8_000_000
    browser.get(page.as_uri())
    assert browser.get_log("browser") == []
    assert browser.find_elements("css selector", ".rate-accuracy .scatterlayer .trace")
