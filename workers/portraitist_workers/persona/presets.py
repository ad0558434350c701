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


# One test person (ada), 16 photos, one thread of a shared 2-core Xeon in fp32: seconds to personalise, LPIPS-squeeze of those photos and
# of 8 others after an edit's tuning (docs/benchmarks: personalize-fast, personalize, -best). The times of the first and the last were
# taken beside three other programs.
PRESETS = {
    "fast": Preset(20, Schedule(steps=50), edit_steps=12, project_steps=30),  # 157 s, 0.017 and 0.013
    "balanced": Preset(40, Schedule(steps=100), edit_steps=20, project_steps=30),  # 122 s, 0.014 and 0.010
    "best": Preset(80, Schedule(steps=350), edit_steps=80, project_steps=100),  # 466 s, 0.010 and 0.005
}
