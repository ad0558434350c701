"""The checks A0 to A7 of joined features, on random samples of a prior, each with a control that must fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist_workers.collage import spatial
from portraitist_workers.collage.interpolation import Source, interpolate, picture
from portraitist_workers.collage.panorama import canvas, smoothed, spans
from portraitist_workers.collage.patches import Patch, random_patches, variation
from portraitist_workers.collage.transfer import aligned, transferred
from portraitist_workers.collage.weights import feathered, of_image, ramp, second
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.generator import StyleGAN2
from portraitist_workers.styles.meaning import OUTER_CORNERS

from .metrics import spearman

Row = tuple[str, str, str, str]  # what, wanted, found, the control


class Checks:
    """`pairs` random pairs, psi 0.7."""

    def __init__(self, generator: StyleGAN2, pairs: int, seed: int = 3) -> None:
        self.synthesis, self.pairs = generator.synthesis, pairs
        z = torch.randn(2 * pairs, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
        self.w = generator.mapping.truncate(self.synthesis.as_w_plus(generator.mapping(z)), 0.7)
        self.styles = generator.styles(self.w)
        self.mapped = generator.mapping(smoothed(z))
        self.generator, self.side = generator, generator.resolution
        self.a = self.source(slice(0, pairs))
        self.b = self.source(slice(pairs, None))

    def source(self, rows: slice) -> Source:
        return Source(self.synthesis, [style[rows] for style in self.styles])

    def rows(self) -> Iterator[Row]:
        for check in (self.identity, self.wider, self.blend, self.patches, self.panorama, self.transfer):
            yield from check()

    def identity(self) -> Iterator[Row]:
        ends = [interpolate([self.a, self.b], second(_flat(t))) for t in (0.0, 1.0, 0.5)]
        off = max(float((ends[0] - self.a.image()).abs().max()), float((ends[1] - self.b.image()).abs().max()))
        yield (
            "A0 a blend at 0 and 1 is one picture: largest difference",
            "<= 1e-5",
            f"{off:.1e}",
            f"at 0.5: {float((ends[2] - self.a.image()).abs().max()):.2f}",
        )

    def wider(self) -> Iterator[Row]:
        hook = partial(spatial.resized, height=8, width=16)
        wide = picture(self.synthesis.run(self.a.start(), self.a.styles, hooks={(8, "torgb"): hook}))
        plain = self.a.image()
        pixels = F.interpolate(plain, size=wide.shape[2:], mode="bilinear", align_corners=False)
        sharp = [_laplacian(one) for one in (wide, plain, pixels)]
        yield "A1 stretched features: size", f"{self.side} x {2 * self.side}", f"{wide.shape[2]} x {wide.shape[3]}", ""
        yield (
            "A1 ... sharpness, of the picture's (of stretched pixels')",
            ">= 0.8 (>= 1.3)",
            f"{sharp[0] / sharp[1]:.2f} ({sharp[0] / sharp[2]:.2f})",
            "docs/collage.md: `extend`",
        )
        found = [self._wrap(step) for step in (spatial.circular_step, lambda s, *a: s.step(*a, noise="none"))]
        yield (
            "A1 circular: gradient across the border, of that inside",
            "<= 1.25",
            f"{found[0]:.2f}",
            f"zeros about the map: {found[1]:.2f}",
        )

    def _wrap(self, step: Callable) -> float:
        state = self.a.start()
        state = spatial.padded(state, 2, mode="circular")
        while state.position < len(self.synthesis.layers()):
            state = step(self.synthesis, state, self.a.styles)
        image = picture(state)
        inside = image.diff(dim=3).abs().mean()
        return float((image[..., 0] - image[..., -1]).abs().mean() / inside)

    def blend(self) -> Iterator[Row]:
        image, a, b = interpolate([self.a, self.b], second(ramp())), self.a.image(), self.b.image()
        away = (image - a).abs().mean(1).mean(1)  # [B, W]
        bins = [spearman(list(range(8)), one.reshape(8, -1).mean(1).tolist()) for one in away]
        columns = slice(self.side // 4, 3 * self.side // 4)
        steps = [one.diff(dim=3).abs()[..., columns].mean() for one in (image, a, b)]
        middle = self.side // 2
        pasted = torch.cat([a[..., :middle], b[..., middle:]], 3)
        seam = [float((one[..., middle] - one[..., middle - 1]).abs().mean()) for one in (image, pasted)]
        yield (
            "A2 blend: distance to the left picture rises to the right, Spearman",
            ">= 0.95",
            f"{np.mean(bins):.2f}",
            "",
        )
        yield (
            "A2 ... gradient in the transition, of the pictures' own",
            "<= 1.25",
            f"{float(2 * steps[0] / (steps[1] + steps[2])):.2f}",
            "",
        )
        yield "A2 ... step in the middle, of a hard paste's", "<= 0.6", f"{seam[0] / seam[1]:.2f}", "1 by definition"

    def patches(self) -> Iterator[Row]:
        one, lpips = self.source(slice(0, 1)), load_perceptual()
        plain = one.image()
        patch = Patch((0.3, 0.35, 0.7, 0.65), 0.0, 0.25)
        made = variation(one, [patch])
        before, after = (float(lpips(_box(x, 0.60, 0.30), _box(plain, 0.35, 0.30))) for x in (plain, made))
        found = [variation(one, random_patches(2, generator=torch.Generator().manual_seed(k))) for k in range(8)]
        apart = [float(lpips(found[i], found[j])) for i in range(8) for j in range(i)]
        yield "A3 a patch elsewhere: LPIPS to where it is from, of before", "<= 0.5", f"{after / before:.2f}", ""
        yield "A3 eight variations: LPIPS between two", ">= 0.05", f"{np.mean(apart):.3f}", "the same patch nowhere: 0"

    def panorama(self) -> Iterator[Row]:
        styles = self.generator.styles(self.mapped[: self.pairs + 1])
        R, N = self.side, self.pairs + 1
        alone = self.synthesis(styles)
        whole, published = canvas(self.synthesis, styles), spans(self.synthesis, styles)
        naive = torch.cat(list(alone[:, None]), 3)
        single = alone.diff(dim=3).abs()[..., R // 2 - 1].mean()

        def joins(image: Tensor, places: list[int]) -> float:
            return float(
                torch.stack([(image[..., p] - image[..., p - 1]).abs().mean() for p in places]).mean() / single
            )

        tiles = [k * R for k in range(1, N)]
        middles = [k * R + R // 2 for k in range(1, N - 1)]
        yield (
            "A6 strip: gradient at the canvas's tiles, of that in single pictures",
            "<= 1.15",
            f"{joins(whole, middles):.2f}",
            f"naive tiles: {joins(naive, tiles):.2f}",
        )
        yield "A6 ... at the published joins", "<= 1.25", f"{joins(published, middles):.2f}", ""
        yield "A6 ... width", f"{N * R}", f"{whole.shape[3]}", ""

    def transfer(self) -> Iterator[Row]:
        mask = torch.zeros(1, 1, self.side, self.side)
        rows, columns = (
            slice(int(0.62 * self.side), int(0.8 * self.side)),
            slice(int(0.34 * self.side), int(0.66 * self.side)),
        )
        mask[:, :, rows, columns] = 1
        soft = feathered(mask, 0.05 * self.side)
        exact = transferred(self.a, aligned(self.b, self.a), of_image(soft))
        loose = transferred(self.a, aligned(self.b, self.a), of_image(mask), exact=False)
        turned = transferred(self.a, self.b, of_image(mask), exact=False)
        plain, like = self.a.image(), aligned(self.b, self.a).image()
        outside = (soft == 0).expand_as(plain)
        far = (feathered(mask, self.side / 8) == 0).expand_as(plain)
        change = (loose - plain).abs()
        leak = float(change[far].mean() / change[mask.expand_as(plain) == 1].mean())
        leak_turned = (turned - plain).abs()
        control = float(leak_turned[far].mean() / leak_turned[mask.expand_as(plain) == 1].mean())
        attributes = load_attributes()
        pose = [attributes.names.index(n) for n in ("yaw", "pitch", "roll")]
        moved = (attributes(exact)[0] - attributes(plain)[0]).abs()[:, pose].mean(0)
        lpips = load_perceptual()
        near = [lpips(_within(x, rows, columns), _within(like, rows, columns)).mean() for x in (plain, exact)]
        third = lpips(_within(exact, rows, columns), _within(like.roll(1, 0), rows, columns)).mean()
        points = [load_mesh()(x).points[..., :2] for x in (plain, exact)]
        upper = [33, 133, 263, 362, 10, 1, 168]
        eyes = (points[0][:, OUTER_CORNERS[0]] - points[0][:, OUTER_CORNERS[1]]).norm(dim=1)
        error = (points[0] - points[1])[:, upper].norm(dim=2).mean(1) / eyes
        identity = (load_identity()(exact) * load_identity()(plain)).sum(1)
        yield (
            "A7 mouth of another: largest change outside the mask",
            "0",
            f"{float((exact - plain)[outside].abs().max()):.0e}",
            f"one stream: {float((loose - plain)[outside].abs().max()):.2f}",
        )
        yield (
            "A7 ... one stream: change from an eighth of the side on, of that inside",
            "<= 2 %",
            f"{100 * leak:.1f} %",
            f"unaligned: {100 * control:.1f} %",
        )
        yield "A7 ... yaw, pitch, roll, degrees", "<= 3", ", ".join(f"{float(m):.1f}" for m in moved), ""
        yield "A7 ... points of eyes, nose, forehead (NME)", "<= 0.03", f"{float(error.mean()):.3f}", ""
        yield (
            "A7 ... LPIPS of the region to the other",
            "-30 %",
            f"{100 * float(near[1] / near[0] - 1):.0f} %",
            f"to a third: {100 * float(third / near[0] - 1):+.0f} %",
        )
        yield (
            "A7 ... identity (cosine)",
            ">= 0.8",
            f"{float(identity.mean()):.2f}",
            "two people: " + f"{float((load_identity()(plain) * load_identity()(like)).sum(1).mean()):.2f}",
        )


def _flat(value: float) -> Callable:
    return lambda size: torch.full((1, 1, *size), value)


def _laplacian(image: Tensor) -> float:
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    return float(F.conv2d(image.mean(1, keepdim=True), kernel).var())


def _within(image: Tensor, rows: slice, columns: slice) -> Tensor:
    """A part of the face, 64 px high: LPIPS wants as many."""
    part = image[:, :, rows, columns]
    wide = round(64 * part.shape[3] / part.shape[2])
    return F.interpolate(part, size=(64, wide), mode="bilinear", align_corners=False)


def _box(image: Tensor, top: float, height: float) -> Tensor:
    """A band of the face at 64 px: LPIPS wants as many."""
    R = image.shape[-1]
    part = image[:, :, int(top * R) : int((top + height) * R), int(0.25 * R) : int(0.75 * R)]
    return F.interpolate(part, size=(64, 64), mode="bilinear", align_corners=False)
