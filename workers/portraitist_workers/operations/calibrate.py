"""An imported generator -> a prior that personas can start from: draw and measure, find directions, fit an encoder. And learn how points
move."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import time
from datetime import UTC, datetime

from safetensors.torch import save as save_tensors

from portraitist.errors import Conflict
from portraitist.priors.assets import GENERATOR
from portraitist.priors.motion import movable
from portraitist.priors.record import Calibration, PriorRecord
from portraitist.requests import CalibratePrior

from ..device import device
from ..faces.attributes import load_attributes
from ..faces.identity import load_identity
from ..generator.formats import native
from ..generator.stylegan2 import StyleGAN2
from ..inversion import encoder as encoder_file
from ..precision import optimisation_dtype
from ..priors import library
from ..priors.calibration import directions, fit_encoder, framing, motion, samples
from ..priors.calibration.motion_answers import Cost
from .checkpoint import Checkpoint
from .context import Context
from .progress import Stages

WEIGHTS = {"sample": 0.4, "faces": 0.03, "directions": 0.3, "encoder": 0.27}
MOTION_WEIGHTS = {"points": 0.65, "motion": 0.35}
BEFORE = 0.15  # share of measuring, where both are done
TUNE_STEPS = 200
DEAF = 0.3  # of a usual spread per spread asked for: below, the attribute hardly answers
FACES, STEPS = 330, 2000  # of the latent transformer's training, if nobody says
DULL = 0.5  # share of a point's motion that the transformer gives: below, points hardly follow it
HARDLY = "points hardly follow its latent transformer: `drag` moves them farther; more faces and steps may help"
SAVE_SECONDS = 30.0  # its state is large


def run(request: CalibratePrior, context: Context) -> PriorRecord:
    """Raises NotFound, PriorUnavailable, InvalidRequest, Conflict; JobCancelled through `on_step`. Samples that were drawn, and points that
    were measured, survive a killed worker of this host."""
    record = checked(context.priors.read(request.prior), request)
    if not request.motion:
        return measured(request, context, Stages(context, WEIGHTS))
    movable(record)
    if record.usable:  # or it was cut off after that
        return moving(request, context, Stages(context, MOTION_WEIGHTS))
    parts = ((WEIGHTS, BEFORE), (MOTION_WEIGHTS, 1 - BEFORE))
    clock = Stages(context, {stage: share * weight for weights, share in parts for stage, weight in weights.items()})
    measured(request, context, clock)
    return moving(request, context, clock)


def measured(request: CalibratePrior, context: Context, clock: Stages) -> PriorRecord:
    """Its latents and its encoder."""
    began = time.monotonic()
    home = context.priors
    record = checked(home.read(request.prior), request)
    generator = native.load(home.asset(record, GENERATOR))[0].to(device())
    estimator = load_attributes()
    count = request.samples or samples.default_count(record.resolution)

    w_mean, w_std = samples.w_statistics(generator, request.seed)
    shards = home.workspace() / f".samples-{request.prior}-{record.generator_sha256[:16]}-{request.seed}"
    progress = clock.steps("sample")
    drawn = samples.draw(
        generator,
        estimator,
        count,
        shards,
        seed=request.seed,
        dtype=optimisation_dtype(),
        on_step=lambda step, steps: progress(step, steps),
    )
    clock.steps("faces")(0, 1)
    figures, warnings = framing.measure(generator, drawn.w)
    looking = clock.steps("directions")
    looking(0, 1)
    found = directions.find(
        generator,
        estimator,
        load_identity(),
        drawn,
        w_mean,
        w_std,
        dtype=optimisation_dtype(),
        on_step=lambda step, steps: looking(step, steps),
    )
    encoder, ridge_error = fit_encoder.start(drawn, w_mean, w_std)
    encoder, error = tune_encoder(encoder, drawn, request, context, clock)

    for name in found.names:
        figures |= {
            f"gain_{name}": found.gains[name],
            f"leak_{name}": found.leaks[name],
            f"likeness_{name}": found.likeness[name],
            f"scatter_{name}": found.scatter[name],
        }
    figures |= {"encoder_error_ridge": ridge_error, "encoder_error": error}
    warnings += complaints(found, error)
    latents = save_tensors(
        {"w_std": w_std.contiguous(), "steps": found.steps, "sitting": found.nuisance},
        metadata={"attributes": json.dumps(found.names)},
    )
    trained = encoder_file.to_bytes(encoder, metadata={"prior": record.generator_sha256})
    calibration = Calibration(
        samples=count,
        seed=request.seed,
        attributes_network=estimator.name,
        warnings=warnings,
        figures={k: round(v, 4) for k, v in figures.items()},
        seconds=round(time.monotonic() - began, 1),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    made = {"latents": latents, "encoder": trained}

    def calibrated(now: PriorRecord) -> PriorRecord:
        assets = checked(now, request).assets | {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
        return now.model_copy(update={"assets": assets, "calibration": calibration})

    record = home.change(request.prior, calibrated, made)
    shutil.rmtree(shards, ignore_errors=True)
    return record


def moving(request: CalibratePrior, context: Context, clock: Stages) -> PriorRecord:
    """Its latent transformer."""
    home, checkpoint = context.priors, Checkpoint(context)
    checkpoint.content.pop("encoder", None)  # of `measured`, which is over
    prior = library.load(request.prior, home=home)
    generator = prior.generator
    assert isinstance(generator, StyleGAN2)
    folder = home.workspace() / f".motion-{request.prior}-{prior.sha256[:16]}-{request.seed}"
    known = motion.measure(generator, request.faces or FACES, folder, seed=request.seed, on_step=clock.steps("points"))
    lessons = motion.Lessons(known, Cost.of(prior), steps=request.steps or STEPS, seed=request.seed)
    if (state := checkpoint.get("motion")) is not None:
        lessons.load(state)
    teaching = clock.steps("motion")
    while lessons.done < lessons.steps:
        loss = lessons.step()
        teaching(lessons.done, lessons.steps, loss)
        if time.monotonic() - checkpoint.saved > SAVE_SECONDS and lessons.done < lessons.steps:
            checkpoint.put(motion=lessons.state())
    figures = {f"motion_{places}": round(lessons.explained(places)[0], 4) for places in (1, 3, 8)}
    made = {"latent_transformer": lessons.mover().to_bytes()}

    def taught(now: PriorRecord) -> PriorRecord:
        assets = checked(now, request).assets | {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
        calibration = now.calibration
        if calibration is not None:
            warnings = [line for line in calibration.warnings if line != HARDLY]
            warnings += [HARDLY] if figures["motion_1"] < DULL else []
            calibration = calibration.model_copy(
                update={"figures": calibration.figures | figures, "warnings": warnings}
            )
        return now.model_copy(update={"assets": assets, "calibration": calibration})

    record = home.change(request.prior, taught, made)
    shutil.rmtree(folder, ignore_errors=True)
    return record


def checked(record: PriorRecord, request: CalibratePrior) -> PriorRecord:
    """The record, if it is of the generator that was meant. Raises Conflict."""
    if record.generator_sha256 != request.generator_sha256:
        raise Conflict(
            f"prior {request.prior!r} was replaced since its calibration was asked for; call again", param="prior"
        )
    return record


def tune_encoder(
    encoder: encoder_file.Encoder, drawn: samples.Samples, request: CalibratePrior, context: Context, clock: Stages
) -> tuple[encoder_file.Encoder, float]:
    """Tuned, if that made it better."""
    checkpoint = Checkpoint(context)
    untuned = copy.deepcopy(encoder)
    steps = min(TUNE_STEPS, 4 * len(drawn.w) // fit_encoder.BATCH)  # four times through the samples at most
    tuned = fit_encoder.tune(
        encoder,
        drawn,
        steps=steps,
        seed=request.seed,
        state=checkpoint.get("encoder"),
        on_step=clock.steps("encoder"),
        save=lambda state: checkpoint.put(encoder=state),
    )
    return fit_encoder.better(tuned, untuned, drawn)


def complaints(found: directions.Directions, encoder_error: float) -> list[str]:
    deaf = [name for name in found.names if found.gains[name] < DEAF]
    lines = []
    if deaf:
        lines.append(
            f"{', '.join(deaf)} hardly answer(s) to steps in W: personas must learn it from their photos alone"
        )
    if encoder_error > 0.9:
        lines.append(
            "the encoder tells its pictures hardly apart: inversion starts near the mean face and needs more steps"
        )
    return lines
