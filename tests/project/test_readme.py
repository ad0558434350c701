"""README and docs: commands that exist, code that compiles, links that lead somewhere."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import portraitist
from portraitist.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in BLOCK.findall(page.read_text()) if language in languages]


def anchor(heading: str) -> str:
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    text = BLOCK.sub("", page.read_text())
    for link in LINK.findall(text):
        if "://" in link:
            continue
        file, _, part = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if part:
            assert part in {anchor(h) for h in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)}, link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_uses_names_that_exist(page):
    for code in blocks(page, "python", "py"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "portraitist":
                assert hasattr(portraitist, node.attr), f"portraitist.{node.attr}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_exist_with_their_options(page):
    root = typer.main.get_command(app)
    for line in "\n".join(blocks(page, "sh", "bash")).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["portraitist"]:
            continue
        command = root.commands[words[1]]  # type: ignore[attr-defined]
        if command.name == "demo":
            continue
        command.make_context(words[1], words[2:])  # raises on unknown options, missing arguments, wrong types


def test_make_targets_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"^make (\w+)", "\n".join(blocks(page, "sh")), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_files_that_the_readme_names_exist():
    text = "\n".join(blocks(ROOT / "README.md", "sh", "python"))
    for name in re.findall(r"examples/[\w./-]+", text):
        assert (ROOT / name).exists(), name


def test_the_limits_of_the_readme_are_those_of_the_report():
    from portraitist_workers.report.facts import limits

    readme = (ROOT / "README.md").read_text()
    for fact in ("128 × 128 px", "79 people", "18 to 54", "mostly white", "30°"):
        assert fact in readme and fact in limits()


def test_the_error_page_lists_every_error():
    from portraitist import errors

    page = (ROOT / "docs" / "errors.md").read_text()
    for cls in errors._classes(errors.PortraitistError):
        assert f"`{cls.__name__}`" in page, cls.__name__
        if cls is not errors.PortraitistError:
            assert f"`{cls.__name__}` | `{cls('').code}` | {cls.status} |" in page


def test_notice_attributes_what_the_weights_were_made_from():
    notice = (ROOT / "NOTICE").read_text()
    for name in (
        "Face Research Lab London Set",
        "10.6084/m9.figshare.5047666.v5",
        "CC BY 4.0",
        "ICT-FaceKit",
        "MIT",
        "LPIPS",
        "BSD-2-Clause",
        "MediaPipe",
    ):
        assert name in notice
    from portraitist_workers.report import facts

    example = json.loads((ROOT / "examples" / "photos.json").read_text())
    assert "London Set" in example["note"] and "London Set" in facts.licence.__code__.co_consts.__repr__()


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_are_short_and_start(example, capsys):
    import runpy
    import sys

    assert len(example.read_text().splitlines()) <= 60
    argv, sys.argv = sys.argv, [str(example), "--help"]
    try:
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(example), run_name="__main__")
    finally:
        sys.argv = argv
    assert end.value.code == 0 and "--home" in capsys.readouterr().out
