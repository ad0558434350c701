"""Personalising a test person by one method, in a fresh process: time and peak memory are that method's alone.

Every method runs the `create` operation itself (`operations.run`); the baselines exchange its tuning step (mystyle.py).
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import pickle
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from portraitist.priors.prior import BUNDLED, DEFAULT, bundled
from portraitist.requests import CreatePersona, Photo
from portraitist.results import PersonaRecord
from portraitist_workers import operations
from portraitist_workers.faces import networks
from portraitist_workers.faces.image_io import to_tensor
from portraitist_workers.faces.intake import Intake
from portraitist_workers.operations import MemoryContext, personalize
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.presets import PRESETS
from portraitist_workers.persona.rendering import render
from portraitist_workers.priors import library

from . import judges, mystyle, people

METHODS = ("regression", "mystyle_pp", "mystyle_pp_sefa", "mystyle", "untuned")
OPEN_LOOP = (
    "mystyle",
    "mystyle_pp",
    "mystyle_pp_sefa",
    "untuned",
)  # as published: coordinates are set, nothing is measured back


@dataclass(frozen=True)
class Options:
    preset: str = "balanced"
    photos: int = 16
    seed: int = 0
    mystyle_updates: int = mystyle.PUBLISHED_UPDATES  # per photo
    mystyle_seconds: float = float("inf")  # stop the baseline's tuning after this long
    prior: str | None = None  # see use_prior
    threads: int | None = None
    steps: int | None = None  # tuning steps instead of the preset's, for trying the suite out


@dataclass
class Made:
    """A personalised person: `record`, its blobs, and what making it cost."""

    person: str
    method: str
    record: PersonaRecord
    blobs: dict[str, bytes]
    photos: bytes  # torch.save of [N, 3, R, R]: the accepted photos, aligned
    names: tuple[str, ...]  # of the accepted photos
    seconds: dict[str, float]  # per stage, "all", and the processor's of it
    peak_mb: float
    unquantised: bytes  # torch.save of [N, 3, R, R]: the anchors' pictures before the generator's change was quantised
    tuned: bytes  # torch.save of the generator's weights before quantisation
    updates: int = 0  # MyStyle: updates made ...
    update_seconds: float = 0.0  # ... and the time of each

    def context(self) -> MemoryContext:
        context = MemoryContext()
        context.blobs.update(self.blobs)
        context.personas[self.record.persona_id] = self.record
        return context

    def model(self) -> PersonaModel:
        return PersonaModel.from_bytes(self.blobs[self.record.weights])

    def accepted(self) -> torch.Tensor:
        return _restored(self.photos)

    def before_quantisation(self) -> torch.Tensor:
        return _restored(self.unquantised)

    @property
    def full_seconds(self) -> float:
        """Time of the method as published: for a MyStyle that was cut short, extrapolated from its time per update."""
        missing = mystyle.PUBLISHED_UPDATES * len(self.names) - self.updates
        return self.seconds["all"] + (missing * self.update_seconds if self.method == "mystyle" else 0.0)


def use_prior(prior: str | None) -> None:
    """Take generator and encoder of another bundled prior than the default, or those in a folder, with its face networks if it has any."""
    if prior in BUNDLED:
        library.load.__defaults__ = (prior, bundled(prior))
    elif prior is not None:
        library.load.__defaults__ = (DEFAULT, Path(prior))
        if (Path(prior) / "attributes.safetensors").exists():
            networks.load_network.__wrapped__.__defaults__ = (Path(prior),)


def personalise(person: str, method: str, options: Options, work: Path) -> Made:
    """Runs in a child process; the outcome is also kept in `work` for `stored`."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        made = pool.submit(_personalise, person, method, options).result()
    work.mkdir(parents=True, exist_ok=True)
    (work / f"{person}-{method}-{options.preset}-{options.photos}.pickle").write_bytes(pickle.dumps(made))
    return made


def stored(person: str, method: str, options: Options, work: Path) -> Made:
    """What `personalise` last made with the prior at hand, or a new one."""
    path = work / f"{person}-{method}-{options.preset}-{options.photos}.pickle"
    if path.is_file():
        made = pickle.loads(path.read_bytes())
        if made.record.prior == library.load().reference:
            return made
    return personalise(person, method, options, work)


def _personalise(person: str, method: str, options: Options) -> Made:
    judges.hide_backbones()
    use_prior(options.prior)
    if options.threads:
        torch.set_num_threads(options.threads)
    context = MemoryContext()
    photos = [p for p in people.load(person) if not p.held_out][: options.photos]
    request = CreatePersona(
        persona_id=f"{person}-{method}",
        prior=library.load().name,
        name=person,
        preset=options.preset,
        seed=options.seed,
        organizer="mystyle" if method == "untuned" else method,
        photos=[Photo(name=p.name, blob=context.put(p.data)) for p in photos],
    )
    models: list[PersonaModel] = []
    tunings: list[mystyle.MyStyleTuning] = []
    intakes: list[Intake] = []
    with _as_published(method, options, tunings), _watch(intakes, models):
        begun = time.process_time()
        record = operations.run(request, context)
        spent = time.process_time() - begun
    peak = _peak_mb()
    before = models[0]
    seconds = {k.removeprefix("seconds_"): v for k, v in record.figures.items() if k.startswith("seconds_")}
    seconds |= {"all": record.figures["seconds"], "processor": spent}
    done = tunings[0].done if method == "mystyle" else 0
    accepted = intakes[0].accepted
    pictures = to_tensor(np.stack([a.picture for a in accepted]))
    return Made(
        person,
        method,
        record,
        context.blobs,
        photos=_saved(pictures),
        names=tuple(a.name for a in accepted),
        seconds=seconds,
        peak_mb=peak,
        unquantised=_saved(render(before.generator, before.anchors)),
        tuned=_saved({name: weight.detach() for name, weight in before.generator.weights().items()}),
        updates=done,
        update_seconds=tunings[0].spent / done if done else 0.0,
    )


@contextlib.contextmanager
def _as_published(method: str, options: Options, tunings: list):
    """Exchanges the tuning step for the baselines'."""

    def with_steps(steps: int):
        preset = PRESETS[options.preset]
        return mock.patch.dict(
            PRESETS, {options.preset: replace(preset, invert_steps=steps, tuning=replace(preset.tuning, steps=steps))}
        )

    if method == "mystyle":

        def build(*args, **kwargs):
            tuning = mystyle.MyStyleTuning(*args, **kwargs)
            tuning.updates_per_photo, tuning.seconds = options.mystyle_updates, options.mystyle_seconds
            tunings.append(tuning)
            return tuning

        with mock.patch.object(personalize, "Tuning", build), with_steps(0):  # from the encoder's w
            yield
    elif method == "untuned":
        with mock.patch.object(personalize, "Tuning", mystyle.Untuned):
            yield
    elif options.steps is not None:
        with with_steps(options.steps):
            yield
    else:
        yield


@contextlib.contextmanager
def _watch(intakes: list[Intake], models: list[PersonaModel]):
    """Collects the accepted photos, and the model as it is before its generator is quantised."""
    to_bytes, check = PersonaModel.to_bytes, personalize.check_photos

    def checked(*args, **kwargs) -> Intake:
        intakes.append(check(*args, **kwargs))
        return intakes[-1]

    def watched(model: PersonaModel) -> bytes:
        models.append(model)
        return to_bytes(model)

    with mock.patch.object(PersonaModel, "to_bytes", watched), mock.patch.object(personalize, "check_photos", checked):
        yield


def _peak_mb() -> float:
    """Peak resident memory of this process. (getrusage would count what the parent held at the fork.)"""
    with open(f"/proc/{os.getpid()}/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def _restored(data: bytes) -> torch.Tensor:
    return torch.load(io.BytesIO(data), weights_only=True)


def _saved(content) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
