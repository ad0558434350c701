"""The report: complete in itself, readable by everybody, honest about what failed."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from portraitist_workers import report
from portraitist_workers.report import plots, words

from . import made_up

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Reader(HTMLParser):
    """Collects tags; fails on tags that are closed in another order than they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def content():
    return made_up.content()


@pytest.fixture(scope="module")
def page(content):
    return report.page(content)


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_it_is_well_formed(read):
    assert read.open == []
    assert {"h1", "h2", "main", "svg", "table", "figure"} <= {tag for tag, _ in read.seen}


def test_it_needs_no_other_file(page, read):
    for tag, attributes in read.seen:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            address = attributes.get(name) or ""
            assert address.startswith(("data:image/jpeg;base64,", "#")) or not address, f"<{tag} {name}={address[:60]}>"
        assert not [name for name in attributes if name.startswith("on")]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in style
    assert re.findall(r"url\((?!#)", page) == []


def test_every_picture_is_described(read):
    images = [attributes for tag, attributes in read.seen if tag == "img"]
    assert len(images) > 80
    assert all(attributes.get("alt") and attributes.get("width") and attributes.get("height") for attributes in images)
    drawings = [attributes for tag, attributes in read.seen if tag == "svg" and attributes.get("aria-hidden") != "true"]
    assert drawings and all(attributes.get("role") == "img" and attributes.get("aria-label") for attributes in drawings)


def test_links_lead_somewhere_and_ids_are_unique(read):
    ids = [attributes["id"] for _, attributes in read.seen if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in read.seen if tag == "a"} <= set(ids)


def test_every_photo_has_its_verdict(content, read):
    for verdict in content.record.photos:
        assert verdict.name in read.text
    assert "another person" in read.text and "The reason, and what to do about it" in read.text


def test_it_says_what_was_asked_and_achieved(content, read):
    shown = content.grid.pictures[0].report.attributes["yaw"]
    assert words.value("yaw", shown.achieved) in read.text
    assert "the estimator itself errs by 1.1°" in read.text
    assert "CC-BY 4.0" in read.text and "consent" in read.text


def test_it_says_where_points_got(content, read):
    assert (
        "stuck: no <farther>" in read.text and "arrived" in read.text and "points=[('nose', By(x=8, y=0))]" in read.text
    )
    assert 'id="pull"' not in report.page(dataclasses.replace(content, pulls=()))


def test_sheets_for_the_readme(content, tmp_path):
    from portraitist_workers.demo.sheets import save_sheets

    paths = save_sheets(content, tmp_path / "images")
    assert {p.stem for p in paths} == {"portraits", "grid", "edit", "restore", "group"}
    assert all(p.stat().st_size < 200_000 for p in paths)


def test_names_are_text_not_markup(content):
    evil = "<img src=x onerror=alert(1)>"
    verdicts = [v.model_copy(update={"name": evil + v.name, "reason": evil}) for v in content.record.photos]
    record = content.record.model_copy(update={"photos": verdicts, "warnings": [evil]})
    page = report.page(dataclasses.replace(content, record=record, photos={}, about=evil, failures=[(evil, evil)]))
    assert evil not in page


def test_a_persona_alone_makes_a_report_too(content):
    page = report.page(report.Content(record=content.record, photos={}, failures=[("a grid", "it broke: try again")]))
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and "it broke: try again" in reader.text
    ids = {attributes.get("id") for _, attributes in reader.seen}
    assert all(a["href"][1:] in ids for tag, a in reader.seen if tag == "a")


def test_it_is_written_in_one_step(content, tmp_path):
    path = report.write(content, tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert path.stat().st_size < 6 * 2**20
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-27, 26, [-20, -10, 0, 10, 20]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (3.0, 3.0, [3.0])],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert plots.ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("attribute", "number", "text"),
    [("yaw", -12.34, "−12.3°"), ("yaw", -0.04, "0.0°"), ("smile", 0.5, "0.50"), ("age", 34.26, "34.3")],
)
def test_figures_carry_unit_and_sign(attribute, number, text):
    assert words.value(attribute, number) == text


def test_rank_correlation():
    assert words.rank_correlation([1, 2, 3, 4], [10, 20, 25, 90]) == pytest.approx(1.0)
    assert words.rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert words.rank_correlation([1, 2], [1, 2]) is None
