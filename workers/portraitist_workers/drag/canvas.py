"""What is dragged: a face in a photo that was opened, or a new portrait. Pixels of the one and shares of the generator's picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from portraitist.errors import InvalidRequest
from portraitist.masks import MOVABLE, Purpose, check_white_picture
from portraitist.pulls import check_handles, is_region
from portraitist.requests import Pull

from ..editing.opening import OpenedPhoto
from ..faces import image_io
from ..faces.align import crop
from ..generator import Generator
from ..generator.kinds import whole
from ..generator.synthesis import Synthesis
from .grips import RIM, Grip, within
from .landmarks import parts
from .task import Span, Task

Place = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Canvas:
    """picture [H, W, 3] uint8, upright. w [1, num_ws, D] shows its face in `generator`, `face` [1, 3, R, R] is it. to_picture [2, 3]: from
    shares of the face's square to px of the picture. photo: None for a portrait."""

    picture: np.ndarray
    w: Tensor
    generator: Generator
    face: Tensor
    to_picture: np.ndarray
    photo: OpenedPhoto | None = None

    @classmethod
    def of_photo(cls, photo: OpenedPhoto) -> Canvas:
        subject = photo.subject
        return cls(subject.photo, photo.w, photo.generator, subject.pixels, subject.frame.to_photo(1), photo)

    @classmethod
    def of_portrait(cls, w: Tensor, generator: Generator, image: Tensor) -> Canvas:
        side = image.shape[-1]
        return cls(image_io.to_uint8(image)[0], w, generator, image, np.array([[side, 0.0, 0.0], [0.0, side, 0.0]]))

    @property
    def synthesis(self) -> Synthesis:
        """Raises InvalidRequest for a generator whose features cannot be followed."""
        return whole(self.generator, "points cannot be pulled").synthesis

    @property
    def px(self) -> float:
        """Of the picture, for one side of the square."""
        return float(np.hypot(*self.to_picture[:, 0]))

    def shares(self, places: Sequence[Place]) -> Tensor:
        """[P, 2] in shares of the square's side, of places in px."""
        inverse = cv2.invertAffineTransform(self.to_picture)
        return torch.from_numpy(np.asarray(places) @ inverse[:, :2].T + inverse[:, 2]).to(self.w)

    def places(self, shares: Tensor) -> list[Place]:
        """In px of the picture, of [P, 2] shares."""
        points = shares.double().cpu().numpy() @ self.to_picture[:, :2].T + self.to_picture[:, 2]
        return [(round(float(x), 2), round(float(y), 2)) for x, y in points]

    def task(self, pulls: Sequence[Pull], mask: np.ndarray | None) -> Task:
        """What shall be pulled where. mask [H, W] in {0, 1}, 1 where it may move. Raises InvalidRequest, FaceNotFound."""
        grips = self._grips(pulls)
        check_handles(
            [
                pull.handle if is_region(pull.handle) else self.places(grip.places[:1])[0]
                for pull, grip in zip(pulls, grips, strict=True)
            ]
        )
        ends = [self._ends(pull, grip) for pull, grip in zip(pulls, grips, strict=True)]
        spans, first = [], 0
        for number, (pull, grip, there) in enumerate(zip(pulls, grips, ends, strict=True), 1):
            region = is_region(pull.handle)
            for place, target in zip(*(self.places(these[: grip.told]) for these in (grip.places, there)), strict=True):
                self.check_place(number, "region" if region else "handle", place)
                whither = "region's target" if region else "target"
                self.check_place(number, whither, target, from_handle=pull.to is None)
            spans.append(Span(first, first + grip.told, first + len(grip.places)))
            first = spans[-1].end
        fixed = None
        if mask is not None:
            side = self.face.shape[-1]
            fixed = torch.from_numpy(1 - self._crop(mask, side)).to(self.w)
        return Task(torch.cat([grip.places for grip in grips]), torch.cat(ends), fixed, spans=spans)

    def aimed(self, pulls: Sequence[Pull], task: Task) -> Tensor:
        """The targets of `task`, whose points `pulls` send elsewhere by now."""
        grips = [Grip(task.handles[span.first : span.end], span.told - span.first) for span in task.spans]
        return torch.cat([self._ends(pull, grip) for pull, grip in zip(pulls, grips, strict=True)])

    def _ends(self, pull: Pull, grip: Grip) -> Tensor:
        """[N, 2] in shares: where the places of `grip` shall be."""
        x, y = self.places(grip.middle[None])[0]
        target = pull.to if pull.to is not None else (x + (pull.by or (0, 0))[0], y + (pull.by or (0, 0))[1])
        return grip.ends(self.shares([target])[0], pull.grow)

    def _crop(self, mask: np.ndarray, side: int) -> np.ndarray:
        """[side, side] float32 in [0, 1]."""
        if self.photo is None:
            return cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
        painted = np.repeat((255 * mask).astype(np.uint8)[..., None], 3, 2)
        return crop(painted, self.photo.subject.frame, side)[..., 0].astype(np.float32) / 255

    def _grips(self, pulls: Sequence[Pull]) -> list[Grip]:
        known: dict[str, list[Place]] = {}
        if any(isinstance(pull.handle, str) for pull in pulls):
            known = parts(self.face)

        def grip(pull: Pull) -> Grip:
            if isinstance(pull.handle, str):
                places = torch.tensor(known[pull.handle]).to(self.w)
            elif len(pull.handle) == 4:
                places = self.shares(within(pull.handle, self.px))
            else:
                places = self.shares([pull.handle])
            return Grip.of_region(places) if is_region(pull.handle) else Grip.of_point(places[0], pull.grow)

        return [grip(pull) for pull in pulls]

    def check_place(self, number: int, what: str, place: Place, *, from_handle: bool = True) -> None:
        """Raises InvalidRequest for one outside the picture, or outside the person's face. One that was not counted from the handle
        was perhaps meant to be."""
        height, width = self.picture.shape[:2]
        x, y = place
        shown = f"the {what} of point {number}, ({round(x, 2) + 0.0:g}, {round(y, 2) + 0.0:g}),"  # a zero has no sign
        if not (0 <= x <= width and 0 <= y <= height):
            raise InvalidRequest(
                f"{shown} lies outside the picture, which is {width} x {height} px; give (x, y), counted from the top left corner",
                param="points",
            )
        u, v = self.shares([place])[0].tolist()
        if not (RIM <= u <= 1 - RIM and RIM <= v <= 1 - RIM):
            corners = self.places(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
            square = ", ".join(f"({x:.0f}, {y:.0f})" for x, y in corners)
            raise InvalidRequest(
                f"{shown} lies outside the person's face, whose square has the corners {square}; only what is inside can be pulled"
                + ("" if from_handle else ". A way that is counted from the handle is given as By(x, y)"),
                param="points",
            )


def read_mask(data: bytes, picture: np.ndarray, purpose: Purpose = MOVABLE) -> np.ndarray:
    """[H, W] float32 in {0, 1} of the size of `picture`, 1 where the mask is white. Raises InvalidImage, InvalidRequest."""
    mask = image_io.decode(data, "mask")
    height, width = picture.shape[:2]
    check_white_picture(Image.fromarray(mask), (width, height), purpose)
    grey = cv2.resize(cv2.cvtColor(mask, cv2.COLOR_RGB2GRAY), (width, height), interpolation=cv2.INTER_AREA)
    return (grey >= 128).astype(np.float32)
