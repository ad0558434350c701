"""Attribute values read off an aligned face: pose, smile, mouth, eyes, each with its error.

Two readings are joined. The attribute network knows the engine's renders to a fraction of a degree, but of photographs it makes too
little of a turned head. The face mesh has seen the world; calibrated on renders (`geometry.py`) it speaks the same units.
"""

from __future__ import annotations

import functools
from typing import Protocol

from torch import Tensor

from portraitist.attributes import ESTIMATED

from .geometry import EXPRESSION, POSE, bounded
from .image_io import at_side
from .mesh import load_mesh
from .networks import SIDE, load_network
from .world import FOLDER as WORLD


class AttributeEstimator(Protocol):
    """Pictures are aligned faces [B, 3, R, R] in [-1, 1]; units and signs as in portraitist.attributes."""

    name: str  # for reports
    names: tuple[str, ...]  # the attributes, in the order of the columns below
    errors: dict[str, float]  # median |estimate - truth| per attribute, measured on people the network never saw

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(values [B, A], standard deviation the estimator expects of each [B, A]); differentiable.

        Values of [0, 1] scales may lie a little outside, so that a control loop sees them move there; `geometry.bounded` is for people.
        """


class AttributesOfRenders:
    """The network trained on the engine's labels, shipped with the package (networks.AttributeNetwork)."""

    def __init__(self) -> None:
        self.name = "portraitist-attributes"
        self.network, self.measured = load_network("attributes")
        self.names = tuple(self.network.names)
        self.errors = dict(self.measured["median_error"])
        if self.names != ESTIMATED:
            raise ValueError(f"attribute network estimates {self.names}, the SDK expects {ESTIMATED}")

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(at_side(images, SIDE))


class AttributesOfPoints:
    """The face mesh's points alone (geometry.GeometryNetwork): independent of the network that saw renders, and somewhat cruder."""

    def __init__(self) -> None:
        self.name = "face-mesh-geometry"
        self.mesh = load_mesh()
        self.network, self.measured = load_network("geometry", WORLD)
        self.names = POSE + EXPRESSION
        self.errors = dict(self.measured["geometry"]["median_error"])

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        values = self.network(self.mesh(images).points)
        return values, self.network.deviation.expand_as(values)


class JoinedAttributes:
    """Both, weighed by whether they agree (geometry.GeometryNetwork.joined)."""

    def __init__(self) -> None:
        self.name = "portraitist-attributes+face-mesh"
        self.renders, self.points = load_attribute_network(), load_attribute_points()
        self.names = self.renders.names
        self.errors = dict(self.points.measured["joined"]["median_error"])
        if self.points.names != self.names:
            raise ValueError(f"the geometry estimates {self.points.names}, the network {self.names}")

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        read, deviation = self.renders(images)
        return self.points.network.joined(self.points.mesh(images).points, read, deviation)


def as_dict(estimator: AttributeEstimator, values: Tensor) -> dict[str, float]:
    """One row of values [A] by attribute name, bounded and rounded for reports."""
    return {name: round(float(v), 3) for name, v in zip(estimator.names, bounded(values), strict=True)}


@functools.cache
def load_attribute_network() -> AttributesOfRenders:
    """For pictures by a generator that learnt from renders, and where gradients shall be cheap. Raises PriorUnavailable."""
    return AttributesOfRenders()


@functools.cache
def load_attribute_points() -> AttributesOfPoints:
    """For a second opinion. Raises PriorUnavailable."""
    return AttributesOfPoints()


@functools.cache
def load_attributes() -> AttributeEstimator:
    """What measures and steers. Raises PriorUnavailable."""
    return JoinedAttributes()
