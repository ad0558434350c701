"""Several latents in one picture: at every layer the features of all sources are mixed, place by place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..generator.synthesis import State, Synthesis

Size = tuple[int, int]  # height and width of what comes out of a layer
# Of a layer's position and size: how much each source counts there, [1 or B, K, H, W], adding up to 1. None: the first source alone.
Weights = Callable[[int, Size], Tensor | None]
Mask = Callable[[Size], Tensor]  # [1 or B, 1, H, W], 0 to 1, for every size


@dataclass(frozen=True, eq=False)
class Source:
    """A synthesis and the styles of its layers (`Synthesis.styles`). Sources may be different generators of one shape."""

    synthesis: Synthesis
    styles: Sequence[Tensor]

    def start(self) -> State:
        return self.synthesis.start(len(self.styles[0]))

    def step(self, state: State) -> State:
        return self.synthesis.step(state, self.styles)

    def image(self) -> Tensor:
        return picture(self.synthesis.run(self.start(), self.styles))


def interpolate(
    sources: Sequence[Source], weights: Weights, *, state: State | None = None, within: Mask | None = None
) -> Tensor:
    """Feature interpolation (section 3.1 of the paper): f <- sum_k a_k f_k, with f_k what source k makes of the *same* f. The colours
    are mixed likewise. Returns the picture [B, 3, H, W].

    state   where to begin; None: before the first layer
    within  where it is 0, the first source's own picture stays, to the bit. Its own features go along, and take their place there after
            every layer. Without it, convolutions carry the other sources over the border: from 4 px maps over the whole picture
    """
    first = sources[0]
    alone = state or first.start()
    state = state or _begun(sources, weights)
    layers = first.synthesis.layers()
    while state.position < len(layers):
        before, at = state, layers[state.position].name == "torgb"
        state = first.step(state)
        size = _map(state, at).shape[2:]
        if (a := weights(before.position, (size[0], size[1]))) is not None:
            others = [source.step(before) for source in sources[1:]]
            state = _with(state, at, _mixed([_map(one, at) for one in (state, *others)], a))
        if within is not None:
            alone = first.step(alone)
            inside = (
                (2 * within((size[0], size[1]))).clamp(0, 1).to(_map(state, at))
            )  # half of a soft border: a cut would show
            state = _with(state, at, torch.lerp(_map(alone, at), _map(state, at), inside))
    return picture(state)


def _begun(sources: Sequence[Source], weights: Weights) -> State:
    """Before the first layer. Different generators begin with different constants, which are mixed as all that follows."""
    start = sources[0].start()
    height, width = start.x.shape[2:]
    a = weights(0, (height, width))
    if a is None or all(source.synthesis is sources[0].synthesis for source in sources):
        return start
    return replace(start, x=_mixed([source.start().x for source in sources], a))


def _mixed(maps: Sequence[Tensor], a: Tensor) -> Tensor:
    """sum_k a_k f_k, each product added as it is made."""
    a = a.to(maps[0])
    mixed = a[:, :1] * maps[0]
    for k, one in enumerate(maps[1:], 1):
        mixed = torch.addcmul(mixed, a[:, k : k + 1], one)
    return mixed


def picture(state: State) -> Tensor:
    """The finished picture."""
    assert state.image is not None
    return state.image


def _map(state: State, colours: bool) -> Tensor:
    """What the layer just made: the feature map, or the colours."""
    return picture(state) if colours else state.x


def _with(state: State, colours: bool, value: Tensor) -> State:
    return replace(state, image=value) if colours else replace(state, x=value)
