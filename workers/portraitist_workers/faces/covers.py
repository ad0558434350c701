"""Objects before a face (dark glasses, a medical mask, a microphone): where one photo disagrees with the person's others.

Every face is laid flat on the mean face, where eyes lie on eyes and lips on lips. The median over the photos is what the person looks
like there. Light is a plane in the logarithm of each colour; a robust fit takes it off. A part of the face is covered when
neither its details nor its colours are the person's. Nor may its colours be much nearer to skin than the person's own are.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .attributes import load_attribute_points
from .turning import face_triangles, signed_areas

MIN_PHOTOS = 3  # of fewer there is no majority
MOST = 0.4  # of the photos: where more of them are covered, nobody can tell what is the person
LIKE = 0.6  # correlation with the details of the person's other photos; below, it is something else that is seen
DIFFERENT = 0.14  # median distance from their colours, in logarithms; above, they are something else's
LEAST_ODD = (
    0.5  # distance of the part from the skin, against the others'; below, it is rather the others that are covered
)
_SIDE = 64  # texels of the flat face
_PICTURE = 128  # px: larger pictures are shrunk first
_DARK = 20  # grey levels added before the logarithm, so that noise in the dark does not count
_VISIBLE = 0.15  # of a texel's usual size in the photo; smaller ones are not seen
_GROWN = 0.02  # of the picture's side, by which a cover grows to hold its rim
_OUTLINES = {
    "left eye": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    "right eye": (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    "mouth": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
}


@dataclass(frozen=True, eq=False)
class Cover:
    """`parts` of a face that something hides ("eyes", "mouth"), and `where` it lies [S, S] bool."""

    parts: tuple[str, ...]
    where: np.ndarray


def find_covers(pictures: Sequence[np.ndarray] | np.ndarray, points: np.ndarray) -> list[Cover | None]:
    """What hides the face in each of one person's aligned crops `pictures` (N times [S, S, 3] uint8); None: nothing.

    points [N, 478, 3]: their meshes (mesh.Mesh.points). The two eyes are one part: glasses cover both, a strand of hair covers one.
    """
    N = len(pictures)
    if N < MIN_PHOTOS:
        return [None] * N
    flat = _flat()
    laid = [flat.laid(picture, mesh) for picture, mesh in zip(pictures, points, strict=True)]
    colours, seen = (np.stack(x) for x in zip(*laid, strict=True))  # [N, P, 3], [N, P]
    usual = np.median(colours - np.median(colours, axis=1, keepdims=True), axis=0)
    for _ in range(3):
        relit = np.stack([flat.relit(*photo, usual) for photo in zip(colours, seen, strict=True)])
        usual = np.median(relit, axis=0)
    apart = flat.smoothed(np.linalg.norm(relit - usual, axis=2))  # [N, P]
    skin = np.median(usual, axis=0)

    covered: list[dict[str, np.ndarray]] = [{} for _ in range(N)]
    for name, sides in {"eyes": ("left eye", "right eye"), "mouth": ("mouth",)}.items():
        found = []
        for n in range(N):
            regions = [
                r for r in (flat.parts[side] & seen[n] for side in sides) if r.sum() > 0.4 * flat.parts[sides[0]].sum()
            ]
            if regions and all(_something_else(flat, relit[n], usual, apart[n], skin, region) for region in regions):
                found.append((n, regions))
        if len(found) <= MOST * N:
            for n, regions in found:
                covered[n][name] = np.any(regions, axis=0)
    return [
        Cover(tuple(parts), flat.in_picture(flat.grown(apart[n], list(parts.values())), points[n], len(pictures[n])))
        if parts
        else None
        for n, parts in enumerate(covered)
    ]


def _something_else(
    flat: _Flat, colours: np.ndarray, usual: np.ndarray, apart: np.ndarray, skin: np.ndarray, region: np.ndarray
) -> bool:
    around = flat.widened(region)
    a, b = (flat.details(x)[around] for x in (colours, usual))
    oddness = [np.median(np.linalg.norm(x[region] - skin, axis=1)) for x in (colours, usual)]
    return (
        np.corrcoef(a, b)[0, 1] < LIKE
        and float(np.median(apart[region])) > DIFFERENT
        and bool(oddness[0] > LEAST_ODD * oddness[1])
    )


class _Flat:
    """The mean face laid flat on _SIDE x _SIDE texels, of which P lie inside its outline. Values per texel are [P]."""

    def __init__(self) -> None:
        face = load_attribute_points().network.face.cpu().numpy()[:468, :2].astype(np.float64)
        low, high = face.min(0), face.max(0)
        self.face = ((face - (low + high) / 2) / ((high - low).max() * 1.04) + 0.5) * _SIDE
        corners = face_triangles()
        index = np.full((_SIDE, _SIDE), -1, np.int32)
        for t, corner in enumerate(corners):
            cv2.fillConvexPoly(index, np.round((self.face[corner] - 0.5) * 16).astype(np.int32), t, cv2.LINE_8, 4)
        self.inside = index >= 0
        rows, columns = np.nonzero(self.inside)
        self.triangle, self.corners = index[self.inside], corners
        homogeneous = np.concatenate([self.face[corners], np.ones((len(corners), 3, 1))], 2)[self.triangle]
        here = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], 1)
        self.shares = np.linalg.solve(
            np.swapaxes(homogeneous, 1, 2), here[:, :, None]
        )  # [P, 3, 1] of a triangle's corners
        self.plane = np.stack([np.ones(len(rows)), here[:, 0] / _SIDE * 2 - 1, here[:, 1] / _SIDE * 2 - 1], 1)
        self.halves = self.plane[:, 2] < -0.05, self.plane[:, 2] > 0.05
        self.parts = {name: self._hull(outline) for name, outline in _OUTLINES.items()}

    def places(self, mesh: np.ndarray) -> np.ndarray:
        """Where the texels lie in the picture [P, 2], in shares of its side."""
        return (mesh[self.corners[self.triangle], :2] * self.shares).sum(1)

    def laid(self, picture: np.ndarray, mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the colours [P, 3], and which texels are seen [P] bool."""
        side = min(len(picture), _PICTURE)
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        at = (self.places(mesh) * side - 0.5).astype(np.float32)
        colours = cv2.remap(  # type: ignore[call-overload]  # cv2's stubs know no map of pairs
            small.astype(np.float32), at[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )[0]
        size = signed_areas(mesh, self.corners) / signed_areas(self.face, self.corners)
        return np.log(colours + _DARK), (size > _VISIBLE * np.median(size))[self.triangle]

    def relit(self, colours: np.ndarray, seen: np.ndarray, usual: np.ndarray) -> np.ndarray:
        """`colours` in the light of `usual`: less a plane per channel, fitted where they agree.

        The fit begins in the half of the face with the liker details, and weighs as Geman and McClure (1987): what covers the other half
        must not pull.
        """
        difference = colours - usual
        details = self.details(colours), self.details(usual)
        half = max(self.halves, key=lambda h: np.corrcoef(details[0][h & seen], details[1][h & seen])[0, 1])
        light = np.zeros((3, 3))
        light[0] = np.median(difference[half & seen], axis=0)
        for step in range(9):
            error = np.square(difference - self.plane @ light).sum(1)
            weight = seen / np.square(1 + error / 0.15**2) * np.where(half, 1.0, 0.0 if step < 4 else 0.5)
            weighed = (self.plane * weight[:, None]).T
            light = np.linalg.solve(weighed @ self.plane + np.diag([1e-6, 20.0, 60.0]), weighed @ difference)
        return colours - self.plane @ light

    def details(self, colours: np.ndarray) -> np.ndarray:
        """[P] brightness less its blur."""
        grey = colours.mean(1)
        return grey - self.smoothed(grey[None], 5.0)[0]

    def smoothed(self, values: np.ndarray, sigma: float = 1.2) -> np.ndarray:
        """[N, P] -> the same, blurred within the face."""
        out = []
        for row in (np.ones(values.shape[1]), *values):
            image = np.zeros((_SIDE, _SIDE), np.float32)
            image[self.inside] = row
            out.append(cv2.GaussianBlur(image, (0, 0), sigma)[self.inside])
        return np.stack(out[1:]) / np.maximum(out[0], 0.05)

    def widened(self, region: np.ndarray, texels: int = 3) -> np.ndarray:
        image = np.zeros((_SIDE, _SIDE), np.uint8)
        image[self.inside] = region
        return cv2.dilate(image, _disc(texels))[self.inside] > 0

    def grown(self, apart: np.ndarray, regions: list[np.ndarray]) -> np.ndarray:
        """[P] bool: the covered `regions`, and what hangs together with them and is about as different."""
        out = np.zeros(len(apart), bool)
        for region in regions:
            image = np.zeros((_SIDE, _SIDE), np.uint8)
            image[self.inside] = (apart > max(0.5 * np.median(apart[region]), DIFFERENT)) | region
            labels = cv2.connectedComponents(image)[1][self.inside]
            out |= np.isin(labels, np.unique(labels[region]))
        return out

    def in_picture(self, region: np.ndarray, mesh: np.ndarray, side: int) -> np.ndarray:
        """[side, side] bool: the texels of `region` in the picture, and a rim."""
        image = np.zeros((side, side), np.uint8)
        corners = np.round((mesh[self.corners, :2] * side - 0.5) * 16).astype(np.int32)
        covered = np.bincount(self.triangle, region, len(self.corners)) / np.maximum(
            np.bincount(self.triangle, minlength=len(self.corners)), 1
        )
        for corner in corners[covered > 0.5]:
            cv2.fillConvexPoly(image, corner, 1, cv2.LINE_8, 4)
        return cv2.dilate(image, _disc(max(round(_GROWN * side), 1))) > 0

    def _hull(self, outline: tuple[int, ...]) -> np.ndarray:
        image = np.zeros((_SIDE, _SIDE), np.uint8)
        cv2.fillPoly(image, [cv2.convexHull(self.face[list(outline)].astype(np.float32)).astype(np.int32)], 1)
        return cv2.dilate(image, _disc(2))[self.inside] > 0


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)


@functools.cache
def _flat() -> _Flat:
    return _Flat()
