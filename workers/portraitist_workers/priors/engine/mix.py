"""Mixes people: labels -> one texture, one matte and one surface in the common layout.

Colours are mixed in the inner face only; hair, ears, neck and outline come from the donor alone, or every picture would
have ghost hair. The surface is mixed everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from . import strands
from .blend import combine, mix_layers, shift_hair
from .canvas import GRID, NEUTRAL, SMILE, Canvas
from .eyes import Eyes
from .labels import Labels
from .mouth import open_mouth
from .neck import Neck
from .outline import over_neck, without_rims
from .prepare import crisp, is_bald, shrink, usable, whole_skin
from .regions import INNER_LIP_MIDDLE, Regions, scale_points
from .template import MOUTH_CORNERS, NECK

_DETAIL = 0.5  # share of the donor's fine texture given back to an average face
_HAIR = 0.75  # brightness against the cheeks below which what should be bare is hair
_OPEN_LENGTH = 2.5  # ICT units between the inner lips at mouth_open = 1
# Ears and side hair lie on a plane far behind the cheeks; at that depth a turned head shows too much of its side.
_FLATTEN, _FLATTEN_BELOW = np.float32(0.45), np.float32(3.0)
_SMILE_LENGTH = 1.0  # ICT units of travel of the mouth corners at smile_geo = 1

# Weights of ICT expressions for brow = +1 and brow = -1, for pucker = 1 and jaw = 1; "?" stands for L and R.
_BROW_UP = {"browInnerUp_?": 0.7, "browOuterUp_?": 0.7}
_BROW_DOWN = {"browDown_?": 0.8}
_SMILE = {"mouthSmile": 1.0, "cheekSquint": 0.5}
_BROAD_SMILE, _MOST_ICT_SMILE = (
    0.8,
    0.6,
)  # corner travel to reach at smile = 1; weight not to exceed (teeth stay hidden)


@dataclass(frozen=True)
class Mix:
    """A mixed head in the layout."""

    tex: np.ndarray  # [W, W, 3] float32, RGB 0..255
    alpha: np.ndarray  # [W, W] float32, 0..1
    over_neck: np.ndarray  # [W, W] float32, 0..1, share of the head that hides the neck beneath it
    skin: np.ndarray  # [W, W] float32, 0..1, of the donor
    clothes: np.ndarray  # [W, W] float32, 0..1
    pos: np.ndarray  # [256, 256, 3] float32, ICT units, head frame
    frame_points: np.ndarray  # [4, 3] eyes and mouth corners that place the crop (blinking does not move them)
    neck: Neck
    inner: np.ndarray  # [128, 128] float32, the inner face, for the light's mean
    jaw_shadow: np.ndarray  # [128, 128] float32
    smile_geo: float
    mouth_open: float


class Mixer:
    """The canvas at `W` texels a side (256 for small pictures, 512 for large), ready to mix."""

    def __init__(self, canvas: Canvas, W: int):
        if W not in (256, 512):
            raise ValueError(f"textures of {W} texels a side are not kept: use 256 or 512")
        self.canvas, self.W = canvas, W
        self.regions = Regions.of(np.asarray(canvas.layout), W)
        self.eyes = Eyes(np.asarray(canvas.layout), W)
        self.tex = shrink(canvas.tex, W)  # [P, 2, W, W, 3] uint8
        self.alpha = shrink(canvas.alpha, W)  # [P, 2, W, W] uint8
        self.skin = shrink(canvas.skin, W)  # [P, W, W] uint8
        front = np.asarray(np.mean(canvas.pos[::4, NEUTRAL], axis=0, dtype=np.float32))  # some people make a mean head
        self.tex = crisp(without_rims(self.tex, self.alpha, self.skin, self.regions, front), self.alpha)
        self._usable = np.stack([usable(skin, self.regions) for skin in self.skin])  # [P, W, W] uint8
        self._whole_skin = np.stack([whole_skin(skin, self.regions) for skin in self.skin])  # [P, W, W] uint8
        self._strokes = strands.patterns(W)
        self._loose = [strands.looseness(matte, self.regions) for matte in self.alpha[:, NEUTRAL]]
        self._bald = [
            is_bald(*who, self.regions.points) for who in zip(self.tex[:, NEUTRAL], canvas.cheek, strict=True)
        ]
        self._expressions = {
            name: np.asarray(canvas.expr[i], np.float32)
            for i, name in enumerate(canvas.expression_names)
            if _used(name)
        }
        halves = (
            share * (self._expressions[f"{name}_L"] + self._expressions[f"{name}_R"]) for name, share in _SMILE.items()
        )
        self._ict_smile = cast(np.ndarray, sum(halves))
        self._identity = np.asarray(canvas.identity, np.float32).reshape(len(canvas.identity), -1)  # [K, 128 * 128 * 3]
        half = lambda mask: cv2.resize(mask, (GRID // 2, GRID // 2), interpolation=cv2.INTER_AREA)  # noqa: E731
        self._light_masks = half(self.regions.inner), half(self.regions.jaw_shadow)
        rows = np.arange(GRID, dtype=np.float32)[:, None]
        self._flatten = _FLATTEN * np.clip((rows - 75) / 40, 0, 1)  # not at the crown, which is flat enough
        self._grid_points = scale_points(np.asarray(canvas.layout), GRID)
        self._ict_smile_travel = self._corner_travel(self._ict_smile, np.zeros_like(self._ict_smile))

    def mix(self, labels: Labels) -> Mix:
        people = [_Source(p, f, w) for p, f, w in zip(labels.people, labels.flips, labels.weights, strict=True)]
        donor = people[labels.donor]
        pos, neutral = self._surface(people, labels.smile, labels.shape)
        pos = self._smile_more(pos, neutral, labels.smile)
        frame = self._sample(pos, (0, 1, *MOUTH_CORNERS))
        smile_geo = self._corner_travel(pos, neutral)
        gap_before = self._lip_gap(pos)
        pos = self._express(pos, labels)
        frame[2:] = self._sample(pos, MOUTH_CORNERS)
        gap = self._lip_gap(pos)
        skin = self._take(self.skin, donor)
        tex, clothes = self._texture(people, labels, self._take(self._whole_skin, donor))
        tex = open_mouth(tex, self.regions, gap_before, gap)
        tex = self.eyes.warp(tex, labels.blink, labels.gaze)
        alpha = np.maximum(self._take(self.alpha[:, NEUTRAL], donor) * np.float32(1 / 255), self.regions.inner)
        strokes = self._strokes[labels.seed % strands.PATTERNS]
        strokes = strokes[:, ::-1] if labels.seed // strands.PATTERNS % 2 else strokes
        alpha = strands.fray(alpha, skin, strokes, self._loose[donor.person], self.regions)
        neck = self._neck(pos, tex, skin)
        return Mix(
            tex,
            alpha,
            over_neck(alpha, tex, (neck.left + neck.right) / 2, self.regions),
            skin * np.float32(1 / 255),
            clothes,
            pos,
            frame,
            neck,
            *self._light_masks,
            float(np.clip(smile_geo / _SMILE_LENGTH, 0, 1)),
            float(np.clip(gap / _OPEN_LENGTH, 0, 1)),
        )

    def frame_points(self, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
        """[4, 3] eyes and mouth corners of the same people: with a resting mouth, and as the labels say."""
        people = [_Source(p, f, w) for p, f, w in zip(labels.people, labels.flips, labels.weights, strict=True)]
        pos, neutral = self._surface(people, labels.smile, labels.shape)
        pos = self._smile_more(pos, neutral, labels.smile)
        frame = self._sample(pos, (0, 1, *MOUTH_CORNERS))
        frame[2:] = self._sample(self._express(pos, labels), MOUTH_CORNERS)
        return self._sample(neutral, (0, 1, *MOUTH_CORNERS)), frame

    # ---- surface ---------------------------------------------------------------------------------------------------

    def _surface(self, people: list[_Source], smile: float, shape: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Mixed positions at `smile`, and those of the same mix when neutral. float32 [256, 256, 3] each.

        `shape` moves both alike: what is measured as their difference, or at their points, stays right.
        """
        out = []
        for expression in (NEUTRAL, SMILE):
            total = np.zeros((GRID, GRID, 3), np.float32)
            if expression == NEUTRAL or smile > 0:
                for source in people:
                    one = np.asarray(self.canvas.pos[source.person, expression], np.float32)
                    if source.flip:
                        one = one[:, ::-1] * np.array([-1, 1, 1], np.float32)
                    total += np.float32(source.weight) * one
            out.append(total)
        own: np.ndarray = (np.array(shape, np.float32) @ self._identity).reshape(GRID // 2, GRID // 2, 3)
        own = cv2.resize(own, (GRID, GRID), interpolation=cv2.INTER_LINEAR)
        for total in out:
            total[..., 2] += self._flatten * np.maximum(_FLATTEN_BELOW - total[..., 2], 0)
            total += own
        neutral, full = out
        return (neutral + np.float32(smile) * (full - neutral) if smile > 0 else neutral), neutral

    def _smile_more(self, pos: np.ndarray, neutral: np.ndarray, smile: float) -> np.ndarray:
        """Lifts the mouth corners of those who hardly smiled for the photo, so that smile = 1 is a smile in everybody."""
        if smile <= 0:
            return pos
        missing = _BROAD_SMILE * smile - self._corner_travel(pos, neutral)
        weight = np.clip(missing / self._ict_smile_travel, 0, _MOST_ICT_SMILE * smile)
        return pos + np.float32(weight) * self._ict_smile

    def _express(self, pos: np.ndarray, labels: Labels) -> np.ndarray:
        wanted = {"jawOpen": labels.jaw, "mouthPucker": labels.pucker}
        for name, share in (_BROW_UP if labels.brow > 0 else _BROW_DOWN).items():
            wanted |= {name.replace("?", side): share * abs(labels.brow) for side in "LR"}
        pos = pos.copy()
        for name, weight in wanted.items():
            if weight and name in self._expressions:
                pos += np.float32(weight) * self._expressions[name]
        return pos

    def _sample(self, pos: np.ndarray, points: tuple[int, ...]) -> np.ndarray:
        """Positions [n, 3] of template points."""
        at = self._grid_points[list(points)]
        return cv2.remap(pos, at[:, None, 0], at[:, None, 1], cv2.INTER_LINEAR)[:, 0].astype(np.float64)

    def _corner_travel(self, pos: np.ndarray, neutral: np.ndarray) -> float:
        """Mean travel of the mouth corners outwards and upwards, ICT units."""
        left, right = self._sample(pos, MOUTH_CORNERS) - self._sample(neutral, MOUTH_CORNERS)
        return float((right[0] - left[0] + left[1] + right[1]) / 2)

    def _lip_gap(self, pos: np.ndarray) -> float:
        upper, lower = self._sample(pos, INNER_LIP_MIDDLE)
        return float(np.linalg.norm(upper - lower))

    def _neck(self, pos: np.ndarray, tex: np.ndarray, skin: np.ndarray) -> Neck:
        """Its colours are those of the skin near the neck's outlines, or of the cheeks where hair or a collar hides them."""
        rows, columns = self.regions.cheeks
        cheek = tex[rows, columns].mean(0)
        colours = []
        for side in self.regions.neck_sides:
            weight = side[::4, ::4] * skin[::4, ::4] / 255
            colours.append(((tex[::4, ::4] * weight[..., None]).sum((0, 1)) + 2 * 0.75 * cheek) / (weight.sum() + 2))
        return Neck.between(self._sample(pos, (NECK[0], NECK[3])), self._sample(pos, (110, 113)), np.stack(colours))

    # ---- texture ---------------------------------------------------------------------------------------------------

    def _take(self, array: np.ndarray, source: _Source) -> np.ndarray:
        """One person's map, mirrored if the source is, as float32."""
        one = array[source.person]
        return (one[:, ::-1] if source.flip else one).astype(np.float32)

    def _texture(self, people: list[_Source], labels: Labels, donor_skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mixed colours [W, W, 3] and the share of each texel that is clothes [W, W]."""
        regions, donor = self.regions, people[labels.donor]
        layers, faces, weights, mouth_weights = [], [], [], []
        for source in people:
            for expression, share in ((NEUTRAL, 1 - labels.smile), (SMILE, labels.smile)):
                if share > 0:
                    layer = self.tex[source.person, expression]
                    layers.append(np.ascontiguousarray(layer[:, ::-1] if source.flip else layer))
                    face = self._usable[source.person]
                    faces.append(np.ascontiguousarray(face[:, ::-1] if source.flip else face))
                    weights.append(source.weight * share)
                    # closed lips leave a seam in the mouth: its inside comes from those who open it
                    gap = float(self.canvas.mouthgap[source.person, expression])
                    mouth_weights.append(source.weight * share * (gap + 0.01))
        outer = self.tex[donor.person, NEUTRAL]
        outer = np.ascontiguousarray(outer[:, ::-1] if donor.flip else outer)
        own = np.ascontiguousarray(self._donor_face(donor, labels.smile))
        inner, mask = mix_layers(
            np.stack(layers),
            np.stack(faces),
            np.array(weights, np.float32),
            np.array(mouth_weights, np.float32),
            self._take(self._usable, donor),
            regions.inner,
            regions.mouth,
        )
        # give an average face back some of the donor's pores and stubble
        fine = cv2.GaussianBlur(own, (0, 0), 1.6 * self.W / 512)
        rows, columns = regions.cheeks
        cheek = np.maximum(outer[rows, columns].mean(0), 1)
        tone = (inner[rows, columns].mean(0) / cheek).astype(np.float32)
        detail = np.float32(_DETAIL * (1 - donor.weight))
        bare = np.ones_like(mask) if self._bald[donor.person] else regions.lower_face
        tex, clothes, hair = combine(
            inner,
            mask,
            outer,
            own,
            fine,
            donor_skin,
            bare,
            regions.no_detail,
            regions.below_chin,
            tone,
            np.float32(_HAIR * cheek[1]),
            detail,
            np.array(labels.clothes, np.float32),
        )
        if any(labels.hair):
            tex = shift_hair(tex, hair * self._take(self.alpha[:, NEUTRAL], donor) / 255, labels.hair)
        return tex, clothes

    def _donor_face(self, donor: _Source, smile: float) -> np.ndarray:
        face = self.tex[donor.person, SMILE if smile > 0.5 else NEUTRAL]
        return (face[:, ::-1] if donor.flip else face).astype(np.float32)


@dataclass(frozen=True)
class _Source:
    person: int
    flip: bool
    weight: float


def _used(name: str) -> bool:
    return name in ("jawOpen", "mouthPucker") or name.replace("_L", "_?").replace("_R", "_?") in {
        *_BROW_UP,
        *_BROW_DOWN,
        *(f"{smile}_?" for smile in _SMILE),
    }
