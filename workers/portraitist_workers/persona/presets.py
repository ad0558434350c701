"""How much work a persona gets. Times and quality: docs/benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

from .tuning import Schedule


@dataclass(frozen=True)
class Preset:
    invert_steps: int  # refinement of the encoder's w, all photos per step
    tuning: Schedule
    edit_steps: int  # pivotal tuning of a photo to edit
    project_steps: int  # alpha projection of a photo to edit or enhance


# One test person (ada), 16 photos, one thread of a shared 2-core CPU with native bf16: seconds to personalise, LPIPS-squeeze of those
# photos and of 8 others after an edit's tuning, seconds per edit (docs/benchmarks: personalize-fast, personalize, personalize-best).
PRESETS = {
    "fast": Preset(20, Schedule(steps=80), edit_steps=20, project_steps=30),  # 49 s, 0.023 and 0.018, 5 s
    "balanced": Preset(40, Schedule(steps=180), edit_steps=30, project_steps=30),  # 95 s, 0.019 and 0.016, 8 s
    "best": Preset(80, Schedule(steps=600), edit_steps=120, project_steps=100),  # 243 s, 0.013 and 0.011, 26 s
}
