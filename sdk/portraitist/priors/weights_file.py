"""A weights file as bytes: opened safely, and its safetensors header read. No tensor is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ..errors import InvalidRequest, PriorRefused, printable
from .download import MOST
from .home import typed

_LONGEST_HEADER = 2**24  # bytes, of safetensors


def check_safetensors(file: BufferedReader, size: int, name: str) -> None:
    """The header describes exactly the bytes that follow. Raises PriorRefused."""
    length = int.from_bytes(file.read(8), "little")
    try:
        if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
            raise ValueError("its header is too long")
        header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        if not ends or max(ends) != size - 8 - length:
            raise ValueError("it is cut off, or holds no tensors")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise PriorRefused(f"{name} is no safetensors file ({error}); convert it", param=name) from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[BufferedReader, int]]:
    """A regular file and its bytes. Raises InvalidRequest, PriorRefused, StorageError."""
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        raise InvalidRequest(f"{printable(str(path))} is not a regular file; copy the weights into one", param="source")
    with typed(f"read {path}", path.parent), open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not 0 < size <= MOST:
            what = (
                "is empty" if size == 0 else f"has {size / 2**30:,.1f} GiB, and no generator has more than {MOST >> 30}"
            )
            raise PriorRefused(f"{printable(str(path))} {what}; give the weights file", param=str(path))
        yield file, size
