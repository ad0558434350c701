"""How much work a persona gets. Times and quality: docs/benchmarks/personalize.md (16 photos, 2 CPU cores)."""

from __future__ import annotations

from dataclasses import dataclass

from .tuning import Schedule


@dataclass(frozen=True)
class Preset:
    invert_steps: int  # refinement of the encoder's w, all photos per step
    tuning: Schedule
    edit_steps: int  # pivotal tuning of a photo to edit
    project_steps: int  # alpha projection of a photo to edit or enhance


PRESETS = {
    "fast": Preset(30, Schedule(steps=120), edit_steps=40, project_steps=40),
    "balanced": Preset(60, Schedule(steps=300), edit_steps=80, project_steps=60),
    "best": Preset(120, Schedule(steps=900), edit_steps=160, project_steps=120),
}
