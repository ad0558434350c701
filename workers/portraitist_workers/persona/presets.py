"""How much work a persona gets. Times and quality: docs/benchmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .tuning import Schedule


@dataclass(frozen=True)
class Preset:
    invert_steps: int  # refinement of the encoder's w, all photos per step
    tuning: Schedule  # at 128 px
    edit_steps: int  # pivotal tuning of a photo to edit
    project_steps: int  # alpha projection of a photo to edit or enhance

    def tuning_at(self, resolution: int) -> Schedule:
        """A larger picture has more to learn: above 128 px, steps grow as the square root of the side. Measured at 256 px on a
        training person: 140 steps in place of 100 take 1.16 times the time to personalise, and 64 % of portraits pass, not 53 %."""
        return replace(self.tuning, steps=round(self.tuning.steps * max(1.0, resolution / 128) ** 0.5))


# One test person (ada), 16 photos, one thread of a shared 2-core Xeon in fp32: seconds to personalise, LPIPS-squeeze of those photos and
# of 8 others after an edit's tuning (docs/benchmarks: personalize-fast, personalize, -best). The last on one of an EPYC in bf16, where
# `balanced` takes 115 s (personalize-16photos).
PRESETS = {
    "fast": Preset(20, Schedule(steps=50), edit_steps=12, project_steps=30),  # 70 s, 0.018 and 0.013
    "balanced": Preset(40, Schedule(steps=110), edit_steps=20, project_steps=30),  # 116 s, 0.013 and 0.009
    "best": Preset(80, Schedule(steps=350), edit_steps=80, project_steps=100),  # 281 s, 0.009 and 0.005
}
