"""Restore every picture of a folder that shows one known person, and say how far to trust each result.

python examples/restore_folder.py --out restored
python examples/restore_folder.py old-scans/ --photos photos-of-them/ --out restored
"""

from __future__ import annotations

import argparse
from pathlib import Path

import portraitist

EXAMPLES = Path(__file__).parent


def known(studio: portraitist.Studio, name: str, photos: Path, preset: str) -> portraitist.Persona:
    """The persona of that name; learnt now if it is not there yet."""
    if name in studio.personas:
        return studio.personas.get(name)
    return studio.personas.create(name, photos, preset=preset).wait(progress=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=EXAMPLES / "damaged")
    parser.add_argument("--photos", type=Path, default=EXAMPLES / "photos", help="good photos of the same person")
    parser.add_argument("--name", default="restored-person")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--out", type=Path, default=Path("restored"))
    parser.add_argument("--home", type=Path, help="where personas are kept (default: your data folder)")
    options = parser.parse_args()

    person = known(portraitist.connect(home=options.home), options.name, options.photos, options.preset)
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = {}
    for path in sorted(options.folder.glob("*.jpg")):
        mask = path.with_name(f"{path.stem}-mask.png")  # white: missing, black: keep
        damage = portraitist.Mask(mask) if mask.exists() else "auto"
        jobs[path] = person.enhance(path, damage, wait=False)  # all at once: the worker does one after the other
    for path, job in jobs.items():
        try:
            picture = job.wait(progress=True)
        except portraitist.PortraitistError as error:
            print(f"{path.name}: {error}")
            continue
        report = picture.report
        print(
            f"{picture.save(options.out / f'{path.stem}.png')}: {report.degradation}, fits the input at {report.consistency} dB, "
            f"likeness above {report.identity_percentile} % of their own photos"
        )


if __name__ == "__main__":
    main()
