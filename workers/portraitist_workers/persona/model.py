"""A persona in memory, and as one safetensors file."""

from __future__ import annotations

import json
from dataclasses import dataclass

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from portraitist.errors import PriorUnavailable, StorageError
from portraitist.priors.home import PriorHome

from ..device import device
from ..faces.identity import load_identity
from ..generator import Generator
from ..priors import library
from . import kept_detail
from .axes import Axes
from .compact import decode, encode
from .control import Response
from .rendering import render

FORMAT = "portraitist-persona-1"


@dataclass(eq=False)
class PersonaModel:
    """Everything that serving needs.

    anchors     [N, D] one latent per accepted photo, in the order of `photos`
    axes        the controlled attributes in W
    response    how measured attributes answer to steps in W (see control.py)
    detail      N files of the photos' faces (kept_detail.py), some perhaps empty; () where the person keeps none
    embeddings  [N, E] identity of the photos by `identity_network`, or of the anchors' pictures where another network made the persona's.
                None, [0, E], where nobody was learnt: anchors are then people whom the prior made up (anybody.py)
    """

    prior: library.Prior
    generator: Generator
    anchors: Tensor
    axes: Axes
    response: Response
    embeddings: Tensor
    identity_network: str
    photos: tuple[str, ...]
    detail: tuple[bytes, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it is known who the person is."""
        return len(self.embeddings) > 0

    def to_bytes(self) -> bytes:
        tensors = {
            "anchors": self.anchors,
            "axes.origin": self.axes.origin,
            "axes.zero": self.axes.zero,
            "axes.steps": self.axes.steps,
            "response.steps": self.response.steps,
            "response.matrix": self.response.matrix,
            "identity.embeddings": self.embeddings,
            **kept_detail.to_tensors(self.detail),
            **encode(self.generator, self.prior.generator),
        }
        header = {
            "format": FORMAT,
            "prior": self.prior.reference,
            "identity_network": self.identity_network,
            "attributes": self.axes.names,
            "measured": self.response.names,
            "photos": self.photos,
        }
        # One entry, because safetensors writes several in random order, and equal personas must be equal bytes.
        return save_tensors(
            {k: v.detach().cpu().contiguous() for k, v in tensors.items()}, metadata={"persona": json.dumps(header)}
        )

    @classmethod
    @torch.no_grad()
    def from_bytes(cls, data: bytes, priors: PriorHome | None = None) -> PersonaModel:
        """`priors`: where her prior is, if it was imported; default: this machine's.

        Raises PriorUnavailable when the persona belongs to other generator weights, StorageError when the file is damaged."""
        try:
            length = int.from_bytes(data[:8], "little")
            header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["persona"])
            tensors = {name: tensor.to(device()) for name, tensor in load_tensors(data).items()}
        except (ValueError, KeyError) as error:
            raise StorageError(f"the persona's weights are damaged: {error}. Create the persona again.") from error
        prior = library.load(header["prior"].split("@")[0], home=priors)
        if header["prior"] != prior.reference:
            raise PriorUnavailable(
                f"this persona was made with the prior {header['prior']}, installed is {prior.reference}: delete it and create it again, "
                "or install the version of portraitist that made it",
                param="prior",
            )
        names = tuple(header["attributes"])
        axes = Axes(names, tensors["axes.origin"], tensors["axes.zero"], tensors["axes.steps"])
        response = Response(tuple(header["measured"]), tensors["response.steps"], tensors["response.matrix"])
        generator = decode(tensors, prior.generator)
        embeddings, identity_network = tensors["identity.embeddings"], header["identity_network"]
        if (
            len(embeddings) and identity_network != (identity := load_identity()).name
        ):  # embeddings of two networks cannot be compared
            embeddings = identity(render(generator, tensors["anchors"]))
            identity_network = f"{identity.name} on the anchors' pictures"
        return cls(
            prior,
            generator,
            tensors["anchors"],
            axes,
            response,
            embeddings,
            identity_network,
            tuple(header["photos"]),
            kept_detail.from_tensors(tensors),
        )
