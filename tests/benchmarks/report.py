"""A Markdown page of results that says which command, machine, versions and date made it."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "bench"  # where the whole suite's quick form leaves its pages: its figures come of too few pictures
PAGES = Path(os.environ.get("BENCH_PAGES") or ROOT / "docs" / "benchmarks")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; floats should come formatted."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows])


def write(name: str, title: str, sections: Sequence[str], *, argv: Sequence[str] | None = None) -> Path:
    """docs/benchmarks/NAME.md from `sections` (Markdown), with the facts of this run at its head."""
    PAGES.mkdir(parents=True, exist_ok=True)
    path = PAGES / f"{name}.md"
    path.write_text("\n\n".join([f"# {title}", facts(argv), *sections]) + "\n")
    print(f"wrote {path}", flush=True)
    return path


def write_part(name: str, sections: Sequence[str]) -> Path:
    """One part of docs/benchmarks/NAME.md anew, with the facts of this run beneath its heading, which is the first of `sections`. It ends
    where the next heading begins."""
    path, heading = PAGES / f"{name}.md", sections[0]
    before, _, old = path.read_text().partition(heading + "\n")
    _, following, after = old.partition("\n## ")
    part = "\n\n".join([heading, "This part was measured apart from the others:", facts(), *sections[1:]])
    path.write_text(before + part + "\n" + following + after)
    print(f"wrote a part of {path}", flush=True)
    return path


def facts(argv: Sequence[str] | None = None) -> str:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    command = f"python -m {module.name}" if module else "python " + Path(sys.argv[0]).name
    arguments = list(sys.argv[1:] if argv is None else argv)
    while "--work" in arguments:  # a folder of the machine, no part of the result
        at = arguments.index("--work")
        del arguments[at : at + 2]
    arguments = ["DIR" if Path(argument).is_absolute() else argument for argument in arguments]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    threads = _threads()
    rows = [
        ("Command", f"`{' '.join([command, *map(shlex.quote, arguments)])}`"),
        ("Date", now),
        ("Machine", machine()),
        ("Load", f"{os.getloadavg()[0]:.1f} runnable processes in the last minute, this program included" + threads),
        ("Versions", versions()),
    ]
    return table(("", ""), rows)


def machine() -> str:
    model, flags, memory = platform.processor() or platform.machine(), "", 0.0
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
            elif line.startswith("flags"):
                flags = line
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (OSError, ValueError):
        pass
    matrix = [
        label
        for flag, label in (("amx_bf16", "AMX bf16"), ("avx512_bf16", "AVX-512 bf16"), ("avx512f", "AVX-512"))
        if flag in flags
    ]
    return f"{model}, {os.cpu_count()} cores ({', '.join(matrix) or 'no bf16 units'}), {memory:.0f} GB, {platform.system()}"


def versions() -> str:
    names = ("portraitist", "torch", "numpy", "opencv-python-headless", "lpips")
    found = [f"{n} {importlib.metadata.version(n)}" for n in names if _installed(n)]
    return ", ".join([f"Python {platform.python_version()}", *found, f"commit {commit()}"])


def commit() -> str:
    try:
        return subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _threads() -> str:
    torch = sys.modules.get("torch")
    return f"; torch used {torch.get_num_threads()} threads" if torch else ""
