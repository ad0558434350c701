"""What `import portraitist` costs an app -> docs/benchmarks/import.md.

python -m tests.benchmarks.bench_import
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from .report import ROOT, table, write

HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "cv2",
    "scipy",
    "celery",
    "kombu",
    "kornia",
    "lpips",
    "facenet_pytorch",
    "portraitist_workers",
)
RUNS = 9

_PROGRAM = """
import json, sys, time
before = set(sys.modules)
begun = time.perf_counter()
{statement}
seconds = time.perf_counter() - begun
print(json.dumps({{"ms": 1000 * seconds, "modules": sorted({{m.split(".")[0] for m in set(sys.modules) - before}})}}))
"""

STATEMENTS = {
    "import portraitist": "import portraitist",
    "every public name": "import portraitist\nfor name in portraitist.__all__: getattr(portraitist, name)",
    "the command line (portraitist.cli)": "import portraitist.cli",
}


def run(statement: str) -> dict:
    """In a fresh interpreter."""
    program = _PROGRAM.format(statement=statement)
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def main() -> None:
    rows = []
    for label, statement in STATEMENTS.items():
        found = [run(statement) for _ in range(RUNS)]
        heavy = [m for m in HEAVY if m in found[0]["modules"]]
        median = statistics.median(f["ms"] for f in found)
        rows.append(
            (
                label,
                f"{median:.0f}",
                f"{min(f['ms'] for f in found):.0f}",
                len(found[0]["modules"]),
                ", ".join(heavy) or "none",
            )
        )
        print(rows[-1], flush=True)
    first = rows[0]
    met = int(first[1]) < 300 and first[4] == "none"
    note = (
        f"Target: `import portraitist` under 300 ms and no torch in `sys.modules`: {'met' if met else '**missed**'}. "
        f"Fresh interpreters, {RUNS} each."
    )
    header = ("", "median, ms", "fastest, ms", "top-level modules", f"of {', '.join(HEAVY)}")
    write("import", "Import time of the SDK", [note, table(header, rows)])


if __name__ == "__main__":
    main()
