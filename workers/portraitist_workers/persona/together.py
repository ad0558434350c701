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

from ..generator import Generator
from ..generator.stacked import stack
from ..generator.synthesis import Synthesis

_of_thread = threading.local()


def current() -> Together | None:
    """The one that this thread takes part in."""
    return getattr(_of_thread, "together", None)


@dataclass(eq=False)
class _Wish:
    """Images of w [B, ...] by `generator`: `done` is a tensor, or what went wrong."""

    generator: Generator
    w: Tensor
    dtype: torch.dtype
    done: Tensor | Exception | None = None


class Together:
    """`members` threads; each enters `member()` and leaves it when its job is over. A pass begins when all that are left wait."""

    def __init__(self, members: int, slots: int) -> None:
        self._members, self._slots = members, slots
        self._changed = threading.Condition()
        self._wishes: list[_Wish] = []
        self._crowd: tuple[list[Generator], Synthesis] | None = (
            None  # of the last pass: the next one is often by the same
        )

    @contextmanager
    def member(self) -> Iterator[None]:
        _of_thread.together = self
        try:
            yield
        finally:
            del _of_thread.together
            with self._changed:
                self._members -= 1
                self._fulfil_if_all_wait()

    def render(self, generator: Generator, w: Tensor, dtype: torch.dtype) -> Tensor:
        """Images [B, 3, R, R] of w [B, D] or w_plus. Raises what making them alone would raise."""
        wish = _Wish(generator, w, dtype)
        with self._changed:
            self._wishes.append(wish)
            self._fulfil_if_all_wait()
            self._changed.wait_for(lambda: wish.done is not None)
        if isinstance(wish.done, Exception):
            return self._rows([generator] * len(w), w, dtype)  # alone: the fault may be another's, or of their number
        assert wish.done is not None
        return wish.done

    def _fulfil_if_all_wait(self) -> None:
        if not self._wishes or len(self._wishes) < self._members:
            return
        kinds: dict[tuple, list[_Wish]] = {}
        for wish in self._wishes:
            kinds.setdefault((repr(wish.generator.config), wish.dtype, wish.w.shape[1:]), []).append(wish)
        for (_, dtype, _), wishes in kinds.items():
            owners = [wish.generator for wish in wishes for _ in range(len(wish.w))]
            try:
                images = self._rows(owners, torch.cat([wish.w for wish in wishes]), dtype).split(
                    [len(wish.w) for wish in wishes]
                )
            except Exception as error:
                images = [error] * len(wishes)
            for wish, done in zip(wishes, images, strict=True):
                wish.done = done
        self._wishes = []
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
        known = self._crowd
        if (
            known is None
            or len(known[0]) != len(owners)
            or any(a is not b for a, b in zip(known[0], owners, strict=True))
        ):
            known = self._crowd = owners, stack(owners)
        return known[1]
