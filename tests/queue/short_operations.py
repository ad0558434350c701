"""The real operations with few steps, so that many can be killed; checkpoints at every step, so that much is resumed.

Reach is measured at one value per person: it comes after everything that a checkpoint holds.
"""

from portraitist_workers.operations import checkpoint, forget, load, run, side_by_side, style, warm_ids
from portraitist_workers.persona import reach
from portraitist_workers.persona.presets import PRESETS, Preset
from portraitist_workers.persona.tuning import Schedule

__all__ = ["forget", "load", "run", "side_by_side", "warm_ids"]

checkpoint.CHECKPOINT_SECONDS = 0.0
PRESETS["fast"] = Preset(3, Schedule(steps=10), edit_steps=5, project_steps=6)
style.STEPS = 4
reach.PROBED = {"yaw": (25,)}
