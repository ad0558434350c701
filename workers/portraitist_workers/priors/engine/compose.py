"""labels -> picture: mix, view, light, background, camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numba import njit

from . import background, neck
from .canvas import GRID, Canvas
from .labels import BACKGROUND_CELLS, Labels
from .light import GAMMA, shade, shade_normals
from .masks import SemanticMap, look_up
from .mix import Mix, Mixer
from .raster import cell_states, rasterise
from .view import Frame, crop_square, head_rotation, project, to_pixels

_SUPERSAMPLE = 2
_EDGE = 5  # supersampled pixels
_WRAP = 0.22  # how much of the background's light creeps over the edges


@dataclass(frozen=True)
class Portrait:
    """A rendered portrait. `image` [H, W, 3] uint8 RGB, `alpha` [H, W] uint8, and on request:

    classes  [H, W] uint8 (masks.CLASSES)
    uv       [H, W, 2] float32: column and row on the common canvas, in [0, 1]: equal uv, equal place of the face. NaN: none
    depth    [H, W] float32: towards the camera, about cm, from the middle of the head. NaN: none
    """

    image: np.ndarray
    alpha: np.ndarray
    labels: Labels
    classes: np.ndarray | None = None
    uv: np.ndarray | None = None
    depth: np.ndarray | None = None


class Engine:
    """Renders portraits of mixes of the people in `canvas`; pictures up to 160 px use half-size textures."""

    def __init__(self, canvas: Canvas, size: int = 128):
        self.size = size
        self.mixer = Mixer(canvas, 256 if size <= 160 else 512)
        self.semantic = SemanticMap(np.asarray(canvas.layout))

    def render(
        self,
        labels: Labels,
        frame: Frame | None = None,
        *,
        classes: bool = False,
        geometry: bool = False,
        change: Callable[[Mix], Mix] | None = None,
        behind: np.ndarray | None = None,
    ) -> Portrait:
        """Picture of `labels` in `frame` (the aligned crop of `size` pixels when None).

        `change` maps the Mix to another before it is drawn (frames.py adds a torso); `behind` [height, width, 3] RGB
        0..255 replaces the painted background. `geometry` asks for uv and depth. The same labels give the same picture. The
        returned labels carry the measured values.
        """
        frame = frame or Frame.crop(self.size)
        mix = self.mixer.mix(labels)
        whole = change(mix) if change else mix
        tex, alpha, offset = whole.tex, whole.alpha, (whole.pos.shape[1] - GRID) // 2

        rotation = head_rotation(labels.yaw, labels.pitch, labels.roll)
        sh, tint = np.array(labels.sh), np.array(labels.tint)
        light, mean = shade(whole.pos, rotation, sh, tint, whole.inner, whole.jaw_shadow)
        tex = tex * cv2.resize(light, tex.shape[1::-1], interpolation=cv2.INTER_LINEAR)

        large = frame.enlarged(_SUPERSAMPLE)
        place = self._camera(mix, rotation, labels, large)
        points, depth = place(whole.pos)
        grid_alpha = cv2.resize(alpha, depth.shape[::-1], interpolation=cv2.INTER_AREA)
        u, v = rasterise(
            np.ascontiguousarray(points[..., 0]),
            np.ascontiguousarray(points[..., 1]),
            np.ascontiguousarray(depth),
            cell_states(grid_alpha),
            large.height,
            large.width,
        )
        texels = tex.shape[1] / whole.pos.shape[1]  # per grid cell
        texel = (u + 0.5) * texels - 0.5, (v + 0.5) * texels - 0.5
        seen = cv2.remap(np.dstack([tex, alpha]), *texel, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        rng = np.random.default_rng(labels.seed)
        painted = background.paint(labels.scene, rng, frame.height / frame.side, frame.width / frame.side)
        painted *= (255 * np.array(labels.tint) ** (1 / GAMMA)).astype(np.float32)
        if behind is not None:
            painted = behind.astype(np.float32)
        behind = cv2.resize(painted, u.shape[::-1], interpolation=cv2.INTER_CUBIC)
        coverage = seen[..., 3] * _inside(u)
        surface, normals = mix.neck.surface()
        colours = mix.neck.colours() * shade_normals(normals, rotation, sh, tint, mean)
        at, away = place(surface)
        beneath, neck_cover = neck.draw(at, away, colours, large.height, large.width)
        over_neck = cv2.remap(whole.over_neck, *texel, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        front, coverage = _stack(seen, coverage, over_neck, beneath, neck_cover)
        image = _over(front, coverage, behind, _edge_light(coverage, frame))
        image = cv2.resize(image, (frame.width, frame.height), interpolation=cv2.INTER_AREA)
        matte = cv2.resize(coverage, (frame.width, frame.height), interpolation=cv2.INTER_AREA)

        code = cv2.resize(painted, (BACKGROUND_CELLS, BACKGROUND_CELLS), interpolation=cv2.INTER_AREA)
        code = np.clip(_grade(code, labels) / 255, 0, 1).astype(np.float32)
        image = self._expose(image, labels, frame, rng)
        found = None
        if classes:
            grid_map = self.semantic.draw(mix, self.mixer.regions, labels.blink)
            column, row = (np.ascontiguousarray(c[::2, ::2]) - offset for c in (u, v))
            found = look_up(grid_map, column, row, matte)
        uv = distance = None
        if geometry:
            column, row = (np.ascontiguousarray(c[::2, ::2]) for c in (u, v))
            seen = (column >= 0) & (matte >= 0.5)
            uv = np.where(seen[..., None], (np.stack([column, row], -1) - offset) / (GRID - 1), np.float32(np.nan))
            distance = np.where(
                seen, cv2.remap(depth.astype(np.float32), column, row, cv2.INTER_LINEAR), np.float32(np.nan)
            )
        measured = replace(labels, smile_geo=mix.smile_geo, mouth_open=mix.mouth_open, background=code)
        return Portrait(image, np.rint(255 * matte).astype(np.uint8), measured, found, uv, distance)

    def _camera(
        self, mix: Mix, rotation: np.ndarray, labels: Labels, frame: Frame
    ) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Function from head positions [..., 3] to (pixels [..., 2], depth [...]) in `frame`."""
        centre, side = crop_square(project(mix.frame_points, rotation, labels.distance)[0])

        def place(pos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            points, depth = project(pos, rotation, labels.distance)
            return to_pixels(points, centre, side, labels, frame), depth

        return place

    def _expose(self, image: np.ndarray, labels: Labels, frame: Frame, rng: np.random.Generator) -> np.ndarray:
        """Lens and sensor: blur, exposure and colour, grain; float RGB 0..255 -> uint8."""
        sigma = labels.blur * frame.side / 128
        if sigma > 0.15:
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        image = _grade(image, labels)
        noise = rng.standard_normal((*image.shape[:2], 1), np.float32) * np.float32(0.8)
        noise = noise + rng.standard_normal(image.shape, np.float32) * np.float32(0.5)
        return np.clip(np.rint(image + np.float32(labels.grain) * noise), 0, 255).astype(np.uint8)


def render(canvas: Canvas, labels: Labels, size: int = 128) -> tuple[np.ndarray, np.ndarray, Labels]:
    """(image, alpha, labels): one portrait. Keeps the engine of the last canvas and size; loops should hold an `Engine`."""
    global _last
    if _last is None or _last[0] is not canvas or _last[1] != size:
        _last = (canvas, size, Engine(canvas, size))
    picture = _last[2].render(labels)
    return picture.image, picture.alpha, picture.labels


_last: tuple[Canvas, int, Engine] | None = None


def _inside(u: np.ndarray) -> np.ndarray:
    """1 inside what was drawn, falling to 0 over the last pixel or two: where a cheek hides itself no matte softens its edge."""
    return np.clip(2 * cv2.blur((u >= 0).astype(np.float32), (_EDGE, _EDGE)) - 1, 0, 1)


def _edge_light(coverage: np.ndarray, frame: Frame) -> np.ndarray:
    """Share of the background's light on each pixel: the blurred outside of the matte."""
    reach = max(3, int(0.05 * frame.side * _SUPERSAMPLE)) | 1
    return _WRAP * (1 - cv2.blur(cv2.blur(coverage, (reach, reach)), (reach, reach)))


def _grade(image: np.ndarray, labels: Labels) -> np.ndarray:
    """Exposure, white balance, gamma and saturation of float RGB 0..255 (gamma-encoded), with a soft shoulder."""
    red, blue = labels.white_balance
    gain = 2 ** (labels.exposure / GAMMA) * np.exp([red, 0.0, blue])
    return _grade_kernel(
        np.ascontiguousarray(image, np.float32),
        gain.astype(np.float32),
        np.float32(labels.gamma),
        np.float32(labels.saturation),
    )


@njit(cache=True, fastmath=True)
def _stack(head, alpha, over_neck, neck, neck_alpha):
    """The head [H, W, 4] over the neck [H, W, 3] -> (colour, coverage). The share `over_neck` of the head hides the neck."""
    height, width = alpha.shape
    colour = np.empty((height, width, 3), np.float32)
    coverage = np.empty((height, width), np.float32)
    for i in range(height):
        for j in range(width):
            a, n = alpha[i, j], neck_alpha[i, j]
            total = a + (1 - a) * n
            coverage[i, j] = total
            share = min((1 - a + a * (1 - over_neck[i, j])) * n / max(total, 1e-4), 1.0)
            for c in range(3):
                colour[i, j, c] = head[i, j, c] + share * (neck[i, j, c] - head[i, j, c])
    return colour, coverage


@njit(cache=True, fastmath=True)
def _over(front, alpha, behind, edge):
    height, width = alpha.shape
    out = np.empty((height, width, 3), np.float32)
    for i in range(height):
        for j in range(width):
            a, e = alpha[i, j], edge[i, j]
            for c in range(3):
                colour = front[i, j, c] + e * (behind[i, j, c] - front[i, j, c])
                out[i, j, c] = a * colour + (1 - a) * behind[i, j, c]
    return out


@njit(cache=True, fastmath=True)
def _grade_kernel(image, gain, gamma, saturation):
    height, width, _ = image.shape
    out = np.empty_like(image)
    knee = np.float32(0.82)
    for i in range(height):
        for j in range(width):
            red = (max(image[i, j, 0], 0.0) * gain[0] / 255) ** gamma
            green = (max(image[i, j, 1], 0.0) * gain[1] / 255) ** gamma
            blue = (max(image[i, j, 2], 0.0) * gain[2] / 255) ** gamma
            grey = 0.299 * red + 0.587 * green + 0.114 * blue
            for c in range(3):
                value = red if c == 0 else green if c == 1 else blue
                value = grey + saturation * (value - grey)
                if value > knee:  # bends towards 1 instead of clipping
                    value = knee + (1 - knee) * (1 - np.exp(-(value - knee) / (1 - knee)))
                out[i, j, c] = 255 * max(value, 0.0)
    return out
