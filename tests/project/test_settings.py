"""docs/settings.md lists every environment variable that the code reads or sets, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = re.compile(r"\bPORTRAITIST_[A-Z0-9_]*[A-Z0-9]\b")
READ = re.compile(
    r"""environ(?:\.get|\.setdefault|\.pop)?[\[(]\s*["']([A-Z][A-Z0-9_]+)["']|getenv\(\s*["']([A-Z][A-Z0-9_]+)["']"""
)
ROW = re.compile(r"^\| (`[^|]+)\|", re.MULTILINE)
MAY_BE_A_FILE = re.compile(r"""\bsetting\(\s*["'](PORTRAITIST_\w+)["']""")
# Read by a library that the project relies on, never by its own code.
OTHERS = {"PROMETHEUS_MULTIPROC_DIR", "TORCH_HOME"}


def test_the_page_lists_what_the_code_reads():
    listed, found = on_page((ROOT / "docs" / "settings.md").read_text()), in_code()
    assert len(found) > 30
    assert found - listed == set(), "add these to docs/settings.md"
    assert listed - found - OTHERS == set(), "no code reads these: take them out of docs/settings.md"


def test_a_variable_that_is_read_in_any_way_is_found():
    code = 'os.environ.get("A_B"), os.environ["C_D"], os.getenv("E_F"), setting("PORTRAITIST_G"), find("PORTRAITIST_H")'
    assert names(code) == {"A_B", "C_D", "E_F", "PORTRAITIST_G", "PORTRAITIST_G_FILE", "PORTRAITIST_H"}


def on_page(text: str) -> set[str]:
    """What stands in the first column of the tables."""
    return {name for row in ROW.findall(text) for name in re.findall(r"`(\w+)`", row)}


def names(code: str) -> set[str]:
    read = {name for pair in READ.findall(code) for name in pair if name}
    return read | set(OURS.findall(code)) | {f"{name}_FILE" for name in MAY_BE_A_FILE.findall(code)}


def in_code() -> set[str]:
    """All names in sdk and workers; in the container files those of ours, and what the services of the compose file are given."""
    found = set(OURS.findall((ROOT / "Dockerfile").read_text()))
    compose = (ROOT / "docker-compose.yml").read_text()
    found |= set(re.findall(r"^ +([A-Z][A-Z0-9_]+):", compose, re.MULTILINE))
    for file in [*(ROOT / "sdk").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]:
        found |= names(file.read_text())
    return found
