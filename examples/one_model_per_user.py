"""A small app with one persona per user: learnt from the user's photos once, then served, renewed and deleted by user id.

python examples/one_model_per_user.py learn user-17 examples/photos
python examples/one_model_per_user.py portrait user-17 --yaw 15 --smile 0.8 --out user-17.png
python examples/one_model_per_user.py forget user-17
"""

from __future__ import annotations

import argparse
from pathlib import Path

import portraitist

EXAMPLES = Path(__file__).parent


class Users:
    """The user's id is the persona's name, so there is no table to keep in step."""

    def __init__(self, home: Path | None) -> None:
        self.studio = portraitist.connect(home=home)

    def learn(self, user: str, photos: Path, preset: str) -> portraitist.Persona:
        if user in self.studio.personas:  # new photos replace the old model, its photos and all its pictures
            self.studio.personas.delete(user)
        return self.studio.personas.create(user, photos, preset=preset).wait(progress=True)

    def portrait(self, user: str, yaw: float, smile: float) -> portraitist.Picture:
        return self.studio.personas.get(user).synthesize(yaw=yaw, smile=smile, seed=0)

    def forget(self, user: str) -> None:
        self.studio.personas.delete(user)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("learn", "portrait", "forget"), nargs="?", default="learn")
    parser.add_argument("user", nargs="?", default="user-17")
    parser.add_argument("photos", type=Path, nargs="?", default=EXAMPLES / "photos")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--yaw", type=float, default=0.0)
    parser.add_argument("--smile", type=float, default=0.5)
    parser.add_argument("--out", type=Path, default=Path("portrait.png"))
    parser.add_argument("--home", type=Path, help="where personas are kept (default: your data folder)")
    options = parser.parse_args()
    users = Users(options.home)
    if options.action == "learn":
        persona = users.learn(options.user, options.photos, options.preset)
        print(persona.photos, persona.reach, sep="\n\n")
    elif options.action == "portrait":
        picture = users.portrait(options.user, options.yaw, options.smile)
        print(picture.save(options.out), picture)
    else:
        users.forget(options.user)
        print(f"{options.user} is forgotten: photos, model and pictures")


if __name__ == "__main__":
    main()
