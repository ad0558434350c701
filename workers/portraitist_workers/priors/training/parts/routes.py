"""Which labels reach which code: this alone makes the parts independent of each other.

A label that changes several parts reaches all of them, and an edit chooses which of those codes follow it. Tone and light reach the
skin's texture, which the parts on the skin see as their tone.
"""

from __future__ import annotations

from ...engine.masks import CLASSES

PARTS = CLASSES  # one part for each class, the background first
TONED = ("brows", "eyes", "nose", "lips", "mouth", "neck")  # these follow the skin's tone
VIEW = ("yaw", "pitch", "roll", "log_distance", "shift", "scale", "zoom")
LIGHT = ("sh", "tint", "exposure", "gamma", "saturation", "white_balance", "blur", "grain")
MOUTH = ("smile", "smile_geo", "mouth_open", "jaw", "pucker")

BASE = (*VIEW, "shape", "head shape")
SHAPE = {
    "background": ("background",),
    "skin": (*MOUTH, "brow", "outline"),
    "brows": ("brow", "brows shape", "brows colour"),
    "eyes": ("eyes_open", "gaze", "smile", "eyes shape", "eyes colour"),
    "nose": (*MOUTH, "nose shape"),
    "lips": (*MOUTH, "mouth shape", "mouth colour"),
    "mouth": (*MOUTH, "mouth shape", "mouth colour"),
    "hair": ("outline",),
    "neck": ("outline", "jaw"),
    "clothes": ("outline",),
}
TEXTURE = {
    "background": ("background", "blur", "grain"),
    "skin": (*LIGHT, "skin colour", "ears and neck colour"),
    "brows": ("brows colour",),
    "eyes": ("eyes colour",),
    "nose": ("nose colour",),
    "lips": ("mouth colour",),
    "mouth": ("mouth colour",),
    "hair": ("hair colour", "hair", *LIGHT),
    "neck": ("ears and neck colour",),
    "clothes": ("clothes", *LIGHT),
}


def routes(base_codes: int) -> list[tuple[str, ...]]:
    """The fields that reach each code, in the order of the codes."""
    of_parts = [fields[part] for part in PARTS for fields in (SHAPE, TEXTURE)]
    return [BASE] * base_codes + of_parts
