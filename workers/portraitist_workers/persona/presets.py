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


# 16 photos of one test person (ada), one thread of a shared 2-core CPU with native bf16; reconstruction LPIPS-squeeze.
PRESETS = {
    "fast": Preset(20, Schedule(steps=80), edit_steps=20, project_steps=30),  # 38 s, LPIPS 0.044
    "balanced": Preset(40, Schedule(steps=180), edit_steps=30, project_steps=30),  # 100 s, LPIPS 0.021
    "best": Preset(80, Schedule(steps=600), edit_steps=120, project_steps=100),  # not measured yet; about 200 s by its steps
}
