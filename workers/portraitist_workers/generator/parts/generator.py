"""`Parts`: SemanticStyleGAN as a `Generator`, and what can be done with its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..protocol import Generator, Layer
from .config import PartsConfig
from .fusion import Fusion
from .local import LocalGenerators, coordinates
from .mapping import PartsMapping
from .render import RenderNetwork


@dataclass(frozen=True)
class Composition:
    """How parts are put together, the same for all pictures of a batch.

    without  parts that are left out; what lies behind them is seen
    left     how much of them is still seen
    moved    part -> (dx, dy), in pictures' sides: 0.5 is half a picture to the right, or down
    scaled   part -> factor about its own middle (`centres`, in the same unit from the top left), or the picture's
    """

    without: tuple[str, ...] = ()
    left: float = 0.0
    moved: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    scaled: Mapping[str, float] = field(default_factory=dict)
    centres: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def only(cls, config: PartsConfig, names: Iterable[str]) -> Composition:
        """Nothing but the named parts. Raises ValueError for names that there are not, and where none is left."""
        kept = {config.part(name) for name in names}
        if not kept:
            raise ValueError("no part is left: name at least one")
        return cls(without=tuple(name for i, name in enumerate(config.parts) if i not in kept))

    def present(self, config: PartsConfig) -> Tensor | None:
        """[1, K], `left` for parts that are left out; None where all are there."""
        if not self.without:
            return None
        present = torch.ones(1, len(config.parts))
        present[0, [config.part(name) for name in self.without]] = self.left
        return present

    def coordinates(self, config: PartsConfig, size: int) -> Tensor:
        """Of maps of `size` px: [P, 2], or [K, P, 2] where parts are moved or scaled. A part that goes right looks up what is further
        left."""
        xy = coordinates(size, centred=config.centred)
        if not self.moved and not self.scaled:
            return xy
        each = xy.repeat(len(config.parts), 1, 1)
        for name, offset in self.moved.items():
            each[config.part(name)] -= 2 * torch.tensor(offset)
        for name, factor in self.scaled.items():
            middle = 2 * torch.tensor(self.centres.get(name, (0.5, 0.5))) - 1
            each[config.part(name)] = (each[config.part(name)] - middle) / factor + middle
        return each


@dataclass(frozen=True, eq=False)
class Made:
    """One pass. The largest segmentation names a pixel's part.

    image          [B, 3, R, R], about [-1, 1]
    segmentation   [B, K, R, R], the same
    masses, depths  [B, K, c, c], of the local generators
    """

    image: Tensor
    segmentation: Tensor
    masses: Tensor
    depths: Tensor

    def at(self, rows: slice) -> Made:
        """Some of the pictures."""
        return Made(self.image[rows], self.segmentation[rows], self.masses[rows], self.depths[rows])

    @property
    def classes(self) -> Tensor:
        """[B, R, R] int64, numbers of parts."""
        return self.segmentation.argmax(1)


class Parts(Generator):
    """SemanticStyleGAN. w [B, w_dim] holds a code for the base and two for each part, see `PartsConfig`."""

    kind = "parts"
    config_type = PartsConfig
    mapping: PartsMapping

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = PartsMapping(config)
        self.local = LocalGenerators(config)
        self.fusion = Fusion(config)
        self.render = RenderNetwork(config)

    def codes(self, w: Tensor) -> Tensor:
        """w [B, w_dim] or w_plus [B, 1, w_dim] -> [B, codes, code_dim]. Raises ValueError for other shapes."""
        if w.shape[-1] != self.config.w_dim or w.ndim not in (2, 3) or (w.ndim == 3 and w.shape[1] != 1):
            raise ValueError(f"expected w [B, {self.config.w_dim}], got {tuple(w.shape)}")
        return w.reshape(len(w), self.config.codes, self.config.code_dim)

    def make(
        self,
        w: Tensor | Sequence[Tensor],
        composition: Composition | None = None,
        *,
        present: Tensor | None = None,
        xy: Tensor | None = None,
        noise: str = "const",
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        until: int | None = None,
        coarse: int | None = None,
        double_backward: bool = False,
    ) -> Made:
        """Picture, segmentation, masses and depths of w or of `styles`.

        composition  parts left out, moved or scaled
        present, xy  the same sample by sample: [B, K] in [0, 1], and coordinates [B, K, P, 2]
        coarse       px of the local generators' maps, where they are to be smaller than `config.coarse`

        The other arguments are those of `images`.
        """
        composition = composition or Composition()
        styles = self.styles(w) if isinstance(w, Tensor) else w
        present = composition.present(self.config) if present is None else present
        B, K, side = len(styles[0]), len(self.config.parts), coarse or self.config.coarse
        xy = composition.coordinates(self.config, side) if xy is None else xy
        device = styles[0].device
        xy = xy.to(device)
        if xy.ndim == 3:
            xy = xy.expand(B, *xy.shape)
        hidden, depths = self.local(
            [style.view(B, K, -1) for style in styles], xy, dtype=dtype, double_backward=double_backward
        )
        masses = self.fusion.masses(depths, None if present is None else present.to(device))
        features = self.fusion(hidden, masses).view(B, side, side, -1).permute(0, 3, 1, 2)  # channels_last
        masses, depths = (t.view(B, K, side, side) for t in (masses, depths))
        image, segmentation = self.render(
            features, masses, noise=noise, generator=generator, until=until, double_backward=double_backward
        )
        return Made(image, segmentation, masses, depths)

    def images(
        self,
        w: Tensor | Sequence[Tensor],
        *,
        noise: str = "const",
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        until: int | None = None,
    ) -> Tensor:
        return self.make(w, noise=noise, generator=generator, dtype=dtype, until=until).image

    def layers(self) -> list[Layer]:
        """One per layer of the local generators; a style [B, K h] holds all parts' side by side."""
        return [Layer(self.config.coarse, f"local{n}", 0, view) for n, view in enumerate(self.local.affine_views())]

    def styles(self, w: Tensor) -> list[Tensor]:
        return self.styles_of(self.local.expanded(self.codes(w)))

    def styles_of(self, expanded: Tensor) -> list[Tensor]:
        """Of codes for every layer of every part [B, K, L, code_dim]: more than w can say, for path length and mixing."""
        return [style.flatten(1) for style in self.local.styles(expanded)]

    def weights(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.named_parameters() if not name.startswith("mapping.")}

    def tunable(self) -> dict[str, nn.Parameter]:
        """All but how strong the noise is."""
        return {name: p for name, p in self.weights().items() if not name.endswith("noise_strength")}

    def stylable(self) -> dict[str, nn.Parameter]:
        """Those of the render network: the local generators, which say what each part is, stay to the bit."""
        return {name: p for name, p in self.tunable().items() if name.startswith("render.")}

    def held(self) -> Iterator[Tensor]:
        for network in (self.local, self.fusion, self.render):
            yield from network.parameters()
            yield from network.buffers()
