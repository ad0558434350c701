"""What intake says to the person who took the photos: a sentence and a remedy per fault, and what to add."""

from __future__ import annotations

from collections.abc import Sequence

from portraitist.results import PhotoVerdict

_REASONS = {
    "no_face": "No face was found: use a photo that shows the face from the front or half side, not cut off.",
    "too_small": "The face is only {face_px:.0f} px wide in the photo, at least {least_px:.0f} are needed: use the original "
                 "file or move closer.",
    "blurred": "The face is blurred (about {blur:.1f} px at portrait size): use a photo in focus, taken with a steady hand.",
    "exposure": "The face is too dark, too bright or without contrast (brightness {brightness:.0f} of 255, contrast "
                "{contrast:.0f}, {clipped:.0%} without detail): use a photo in softer or fuller light.",
    "occluded": "Something seems to cover eyes, nose or mouth: use a photo without sunglasses, mask or hands before the face.",
    "other_person": "This seems to be another person than in most of the photos: leave it out, or check that all photos show "
                    "the same one.",
    "duplicate": "Nearly the same picture as '{twin}', which was kept: one copy is enough; add a different pose or expression.",
}


def refusal(name: str, code: str, figures: dict[str, float] | None = None, **details: float | str) -> PhotoVerdict:
    """The verdict on photo `name` refused for `code`; `figures` and `details` fill the sentence."""
    figures = figures or {}
    return PhotoVerdict(name=name, accepted=False, code=code, reason=_REASONS[code].format(**(figures | details)), figures=figures)


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
