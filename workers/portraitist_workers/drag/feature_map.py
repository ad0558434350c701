"""The features of one of the generator's blocks, whole: what the latent transformer is told of a point."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from portraitist.priors.motion import SIDE

from ..generator.synthesis import Synthesis


def feature_map(synthesis: Synthesis, w_plus: Tensor, *, side: int = SIDE) -> Tensor:
    """[B, C, side, side]: what comes out of the second convolution at `side` px, before any colour."""
    styles = synthesis.styles(w_plus)
    state, end = synthesis.start(len(w_plus)), 1 + synthesis.position(side, "conv1")
    while state.position < end:
        if synthesis.layers()[state.position].name == "torgb":
            state = replace(state, position=state.position + 1)
        else:
            state = synthesis.step(state, styles)
    return state.x
