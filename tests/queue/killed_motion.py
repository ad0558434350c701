"""The short operations, whose process is killed once while a latent transformer is trained. STEPS_FILE gets a line per step."""

import os
import signal
from pathlib import Path

from short_operations import forget, load, run, side_by_side, warm_ids

from portraitist_workers.operations import calibrate
from portraitist_workers.priors.calibration import motion

__all__ = ["forget", "load", "run", "side_by_side", "warm_ids"]

KILLED_AT = 40
calibrate.SAVE_SECONDS = 0.0
motion.DIM = 64
step = motion.Lessons.step


def counted(lessons: motion.Lessons) -> float:
    file = Path(os.environ["STEPS_FILE"])
    if lessons.done == KILLED_AT and not (killed := file.with_suffix(".killed")).exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    loss = step(lessons)
    with file.open("a") as told:
        print(lessons.done, file=told)
    return loss


motion.Lessons.step = counted
