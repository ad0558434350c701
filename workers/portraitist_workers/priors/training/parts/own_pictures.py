"""Somebody's own pictures with class maps, checked before anything is trained on them.

DATA/images/NAME.png (or .jpg)   square, at least as large as the generator; faces aligned as `faces.align` does it
DATA/masks/NAME.png              of the same size, a pixel's value is the number of its class
DATA/classes.json                the classes' names in the order of their numbers, background first
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from portraitist.errors import InvalidImage, InvalidRequest

from ....faces import image_io
from ....generator.parts.config import MOST_PARTS

LEAST = 16  # pictures; a generator worth having needs thousands
KINDS = (".png", ".jpg", ".jpeg", ".webp")
RAREST = 1e-5  # of all pixels: a class that has fewer cannot be learnt


@dataclass(frozen=True, eq=False)
class OwnPictures:
    """images uint8 [N, S, S, 3], classes uint8 [N, S, S], and the classes' names."""

    images: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...]

    def batch(self, size: int, rng: np.random.Generator, *, flipped: bool = True) -> tuple[Tensor, Tensor]:
        """Random pictures [B, 3, S, S] in [-1, 1] and their masks [B, K, S, S], one-hot as -1 and 1; half of them mirrored."""
        picks = rng.integers(len(self.images), size=size)
        image = torch.from_numpy(self.images[picks]).permute(0, 3, 1, 2).float() / 127.5 - 1
        masks = (
            2 * F.one_hot(torch.from_numpy(self.classes[picks]).long(), len(self.names)).permute(0, 3, 1, 2).float() - 1
        )
        turned = torch.from_numpy(rng.random(size) < 0.5)[:, None, None, None] & flipped
        image, masks = (torch.where(turned, x.flip(3), x) for x in (image, masks))
        return (
            image.contiguous(memory_format=torch.channels_last),
            masks.contiguous(memory_format=torch.channels_last),
        )


def read(folder: Path, size: int) -> OwnPictures:
    """All pictures, at `size` px. Raises InvalidRequest, InvalidImage for the first thing that is wrong, and says how to mend it."""
    names = _classes(folder)
    images = sorted(p for p in _files(folder / "images") if p.suffix.lower() in KINDS)
    if len(images) < LEAST:
        raise InvalidRequest(
            f"{folder / 'images'} has {len(images)} pictures, and training needs {LEAST} at least: add more",
            param="images",
        )
    masks = {p.stem: p for p in _files(folder / "masks") if p.suffix.lower() == ".png"}
    if lacking := [p.name for p in images if p.stem not in masks]:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise InvalidRequest(
            f"no class map for {', '.join(lacking[:3])}{more}: add {folder / 'masks'}/NAME.png, of the picture's size",
            param="masks",
        )
    pairs = [_pair(path, masks[path.stem], names, size) for path in images]
    classes = np.stack([classes for _, classes in pairs])
    shares = np.bincount(classes.ravel(), minlength=len(names)) / classes.size
    if absent := [name for name, share in zip(names, shares, strict=True) if share < RAREST]:
        raise InvalidRequest(
            f"the class {absent[0]!r} never appears, or in single pixels: take it out of classes.json, or add pictures with it",
            param="classes",
        )
    return OwnPictures(np.stack([image for image, _ in pairs]), classes, names)


def _files(folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        raise InvalidRequest(
            f"there is no folder {folder}: DATA needs images/, masks/ and classes.json", param=folder.name
        )
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_file()]


def _classes(folder: Path) -> tuple[str, ...]:
    path = folder / "classes.json"
    try:
        names = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"{path} cannot be read ({error}): write the classes' names as a JSON list, background first",
            param="classes",
        ) from None
    if not (isinstance(names, list) and all(isinstance(name, str) and name for name in names)):
        raise InvalidRequest(f"{path} is no list of names: write one, background first", param="classes")
    if not 2 <= len(names) <= MOST_PARTS or len(set(names)) < len(names):
        raise InvalidRequest(
            f"{path} names {len(names)} classes: 2 to {MOST_PARTS} of different names can be used", param="classes"
        )
    return tuple(names)


def _pair(path: Path, mask_path: Path, names: tuple[str, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    image = image_io.read(path)
    height, width = image.shape[:2]
    if height != width or height < size:
        raise InvalidImage(
            f"{path.name} is {width} x {height} px: square pictures of {size} px or more are needed", param=path.name
        )
    try:
        with Image.open(mask_path) as opened:
            classes = np.array(opened)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidImage(
            f"{mask_path.name} cannot be read ({error}): save it anew as PNG", param=mask_path.name
        ) from None
    if classes.shape != (height, width):
        raise InvalidImage(
            f"the class map {mask_path.name} is {list(classes.shape)}, its picture {[height, width]}: one number per pixel is needed",
            param=mask_path.name,
        )
    if classes.max() >= len(names) or classes.min() < 0:
        raise InvalidImage(
            f"the class map {mask_path.name} has the class {int(classes.max())}, but classes.json names 0 to {len(names) - 1}",
            param=mask_path.name,
        )
    if height > size:
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        at = ((np.arange(size) + 0.5) * (height / size)).astype(int)
        classes = classes[np.ix_(at, at)]
    return image, classes.astype(np.uint8)
