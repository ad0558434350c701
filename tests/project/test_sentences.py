"""Plain English: no sentence over 30 words and no chain of semicolons, in documents, docstrings and errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import sentences

ROOT = Path(__file__).parents[2]
HAND_WRITTEN = [
    page
    for page in [*ROOT.glob("*.md"), ROOT / "NOTICE", *(ROOT / "docs").rglob("*.md")]
    if "| Command |" not in page.read_text()  # a benchmark's program writes such pages
]
SOURCES = [*(ROOT / "sdk").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]
DOCSTRINGS_LEFT = 0

WORDS = "one two three four five six seven eight nine ten"
LONG = f"{WORDS} {WORDS} {WORDS} more."


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_documents(page):
    assert not (found := too_long(page, sentences.of_markdown)), "\n" + "\n".join(found)


def test_errors():
    assert not (found := [line for file in SOURCES for line in too_long(file, sentences.of_errors)]), "\n".join(found)


def test_docstrings():
    found = [line for file in SOURCES for line in too_long(file, sentences.of_docstrings)]
    assert len(found) <= DOCSTRINGS_LEFT, f"{len(found)}, at most {DOCSTRINGS_LEFT}:\n" + "\n".join(found)


def too_long(file: Path, reader) -> list[str]:
    name = file.relative_to(ROOT)
    return [f"{name}:{s.line}: {s.words} words: {s.text}" for s in reader(file.read_text()) if s.too_long]


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        f"Short. {LONG}",
        f"# {LONG}",
        f"* one\n* {LONG}",
        f"* one\n  goes on\n1. {WORDS}\n   {WORDS} {WORDS} more\n",
        f"| a | {LONG} |\n|---|---|\n| b | c |",
        f"> {LONG}",
        f"[{WORDS}](a.md) {WORDS}\n{WORDS} `code`.",
        f"![{LONG}](a.jpg)",
        f"{WORDS}, e.g. {WORDS} {WORDS}.",
        "One; two; three.",
    ],
)
def test_what_is_too_long_is_found(text):
    assert sum(s.too_long for s in sentences.of_markdown(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"{WORDS} {WORDS} {WORDS}.",
        f"{WORDS} {WORDS}. {WORDS} {WORDS}",
        f"{WORDS} {WORDS}! ({WORDS} {WORDS}.) {WORDS}",
        f"* {WORDS} {WORDS}\n* {WORDS} {WORDS}",
        f"| {WORDS} {WORDS} | {WORDS} {WORDS} |",
        f"{WORDS} {WORDS}\n\n{WORDS} {WORDS}",
        f"{WORDS} {WORDS}\n```sh\n{WORDS} {WORDS}\n```\n{WORDS}",
        f"{WORDS} {WORDS} `{WORDS} {WORDS}`",
        "One; two.",
    ],
)
def test_what_is_short_enough_is_not(text):
    assert not any(s.too_long for s in sentences.of_markdown(text))


def test_docstrings_and_errors_are_read():
    source = f'class A:\n    """{LONG}\n\n        {LONG}\n\n    {WORDS}."""\n    def b(self): raise E(f"{LONG} {{x}} {LONG}")\n'
    assert sum(s.too_long for s in sentences.of_docstrings(source)) == 1
    assert sum(s.too_long for s in sentences.of_errors(source)) == 2
