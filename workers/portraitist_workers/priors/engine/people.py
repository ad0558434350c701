"""Who is in the London set, and who is kept out of training.

Face Research Lab London Set (DeBruine & Jones 2017, CC-BY 4.0): `london/people.csv` lists id, age, gender and
ethnicity as self-reported.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

# Never trained on: tests, demonstrations and benchmarks of personalisation need people whom the prior has not seen.
HELD_OUT = ("030", "064", "094", "099", "104", "123", "132", "142")


@dataclass(frozen=True)
class Person:
    """One participant. `age` in years, NaN where the set does not give it."""

    id: str
    age: float
    male: bool
    ethnicity: str

    @property
    def held_out(self) -> bool:
        return self.id in HELD_OUT


def load_people(data: str | Path) -> list[Person]:
    """Everybody in `data`/london/people.csv who has both photos and a template, sorted by id.

    Raises FileNotFoundError if the list or everybody's photos are missing.
    """
    london = Path(data) / "london"
    with open(london / "people.csv", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
    people = []
    for row in rows:
        needed = [
            london / "neutral" / f"{row['id']}.jpg",
            london / "neutral" / f"{row['id']}.tem",
            london / "smiling" / f"{row['id']}.jpg",
        ]
        if all(path.is_file() for path in needed):
            people.append(Person(row["id"], _number(row["age"]), row["gender"] == "male", row["ethnicity"]))
    if not people:
        raise FileNotFoundError(f"no photos in {london}: expected neutral/NNN.jpg, neutral/NNN.tem and smiling/NNN.jpg")
    return people


def training_people(people: list[Person]) -> list[Person]:
    """Those of `people` that training may use."""
    return [person for person in people if not person.held_out]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
