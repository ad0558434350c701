"""A parameter that knows when it is written to, so that what is computed from it can be remembered."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Watched(nn.Parameter):
    """A parameter whose writes are counted, those through `.data` included.

    PyTorch counts the writes to a tensor and its views in `_version`. `.data` starts a new count at every access, so such
    writes are invisible from outside. Here `.data` gives the same tensor each time, and its count is added.
    Writes through NumPy's memory are the one kind that nobody counts.
    """

    _alias: Tensor | None = None
    _past = 0  # writes counted by aliases that are gone

    @property
    def writes(self) -> int:
        """Grows with every write."""
        alias = self._alias
        return self._version + self._past + (0 if alias is None else alias._version)

    @property
    def data(self) -> Tensor:
        if self._alias is None or not self._alias.is_set_to(self):
            self._drop()
            self._alias = torch.Tensor.data.__get__(self)  # type: ignore[attr-defined]  # a value in torch's stubs
        return self._alias

    @data.setter
    def data(self, value: Tensor) -> None:
        self._drop()
        torch.Tensor.data.__set__(self, value)  # type: ignore[attr-defined]  # a value in torch's stubs

    def _drop(self) -> None:
        if self._alias is not None:
            self._past += self._alias._version
            self._alias = None
        self._past += 1


def state_of(tensor: Tensor) -> tuple[Any, ...]:
    """Equal for as long as the tensor holds the same numbers at the same place."""
    writes = tensor.writes if isinstance(tensor, Watched) else tensor._version
    return writes, tensor.data_ptr()
