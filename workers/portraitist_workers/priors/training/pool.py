"""The engine's renders as training batches. Shards are read as they appear, so training can start on the first ones."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..engine.labels import LABEL_FIELDS
from ..engine.masks import CLASSES


class Pool:
    """All shards in `folder`: images uint8 [N, R, R, 3], alpha uint8 [N, R, R], labels float32 [N, L].

    Pictures stay on the disk, mapped: 40,000 of 256 px are 10 GB, which the system's cache may keep or not.
    Pictures in which one of the people `without` (indices, as in pool.json) has a share are never drawn.
    """

    def __init__(self, folder: Path, *, limit: int | None = None, without: Sequence[int] = ()) -> None:
        self.folder, self.limit, self.without = folder, limit, list(without)
        self.told = _told(folder)
        self.seen: set[str] = set()
        self.images: list[np.ndarray] = []
        self.alpha: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.drawn: list[np.ndarray] = []  # indices of the pictures that may be drawn
        self.blinks: list[np.ndarray] = []  # of those, the ones whose eyes are rather closed than open
        self.classes: list[np.ndarray | None] = []  # class maps, of pools rendered with --masks
        self.refresh()

    @property
    def blinking(self) -> float:
        """Share of the pictures with eyes less than half open."""
        return sum(map(len, self.blinks)) / sum(map(len, self.drawn))

    @property
    def people(self) -> list[int]:
        """Indices of the people whose mixes these are. Raises ValueError where the folder does not say."""
        if not self.told:
            raise ValueError(
                f"{self.folder} has no pool.json to say whose faces these are: make it with `engine.render pool`"
            )
        return self.told["people"]

    def refresh(self) -> bool:
        """Read shards that are new; True when there were any. A shard that is being written has another suffix."""
        new = [p for p in sorted(self.folder.glob("shard-*.npz")) if p.name not in self.seen]
        if self.limit is not None and len(self) >= self.limit:
            return False
        for path in new:
            self.images.append(_member(path, "images"))
            self.alpha.append(_member(path, "alpha"))
            labels = np.array(_member(path, "labels"))
            drawn = self._without_people(labels)
            self.labels.append(labels)
            self.drawn.append(drawn)
            self.blinks.append(drawn[labels[drawn, LABEL_FIELDS["eyes_open"].start] < 0.5])
            self.classes.append(map_member(path, "classes"))
            self.seen.add(path.name)
        return bool(new)

    def __len__(self) -> int:
        return sum(len(x) for x in self.labels)

    def all_labels(self) -> np.ndarray:
        return np.concatenate(self.labels)

    def batch(
        self, size: int, resolution: int, rng: np.random.Generator, *, blinking: float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Random images [B, 3, r, r] in [-1, 1], foreground [B, 1, r, r] in [0, 1] and labels [B, L].

        The share `blinking` of them is drawn from those with eyes less than half open.
        """
        picks = self._pick(size, rng)
        for i in range(round(size * blinking)):
            closed = self.blinks[picks[i][0]]
            if len(closed):
                picks[i] = (picks[i][0], int(rng.choice(closed)))
        images = (
            torch.from_numpy(np.stack([self.images[s][i] for s, i in picks])).permute(0, 3, 1, 2).float() / 127.5 - 1
        )
        alpha = torch.from_numpy(np.stack([self.alpha[s][i] for s, i in picks]))[:, None].float() / 255
        labels = torch.from_numpy(np.stack([self.labels[s][i] for s, i in picks]))
        factor = images.shape[-1] // resolution
        if factor > 1:  # area averaging is what the reference pyramid means at every level
            images = torch.nn.functional.avg_pool2d(images, factor)
            alpha = torch.nn.functional.avg_pool2d(alpha, factor)
        return images, alpha, labels

    def class_batch(self, size: int, resolution: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Random images [B, 3, r, r] and the share of each pixel that belongs to each class, [B, K, r, r]."""
        picks = self._pick(size, rng)
        images = (
            torch.from_numpy(np.stack([self.images[s][i] for s, i in picks])).permute(0, 3, 1, 2).float() / 127.5 - 1
        )
        maps = []
        for s, i in picks:
            if (classes := self.classes[s]) is None:
                raise ValueError(
                    f"{self.folder} has pictures without class maps: make it with `engine.render pool --masks`"
                )
            maps.append(classes[i])
        seen = torch.from_numpy(np.stack(maps)).long()
        shares = torch.nn.functional.one_hot(seen, len(CLASSES)).permute(0, 3, 1, 2).float()
        factor = images.shape[-1] // resolution
        return torch.nn.functional.avg_pool2d(images, factor), torch.nn.functional.avg_pool2d(shares, factor)

    def _pick(self, size: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        return [
            (s, int(self.drawn[s][rng.integers(len(self.drawn[s]))])) for s in rng.integers(len(self.labels), size=size)
        ]

    def _without_people(self, labels: np.ndarray) -> np.ndarray:
        if not self.without:
            return np.arange(len(labels))
        start, stop = self.told["fields"]["id_w"]
        weights = labels[:, start:stop].reshape(len(labels), 2, len(self.told["ids"]))  # as photographed, and mirrored
        return np.flatnonzero((weights[:, :, self.without] == 0).all((1, 2)))


def _told(folder: Path) -> dict:
    """pool.json; empty where there is none. Raises ValueError where the label vector was laid out in another way."""
    path = folder / "pool.json"  # only the engine's pools have it
    if not path.exists():
        return {}
    told = json.loads(path.read_text())
    theirs, ours = told["fields"], {name: [at.start, at.stop] for name, at in LABEL_FIELDS.items()}
    if {name: at for name, at in theirs.items() if name not in ("id_w", "donor")} != ours:
        raise ValueError(f"{folder}: the labels are laid out as an earlier engine did it (pool.json): render it anew")
    return told


def _member(path: Path, name: str) -> np.ndarray:
    """`map_member` of what every shard has. Raises ValueError where one lacks it."""
    if (array := map_member(path, name)) is None:
        raise ValueError(f"{path} has no {name}: it is no shard of pictures; make it with `engine.render pool`")
    return array


def map_member(path: Path, name: str) -> np.ndarray | None:
    """An array of an uncompressed .npz without reading it: `np.savez` stores each as a plain .npy at some offset."""
    with zipfile.ZipFile(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            return None
        with archive.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(member)
            header = member.tell()
        start = archive.getinfo(f"{name}.npy").header_offset
    with path.open("rb") as file:  # the local header repeats the name and has an extra field of its own length
        file.seek(start + 26)
        lengths = int.from_bytes(file.read(2), "little") + int.from_bytes(file.read(2), "little")
    return np.memmap(path, dtype, mode="r", offset=start + 30 + lengths + header, shape=shape)
