"""All figures of one personalised person, as plain lists that pool over people."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from portraitist.requests import Edit, Photo, Synthesize
from portraitist_workers import operations
from portraitist_workers.editing.opening import invert_photo
from portraitist_workers.operations.synthesize import draw
from portraitist_workers.persona.judge import Judge, identity_scores, leave_one_out
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.presets import PRESETS
from portraitist_workers.persona.rendering import render

from . import judges, metrics, people
from .control import CONTROLLED, Sweep, sweep, widths
from .methods import Made
from .second_opinion import NAMES as SECOND
from .second_opinion import SecondOpinion


@dataclass
class Figures:
    """`values`: name -> one number per picture; `single`: name -> one number per person."""

    values: dict[str, list[float]] = field(default_factory=dict)
    single: dict[str, float] = field(default_factory=dict)
    sweeps: dict[str, Sweep] = field(default_factory=dict)  # of the loop the method is judged by
    leakage: dict[str, dict[str, float]] = field(default_factory=dict)  # swept attribute -> other -> share of its reach
    held_out: Tensor | None = None  # [2, K, 3, R, R]: photos, what was made of them
    reconstruction: Tensor | None = None  # [N, 3, R, R]


@dataclass(frozen=True)
class Effort:
    """How many pictures stand behind each figure."""

    draws: int = 6  # random draws of the person per sweep
    targets: int = 7  # requested values per sweep
    held_out: int = 8  # held-out photos


def measure(
    made: Made,
    held_out: list[people.Aligned],
    held_out_data: list[people.Photo],
    opinion: SecondOpinion,
    effort: Effort,
    *,
    closed_loop: bool,
    costs: bool,
) -> Figures:
    """`costs`: also time synthesis and an edit, of the photo `held_out_data[0]`."""
    model, photos = made.model(), made.accepted()
    judge = Judge(model)
    figures = Figures()
    _reconstruction(figures, made, model, photos)
    _control(figures, made, model, judge, opinion, photos, effort, closed_loop)
    _held_out(figures, model, made.record.preset, held_out[: effort.held_out])
    size = sum(p.numel() * 4 for p in model.prior.generator.parameters())
    figures.single |= {
        "persona_bytes": len(made.blobs[made.record.weights]),
        "generator_bytes": size,
        "bytes_ratio": size / len(made.blobs[made.record.weights]),
        "peak_mb": made.peak_mb,
        "accepted": len(photos),
        **{f"seconds_{k}": v for k, v in made.seconds.items()},
        "full_seconds": made.full_seconds,
    }
    if costs:
        _costs(figures, made, model, held_out_data[0])
    return figures


def _reconstruction(figures: Figures, made: Made, model: PersonaModel, photos: Tensor) -> None:
    images = render(model.generator, model.anchors)
    before = made.before_quantisation()
    lpips, lpips_before = judges.lpips(images, photos), judges.lpips(before, photos)
    figures.values["reconstruction_lpips"] = lpips.tolist()
    figures.values["reconstruction_psnr"] = metrics.psnr(images, photos).tolist()
    figures.values["reconstruction_ms_ssim"] = metrics.ms_ssim(images, photos).tolist()
    figures.single |= {f"reconstruction_grid_{p}": v for p, v in metrics.grid_energy(images, photos).items()}
    figures.single["quantisation_lpips"] = float((lpips - lpips_before).mean())
    figures.reconstruction = images


def _control(
    figures: Figures,
    made: Made,
    model: PersonaModel,
    judge: Judge,
    opinion: SecondOpinion,
    photos: Tensor,
    effort: Effort,
    closed_loop: bool,
) -> None:
    shares = widths(made.record, judge, photos)
    images = []
    for attribute in CONTROLLED:
        for closed in (True, False):
            found = sweep(
                model, judge, made.record, attribute, draws=effort.draws, targets=effort.targets, closed_loop=closed
            )
            loop = "closed" if closed else "open"
            figures.values[f"{attribute}_error_{loop}"] = found.errors
            figures.single[f"{attribute}_spearman_{loop}"] = found.spearman
            leaked = list(found.leakage(shares).values())
            figures.values.setdefault(f"leakage_{loop}", []).extend(leaked)
            own = max(found.own_movement(shares), 1e-3)
            figures.values.setdefault(f"relative_leakage_{loop}", []).extend(v / own for v in leaked)
            if closed is closed_loop:
                figures.sweeps[attribute] = found
                figures.leakage[attribute] = found.leakage(shares)
                images.append(found.images.flatten(0, 1))
                seen = found.judged_by(opinion(images[-1])[:, SECOND.index(attribute)])
                figures.values[f"{attribute}_error_points"], figures.single[f"{attribute}_spearman_points"] = seen
    everything = torch.cat(images)
    scale = leave_one_out(model.embeddings)
    scores = torch.cat([identity_scores(judge.identity(part), model.embeddings) for part in everything.split(16)])
    floor = torch.quantile(scale, 0.05)
    figures.values["identity"] = scores.tolist()
    figures.values["identity_above"] = (100.0 * (scores > floor)).tolist()
    figures.single |= {"identity_photos": float(scale.mean()), "identity_floor": float(floor)}
    figures.single |= {f"synthesis_grid_{p}": v for p, v in metrics.grid_energy(everything, photos).items()}
    figures.single["leakage"] = float(np.mean(figures.values["leakage_closed" if closed_loop else "leakage_open"]))


def _held_out(figures: Figures, model: PersonaModel, preset: str, held_out: list[people.Aligned]) -> None:
    """Photos the persona has never seen: projected into its space, generator tuned to them. The same for every method."""
    if not held_out:
        return
    made = []
    for photo in held_out:
        w, tuned = invert_photo(
            model, photo.pixels, torch.ones_like(photo.pixels[:, :1]), PRESETS[preset], "w_plus", 0, lambda stage: None
        )
        made.append(render(tuned, w))
    images, photos = torch.cat(made), people.stack(held_out)
    figures.values["held_out_lpips"] = judges.lpips(images, photos).tolist()
    figures.values["held_out_psnr"] = metrics.psnr(images, photos).tolist()
    figures.held_out = torch.stack([photos, images])


def _costs(figures: Figures, made: Made, model: PersonaModel, photo: people.Photo) -> None:
    w = draw(model, 16, 0, shared=False)
    render(model.generator, w)
    figures.single["render_ms"] = 1000 * min(_seconds(lambda: render(model.generator, w)) for _ in range(3)) / 16
    context = made.context()
    rng = np.random.default_rng(0)
    reach = {r.attribute: r for r in made.record.reach}
    values = [{n: float(rng.uniform(r.low, r.high)) for n, r in reach.items()} for _ in range(16)]
    request = Synthesize(persona_id=made.record.persona_id, values=values)
    figures.single["synthesis_job_ms"] = (
        1000 * min(_seconds(lambda: operations.run(request, context)) for _ in range(2)) / 16
    )
    yaw = reach["yaw"]
    edit = Edit(
        persona_id=made.record.persona_id,
        photo=Photo(name=photo.name, blob=context.put(photo.data)),
        values=[{"yaw": (yaw.low + yaw.high) / 2}],
    )
    figures.single["edit_seconds"] = _seconds(lambda: operations.run(edit, context))


def _seconds(call) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


@torch.no_grad()
def estimator_errors(aligned: list[people.Aligned]) -> dict[str, list[float]]:
    """|the attribute network's estimate - label| on a person's photos, whose labels are exact."""
    from portraitist_workers.faces.attributes import load_attributes

    estimator = load_attributes()
    values = torch.cat([estimator(part)[0] for part in people.stack(aligned).split(16)])
    return {
        n: [abs(float(values[i, estimator.names.index(n)]) - a.labels[n]) for i, a in enumerate(aligned)]
        for n in ("yaw", "pitch", "smile", "mouth_open", "eyes_open")
    }
