"""Controlled edits of one photo, a sweep with requested and achieved values, and a grid of two attributes.

python examples/pose_and_expression.py --out pictures
python examples/pose_and_expression.py --photos my-photos/ --photo new.jpg --name me
"""

from __future__ import annotations

import argparse
from pathlib import Path

import portraitist

EXAMPLES = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=EXAMPLES / "photos")
    parser.add_argument("--photo", type=Path, default=EXAMPLES / "new.jpg", help="the photo to edit")
    parser.add_argument("--name", default="posed-person")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--out", type=Path, default=Path("pictures"))
    parser.add_argument("--home", type=Path, help="where personas are kept (default: your data folder)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    studio = portraitist.connect(home=options.home)
    if options.name in studio.personas:
        person = studio.personas.get(options.name)
    else:
        person = studio.personas.create(options.name, options.photos, preset=options.preset).wait(progress=True)
    print(person.reach)

    # A real photo: 15 degrees to the left of where it is, everything else as it was.
    turned = person.edit(options.photo, yaw=-15, relative=True)
    print(turned.save(options.out / "turned.png"), "moved besides:", turned.report.leakage)

    # New portraits: one attribute through its reach, the rest held.
    reach = person.reach["smile"]
    values = [reach.low + (reach.high - reach.low) * i / 4 for i in range(5)]
    for asked, picture in zip(values, person.synthesize(smile=values, yaw=0, seed=7), strict=True):
        smile = picture.report.attributes["smile"]
        print(f"smile asked {asked:.2f}, achieved {smile.achieved:.2f} ± {smile.error:.2f}")

    print(person.synthesize(grid=("yaw", "smile"), seed=7).save(options.out / "grid.png"))


if __name__ == "__main__":
    main()
