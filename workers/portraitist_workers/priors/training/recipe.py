"""Makes the priors and networks that the package ships, from the data on: everything there is to run, in order.

    python -m portraitist_workers.priors.training.recipe --data DATA --out DIR [--share 0.05] [--until STEP] [--list]

DATA holds `london/` and `ict/`. Each step is a command of its own, which resumes. A step that ended well is not run again. So the same
command continues where it stopped (with SIGTERM, or by a fault). DIR/default, DIR/default-256 and DIR/default-parts are what ships.
LPIPS's SqueezeNet must be in torch hub's cache (TORCH_HOME). `--share` shortens every step to that share of its pictures and minutes,
which shows that the whole chain works. The priors of a short run are worth as little as their training.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from ...faces.perceptual import backbone_installed, hub_checkpoints
from ..engine.render import FOLDS

PACKAGE = __package__.rpartition(".")[0]
LEAST = {
    "count": 200,
    "sets": 1,
}  # however small the share; 16 of anything else. W has 256 axes, found in twice as many pictures


@dataclass(frozen=True)
class Step:
    """`command` is below the package of the priors; {data}, {out}, {threads} and {share} are filled in. `amount`: the options that a
    share shortens; an int counts something, a float is minutes."""

    name: str
    command: str
    amount: dict[str, int | float] = field(default_factory=dict)

    def line(self, *, share: float, **places: object) -> list[str]:
        words = [word.format(share=share, **places) for word in self.command.split()]  # a place may have spaces
        for option, value in self.amount.items():
            words += [
                f"--{option}",
                str(max(LEAST.get(option, 16), round(value * share)) if isinstance(value, int) else value * share),
            ]
        return [f"{PACKAGE}.{words[0]}", *words[1:]]

    def meaning(self, share: float) -> list[str]:
        """`line` without what may differ from one sitting to the next."""
        return self.line(share=share, data="DATA", out="DIR", threads="N")


def _pool(name: str, options: str, count: int) -> Step:
    return Step(name, f"engine.render pool --canvas {{out}}/canvas --out {{out}}/{name} {options}", {"count": count})


def _network(name: str, options: str, minutes: float, *, step: str = "") -> Step:
    return Step(
        step or name,
        f"training.face_networks --only {name} {options} --held-out {{out}}/held-out --out {{out}}/networks "
        "--save-to {out}/default --threads {threads}",
        {"minutes": minutes},
    )


POOL, POOL_256 = "--pool {out}/pool128 --canvas {out}/canvas", "--pool {out}/pool256 --canvas {out}/canvas"
PARTS = "--pool {out}/pool-parts --twins {out}/twins --canvas {out}/canvas"

STEPS = (
    Step("canvas", "engine.build --data {data} --out {out}/canvas"),
    _pool("pool128", "--size 128", 50_000),
    # default: labels -> w -> synthesis, sharpened, inverted; then z -> w, and eyes that close
    Step("prior128", f"training.prior {POOL} --out {{out}}/prior128 --share {{share}} --threads {{threads}}"),
    Step(
        "sharp128",
        f"training.adversarial {POOL} --state {{out}}/prior128/prior.pt --out {{out}}/sharp128 --threads {{threads}}",
        {"images": 64_000},
    ),
    Step(
        "encoder128",
        f"training.encoder {POOL} --state {{out}}/sharp128/prior.pt --out {{out}}/encoder128 --threads {{threads}}",
        {"minutes": 60.0},
    ),
    Step(
        "export128",
        f"training.export {POOL} --state {{out}}/sharp128/prior.pt --encoder {{out}}/encoder128/encoder.pt "
        "--out {out}/first128",
    ),
    Step(
        "mapping128",
        "training.mapping --pool {out}/pool128 --prior {out}/first128 --out {out}/mapped128 --share {share} "
        "--threads {threads}",
    ),
    Step("lids128", "training.eyelids pairs --canvas {out}/canvas --out {out}/lids128 --size 128", {"count": 4000}),
    Step(
        "eyelids128",
        "training.eyelids train --pairs {out}/lids128 --prior {out}/mapped128 --out {out}/eyelids128 --threads {threads}",
        {"minutes": 15.0},
    ),
    Step(
        "default",
        "training.mapping --pool {out}/pool128 --prior {out}/eyelids128 --out {out}/default --share {share} "
        "--threads {threads}",
    ),  # the lesson taught the encoder, too, which says what W is
    # default-256: one block more, with labels -> w held, so that it shares W and takes the mapping
    _pool("pool256", "--size 256 --seed 257 --shard 500", 12_500),
    Step(
        "prior256",
        f"training.prior {POOL_256} --resolution 256 --start {{out}}/sharp128/prior.pt --out {{out}}/prior256 "
        "--share {share} --threads {threads}",
    ),
    Step(
        "sharp256",
        f"training.adversarial {POOL_256} --state {{out}}/prior256/prior.pt --discriminator {{out}}/sharp128/prior.pt "
        "--batch 8 --out {out}/sharp256 --threads {threads}",
        {"images": 66_000},
    ),
    Step(
        "encoder256",
        f"training.encoder {POOL_256} --state {{out}}/sharp256/prior.pt --start {{out}}/encoder128/encoder.pt "
        "--out {out}/encoder256 --threads {threads}",
        {"minutes": 20.0},
    ),
    Step(
        "export256",
        f"training.export {POOL} --state {{out}}/sharp256/prior.pt --encoder {{out}}/encoder256/encoder.pt "
        "--out {out}/first256",
    ),
    Step("mapping256", "training.mapping --like {out}/mapped128 --prior {out}/first256 --out {out}/mapped256"),
    Step("lids256", "training.eyelids pairs --canvas {out}/canvas --out {out}/lids256 --size 256", {"count": 2500}),
    Step(
        "eyelids256",
        "training.eyelids train --pairs {out}/lids256 --prior {out}/mapped256 --out {out}/eyelids256 --threads {threads}",
        {"minutes": 15.0},
    ),
    Step("default-256", "training.mapping --like {out}/default --prior {out}/eyelids256 --out {out}/default-256"),
    # how points move: both priors share W and what their features say, so what one teaches serves the other
    Step(
        "motion",
        "training.motion_training --prior {out}/default --out {out}/motion --save-to {out}/default {out}/default-256 "
        "--threads {threads}",
        {"count": 550, "steps": 5335},
    ),
    # default-parts: labels -> codes of the parts -> picture and masks, inverted
    _pool("pool-parts", "--size 128 --seed 29 --masks", 40_000),
    Step(
        "twins",
        "training.parts.pictures twins --canvas {out}/canvas --out {out}/twins",
        {"count": 4000},
    ),
    Step("parts", f"training.parts.paired {PARTS} --out {{out}}/parts --share {{share}} --threads {{threads}}"),
    Step(
        "sharp-parts",
        f"training.parts.sharpen {PARTS} --state {{out}}/parts/parts.pt --out {{out}}/sharp-parts --threads {{threads}}",
        {"images": 32_000},
    ),
    Step(
        "encoder-parts",
        "training.parts.encoder --pool {out}/pool-parts --canvas {out}/canvas --state {out}/sharp-parts/parts.pt "
        "--photographs {data} --out {out}/encoder-parts --threads {threads}",
        {"minutes": 70.0},
    ),
    Step(
        "default-parts",
        "training.parts.export --pool {out}/pool-parts --canvas {out}/canvas --state {out}/sharp-parts/parts.pt "
        "--encoder {out}/encoder-parts/encoder.pt --out {out}/default-parts",
    ),
    # the four networks: a sixth of the people is kept from the attribute network, to calibrate it on
    _pool("faces", "--size 128 --seed 33 --masks --people learning", 40_000),
    _pool("held-out", "--size 128 --seed 31 --masks --people held_out", 1500),
    *(_pool(f"folds/fold-{k}", f"--size 128 --seed 32 --people fold-{k}", 2000) for k in range(FOLDS)),
    Step(
        "cross",
        "training.cross_calibration --pool {out}/pool128 --folds {out}/folds --out {out}/cross --threads {threads}",
        {"minutes": 10.0},
    ),
    _network(
        "attributes",
        f"--pool {{out}}/faces --calibration {{out}}/folds/fold-{FOLDS - 1} --factors {{out}}/cross/factors.json",
        150.0,
    ),
    Step(
        "geometry",
        "training.geometry_training --pool {out}/pool128 --held-out {out}/held-out --save-to {out}/world",
        {"count": 6000},
    ),
    _network("parser", "--pool {out}/faces", 64.0),
    _network("perceptual", "--pool {out}/pool128 --photographs {data}", 35.0, step="perceptual-1"),
    Step(
        "pairs",
        "training.tuned_pairs --pool {out}/pool128 --prior {out}/default --perceptual {out}/default --out {out}/pairs "
        "--threads {threads}",
        {"sets": 4},
    ),
    Step(
        "pairs256",
        "training.tuned_pairs --pool {out}/pool256 --photographs {data} --prior {out}/default-256 --perceptual {out}/default "
        "--out {out}/pairs --renders 36 --threads {threads}",
        {"sets": 1},
    ),
    _network(
        "perceptual", "--pool {out}/pool256 --photographs {data} --tuned-pairs {out}/pairs", 70.0, step="perceptual"
    ),  # goes on with the first's
)


def run(step: Step, line: list[str], meaning: list[str], done: Path) -> None:
    """Runs a step unless `done` says that it was. Raises SystemExit where it fails or is stopped."""
    if done.exists():
        was = json.loads(done.read_text())["meaning"]
        if was != meaning:
            raise SystemExit(
                f"{step.name} was made in another way, and what follows would be of two recipes: use another --out, or remove "
                f"{done} and what it made.\n  was: {shlex.join(was)}\n  now: {shlex.join(meaning)}"
            )
        return
    print(f"\n== {step.name}: python -m {shlex.join(line)}", flush=True)
    begun = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", *line], start_new_session=True
    )  # Ctrl+C comes as a SIGTERM, on which it saves
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.terminate())
    if status := child.wait():
        raise SystemExit(f"{step.name} ended with {status}; the same command goes on with it")
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text(json.dumps({"meaning": meaning, "seconds": round(time.monotonic() - begun)}) + "\n")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with london/ and ict/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the full length")
    parser.add_argument(
        "--until",
        choices=[step.name for step in STEPS],
        metavar="STEP",
        help="the last step to run (--list names them)",
    )
    parser.add_argument("--list", action="store_true", help="print the commands, and what each that was run has taken")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    if not args.list and not backbone_installed("squeeze"):
        raise SystemExit(
            f"LPIPS's SqueezeNet (squeezenet1_1-*.pth) is not in {hub_checkpoints()}: set TORCH_HOME to where it is"
        )
    for step in STEPS:
        line = step.line(data=args.data, out=args.out, threads=args.threads, share=args.share)
        done = args.out / "done" / f"{step.name.replace('/', '-')}.json"
        if args.list:
            taken = f"    # {json.loads(done.read_text())['seconds']} s" if done.exists() else ""
            print(f"python -m {shlex.join(line)}{taken}")
        else:
            run(step, line, step.meaning(args.share), done)
        if step.name == args.until:
            break


if __name__ == "__main__":
    main()
