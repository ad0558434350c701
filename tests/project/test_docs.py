"""What the documents say of tests and metrics is so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [f for room in ("sdk", "workers", "tests", "examples") for f in (ROOT / room).rglob("*.*")]


def test_every_defence_is_shown_by_a_test_that_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs" / "security.md").read_text())
    missing = [f"{file}::{test}" for file, test in named if not _has(ROOT / file, test)]
    assert len(named) > 20 and not missing, missing


def test_the_check_can_fail():
    assert not _has(Path(__file__), "test_that_nobody_wrote") and not _has(ROOT / "tests" / "nowhere.py", "test_it")


def _has(file: Path, test: str) -> bool:
    return file.is_file() and f"def {test}(" in file.read_text()


def test_every_metric_of_a_worker_is_documented():
    from portraitist_workers.telemetry import fleet, metrics

    text = (ROOT / "docs" / "operations.md").read_text()
    source = Path(metrics.__file__).read_text() + Path(fleet.__file__).read_text()
    names = re.findall(r'(?:counter|histogram|gauge)\("(\w+)"', source)
    missing = [name for name in names if f"portraitist_{name}" not in text]
    assert len(names) > 10 and not missing, missing


def test_the_changelog_begins_with_this_version():
    import portraitist

    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == portraitist.__version__ and len(set(versions)) == len(versions) > 1


def test_the_changelog_names_verbs_and_options_that_exist():
    """What it says was added is there; links are tested with those of all pages."""
    import typer.main

    from portraitist.cli.app import app

    text = (ROOT / "CHANGELOG.md").read_text()
    root = typer.main.get_command(app)
    commands = set(re.findall(r"`portraitist (\w+)", text))
    assert len(commands) > 3 and commands <= set(root.commands)  # type: ignore[attr-defined]


def test_files_that_the_documents_name_exist():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "priors").glob("*.md")]
    named = [(p.name, file) for p in pages for file in re.findall(r"`([\w/]+\.(?:py|lua))", p.read_text())]
    missing = [f"{page}: {file}" for page, file in named if not _somewhere(file)]
    assert len(named) > 60 and not missing, missing
    assert not _somewhere("persona/nowhere.py") and not _somewhere("where.py")  # the check can fail


def _somewhere(file: str) -> bool:
    return any(f"/{found.relative_to(ROOT)}".endswith(f"/{file}") for found in FILES)
