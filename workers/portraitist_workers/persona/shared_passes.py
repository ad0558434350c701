"""Jobs that run beside each other, one thread each, make their pictures in shared passes.

Each pass has the same number of rows, `slots`; what is left over is filled up. A row's numbers do not depend on what the other
rows hold, but they may on how many there are. So a job that runs alone fills its passes up, too, and gets the very bits that
it gets in company.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ..generator import Generator, StyleGAN2
from ..generator.stacked import stack
from ..generator.synthesis import Synthesis
from .rendering import Renderer


@dataclass(eq=False)
class _Asked:
    """Images of w [B, ...] by `generator`: `done` is a tensor, or what went wrong."""

    generator: Generator
    w: Tensor
    dtype: torch.dtype
    done: Tensor | Exception | None = None


class SharedPasses:
    """`members` threads; each enters `member()` and leaves it when its job is over. A pass begins when all that are left wait."""

    def __init__(self, members: int, slots: int) -> None:
        self._members, self._slots = members, slots
        self._changed = threading.Condition()
        self._asked: list[_Asked] = []
        self._last: tuple[list[Generator], Synthesis] | None = (
            None  # of the last pass: the next one is often by the same
        )

    @contextmanager
    def member(self) -> Iterator[Renderer]:
        """What this thread makes its pictures by."""
        try:
            yield self.render
        finally:
            with self._changed:
                self._members -= 1
                self._pass_if_all_wait()

    def render(self, generator: Generator, w: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """Images [B, 3, R, R] of w [B, D] or w_plus. Raises what making them alone would raise.

        Kinds that cannot be stacked make theirs at once, row by row."""
        if not isinstance(generator, StyleGAN2):
            with torch.no_grad():
                return torch.cat([generator.images(row, dtype=dtype) for row in w.split(1)])
        one = _Asked(generator, w, dtype)
        with self._changed:
            self._asked.append(one)
            self._pass_if_all_wait()
            self._changed.wait_for(lambda: one.done is not None)
        if isinstance(one.done, Exception):
            return self._rows([generator] * len(w), w, dtype)  # alone: the fault may be another's, or of their number
        assert one.done is not None
        return one.done

    def _pass_if_all_wait(self) -> None:
        if not self._asked or len(self._asked) < self._members:
            return
        kinds: dict[tuple, list[_Asked]] = {}
        for one in self._asked:
            kinds.setdefault((repr(one.generator.config), one.dtype, one.w.shape[1:]), []).append(one)
        for (_, dtype, _), asked in kinds.items():
            owners = [one.generator for one in asked for _ in range(len(one.w))]
            try:
                images = self._rows(owners, torch.cat([one.w for one in asked]), dtype).split(
                    [len(one.w) for one in asked]
                )
            except Exception as error:
                images = [error] * len(asked)
            for one, done in zip(asked, images, strict=True):
                one.done = done
        self._asked = []
        self._changed.notify_all()

    @torch.no_grad()
    def _rows(self, owners: Sequence[Generator], w: Tensor, dtype: torch.dtype) -> Tensor:
        """Row b by `owners[b]`."""
        images = []
        for first in range(0, len(w), self._slots):
            rows = [min(first + slot, len(w) - 1) for slot in range(self._slots)]
            made = self._stacked([owners[row] for row in rows])(w[rows], dtype=dtype)
            images.append(made[: len(w) - first])
        return torch.cat(images)

    def _stacked(self, owners: list[Generator]) -> Synthesis:
        known = self._last
        if (
            known is None
            or len(known[0]) != len(owners)
            or any(a is not b for a, b in zip(known[0], owners, strict=True))
        ):
            known = self._last = owners, stack(owners)
        return known[1]
