"""What intake says to the person who took the photos: a sentence and a remedy per fault, and what to add."""

from __future__ import annotations

from collections.abc import Sequence

from portraitist.errors import printable
from portraitist.results import PhotoVerdict

_REASONS = {
    "no_face": "No face was found: use a photo that shows the face from the front or half side, not cut off.",
    "too_small": "The square about the face has only {face_px:.0f} px in the photo, at least {least_px:.0f} are needed (a face about "
    "{least_width:.0f} px wide): use the original file or move closer.",
    "other_person": "{seems} (likeness {identity:.2f}, {least:.2f} is needed): leave it out, or have it used all the same: "
    "keep=['{name}'], on the command line --keep '{name}'.",
    "duplicate": "Nearly the same picture as '{twin}', which was kept: one copy is enough; add a different pose or expression.",
}


def refusal(
    name: str, code: str, figures: dict[str, float] | None = None, *, given: str | None = None, **details: float | str
) -> PhotoVerdict:
    """The verdict on photo `name` refused for `code`; `figures` and `details` fill the sentence. `given`: how the caller named it, if
    otherwise."""
    figures = figures or {}
    return PhotoVerdict(
        name=name,
        accepted=False,
        code=code,
        figures=figures,
        weight=0.0,
        reason=_REASONS[code].format(**(figures | details), name=_short(given or name)),
    )


def seems_another(blur: float, blurred: float, others: str) -> str:
    """Why a face is not taken for the person's: `blur` in px of the portrait, from `blurred` on perhaps for that alone."""
    if blur > blurred:
        return f"The face is too blurred (about {blur:.1f} px at portrait size) to tell that it is the person's"
    return f"This seems to be another person than in {others}"


def two_people(person: Sequence[str], rival: Sequence[str]) -> str:
    """That the photos named `rival` show somebody else about as often as those named `person` show the person."""
    return (
        f"The photos show two people about equally often: {listed(person)}; and {listed(rival)}. Say who is meant by one photo: "
        f"person='{_short(person[0])}', on the command line --person '{_short(person[0])}'."
    )


def somebody_else(names: Sequence[str]) -> str:
    return (
        f"Somebody else is in several photos, too, and was left out: {listed(names)}. If that is the person who is meant: "
        f"person='{_short(names[0])}', on the command line --person '{_short(names[0])}'."
    )


def perhaps_two(first: Sequence[str], second: Sequence[str]) -> str:
    return (
        f"These may be two people much alike (a parent and child, brothers, sisters), or one in different years: {listed(first)}; and "
        f"{listed(second)}. All are used. If they are two, leave one of them out."
    )


def listed(names: Sequence[str], most: int = 3) -> str:
    """'a.jpg', 'b.jpg' and 4 more"""
    quoted = ", ".join(f"'{_short(name)}'" for name in names[:most])
    return quoted + (f" and {len(names) - most} more" if len(names) > most else "")


def _short(name: str) -> str:
    return printable(name)[:100]


def too_few(attributes: Sequence[dict[str, float]], enough: int) -> list[str]:
    """A warning when usable photos, which show `attributes`, are fewer than `enough`."""
    if len(attributes) >= enough:
        return []
    return [
        f"{len(attributes)} usable photos; from {enough} on, results are clearly better. {missing_advice(attributes)}"
    ]


def missing_advice(attributes: Sequence[dict[str, float]]) -> str:
    """Which photos to add next, from what the usable ones show."""

    def missing(name: str, low: float, high: float, below: str, above: str) -> list[str]:
        values = [a[name] for a in attributes if name in a]
        if not values:
            return []
        return [below] * (min(values) > low) + [above] * (max(values) < high)

    wanted = [
        *missing("yaw", -12, 12, "turned towards the picture's left", "turned towards the picture's right"),
        *missing("pitch", -6, 6, "looking down a little", "looking up a little"),
        *missing("smile", 0.25, 0.6, "with a neutral mouth", "smiling broadly"),
    ]
    if not wanted:
        return "Add photos in other light, with other backgrounds and expressions."
    return "Add photos " + ", ".join(wanted[:-1]) + (" and " if len(wanted) > 1 else "") + wanted[-1] + "."
