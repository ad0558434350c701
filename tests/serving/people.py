"""Personas on the bundled prior that nobody had to learn: a few layers differ, each in its own way."""

import copy
import functools
import hashlib
import io

import torch
from PIL import Image

from portraitist.results import PersonaRecord, PhotoVerdict, Reach
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.operations import MemoryContext
from portraitist_workers.persona.axes import Axes
from portraitist_workers.persona.control import Response
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.priors import library

REACH = [Reach(attribute="yaw", unit="deg", low=-25, high=25), Reach(attribute="smile", unit="", low=0, high=1)]


def persona_id(number):
    return f"per_{number:08d}"


@functools.cache
def weights(number):
    """A persona's file."""
    prior, rng = library.load(), torch.Generator().manual_seed(number)
    tuned = copy.deepcopy(prior.generator)
    with torch.no_grad():
        for name, parameter in tuned.synthesis.named_parameters():
            if parameter.ndim and name.startswith(("blocks.8.", "blocks.64.torgb", "blocks.4.const")):
                parameter += (
                    0.05 * parameter.std() * torch.randn(parameter.shape, generator=rng).sign().to(parameter.device)
                )
    anchors = prior.generator.mapping.w_avg + prior.w_std * 0.5 * torch.randn(6, len(prior.w_std), generator=rng).to(
        prior.w_std.device
    )
    names = load_attributes().names
    steps = prior.steps_for(names)
    axes = Axes(
        ("yaw", "smile"), anchors.mean(0), torch.tensor([0.0, 0.3]).to(steps), prior.steps_for(("yaw", "smile"))
    )
    embeddings = torch.nn.functional.normalize(torch.randn(6, 128, generator=rng).to(steps.device), dim=1)
    response = Response(names, steps, torch.eye(len(names), device=steps.device))
    photos = tuple(f"{n}.jpg" for n in range(6))
    return PersonaModel(prior, tuned, anchors, axes, response, embeddings, load_identity().name, photos).to_bytes()


def model(number):
    """The same in memory."""
    return PersonaModel.from_bytes(weights(number))


def record(number):
    return PersonaRecord(
        persona_id=persona_id(number),
        name=f"person-{number}",
        prior=library.load().reference,
        organizer="regression",
        preset="fast",
        attributes=["yaw", "smile"],
        photos=[PhotoVerdict(name=f"{n}.jpg", accepted=True) for n in range(6)],
        reach=REACH,
        weights=hashlib.sha256(weights(number)).hexdigest(),
    )


def context(*numbers):
    """A MemoryContext that knows these people."""
    made = MemoryContext()
    for number in numbers:
        made.put(weights(number))
        made.personas[persona_id(number)] = record(number)
    return made


def pixels(world, picture):
    """Digest of a picture's pixels. (Two files of them differ: each is signed anew.)"""
    return hashlib.sha256(raw(world, picture)).hexdigest()


def raw(world, picture):
    """A picture's pixels, three bytes each."""
    return Image.open(io.BytesIO(world.blob(picture.blob))).tobytes()
