"""A style as a file: the change of the prior's weights, as a persona's is stored, and its record in the header."""

from __future__ import annotations

import json

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from portraitist.errors import StorageError
from portraitist.styles.record import HEADER, StyleRecord

from ..generator import Generator
from ..persona.compact import decode, encode

# How much of a person's change goes along. It was learnt for photographs, and all of it blurs lines. The likeness is in the latent.
OWN = 0.3


def to_bytes(styled: Generator, prior: Generator, record: StyleRecord) -> bytes:
    tensors = {name: tensor.cpu().contiguous() for name, tensor in encode(styled, prior).items()}
    return save_tensors(tensors, metadata={HEADER: record.model_dump_json()})


@torch.no_grad()
def put_on(data: bytes, generator: Generator, prior: Generator) -> Generator:
    """`generator`, which is the prior or a person's, in the style: both changes of the prior's weights together, `OWN` of the person's.

    Raises StorageError for a damaged file."""
    device = next(iter(prior.weights().values())).device
    try:
        tensors = {name: tensor.to(device) for name, tensor in load_tensors(data).items()}
        styled = decode(tensors, prior)
    except (ValueError, KeyError, SafetensorError, json.JSONDecodeError) as error:
        raise StorageError(f"the style's weights are damaged: {error}. Learn the style again.") from error
    reference = prior.weights()
    for (name, parameter), own in zip(styled.weights().items(), generator.weights().values(), strict=True):
        parameter.add_(OWN * (own - reference[name]))
    return styled.requires_grad_(False)
