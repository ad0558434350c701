"""The tensors of a pickle: torch's containers (zip archive, or the older stream) and the views on their storages."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

import torch
from torch import Tensor

from .inert import STORAGES, Record
from .unpickle import MOST, unpickle

ZIP_MAGIC = b"PK\x03\x04"
STREAM_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # a pickled number that torch.save wrote before 1.6
LIMIT = 2 * 2**30  # bytes that one file may hold in tensors; a training checkpoint of 1024 px has 0.9 GB

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
}


class Storage:
    """One run of numbers, read when a tensor needs it."""

    __slots__ = ("dtype", "flat", "read")

    def __init__(self, dtype: torch.dtype, read: Callable[[], bytes]) -> None:
        self.dtype, self.read = dtype, read
        self.flat: Tensor | None = None

    def tensor(self) -> Tensor:
        if self.flat is None:
            data = self.read()
            if not data:
                return torch.empty(0, dtype=self.dtype)
            self.flat = torch.frombuffer(bytearray(data), dtype=self.dtype)
        return self.flat


def read_zip(file: BinaryIO) -> Any:
    """What torch.save wrote: `NAME/data.pkl` and `NAME/data/KEY`, as inert records. Raises ValueError, UnpicklingError."""
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        if sum(info.file_size for info in entries.values()) > LIMIT:
            raise ValueError(f"it unpacks to more than {LIMIT >> 30} GiB")
        roots = [name[: -len("data.pkl")] for name in entries if re.fullmatch(r"[^/]+/data\.pkl", name)]
        if len(roots) != 1:
            raise ValueError("it is a zip archive, but not one that torch wrote")
        if entries.get(roots[0] + "byteorder") and archive.read(roots[0] + "byteorder").strip() != b"little":
            raise ValueError("its numbers are big-endian")
        storages: dict[str, Storage] = {}

        def persistent(pid: Any) -> Storage:
            dtype, key, _ = _described(pid)
            name = f"{roots[0]}data/{key}"
            if name not in entries:
                raise pickle.UnpicklingError(f"it refers to {name!r}, which is not in the archive")
            if key not in storages:
                data = archive.read(name)
                storages[key] = Storage(dtype, lambda: data)
            return storages[key]

        return unpickle(io.BytesIO(archive.read(roots[0] + "data.pkl")), persistent)


def read_stream(file: BinaryIO, *, most: int = MOST) -> Any:
    """What torch.save wrote before 1.6, and what it still writes for a storage inside a pickle (of at most `most` instructions)."""
    magic, version, system = (unpickle(file, most=100) for _ in range(3))
    if (
        magic != 0x1950A86A20F9469CFC6C
        or version != 1001
        or not isinstance(system, dict)
        or not system.get("little_endian")
    ):
        raise ValueError("it is not a stream that torch wrote on a little-endian machine")
    storages: dict[str, Storage] = {}

    def persistent(pid: Any) -> Storage:
        dtype, key, view = _described(pid)
        if view is not None:
            raise pickle.UnpicklingError("it holds storages that are views of others")
        return storages.setdefault(key, Storage(dtype, bytes))

    content = unpickle(file, persistent, most=most)
    keys = unpickle(file, most=most)
    for key in keys if isinstance(keys, list) else ():
        storage = storages[_key(key)]
        size = int.from_bytes(file.read(8), "little") * storage.dtype.itemsize
        if not 0 <= size <= LIMIT:
            raise ValueError("it claims more numbers than any generator has")
        data = file.read(min(size, _left(file)))
        if len(data) != size:
            raise ValueError("it ends too early: the file was cut off")
        storage.read = partial(bytes, data)
    return content


def _left(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end - here


def _described(pid: Any) -> tuple[torch.dtype, str, Any]:
    """('storage', class, key, place, numel[, view])"""
    if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"):
        raise pickle.UnpicklingError("it refers to objects outside the file")
    kind, key = pid[1], pid[2]
    name = getattr(kind, "kind", None)
    if name not in STORAGES or kind is not STORAGES[name]:
        raise pickle.UnpicklingError("it refers to a storage of an unknown kind")
    return _DTYPES[name], _key(key), pid[5] if len(pid) == 6 else None


def _key(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,20}", value):
        raise pickle.UnpicklingError("it refers to a storage by what is no number")
    return value


def is_tensor(value: Any) -> bool:
    return isinstance(value, Record) and value.kind in ("tensor", "parameter")


def tensor(record: Any) -> Tensor:
    """The fp32 tensor that `record` describes, a copy. Raises ValueError."""
    storage, offset, size, stride = _view(record)
    if isinstance(storage, Record) and storage.kind == "bytes" and len(storage.args) == 1:
        data = storage.args[0]
        storage = read_stream(io.BytesIO(data.encode("latin1") if isinstance(data, str) else data), most=100)
    if not isinstance(storage, Storage):
        raise ValueError("a tensor has no storage")
    size, stride = _integers(size), _integers(stride)
    flat = storage.tensor()
    count = 1
    for n in size:
        count *= n
    if (
        len(size) != len(stride)
        or not isinstance(offset, int)
        or offset < 0
        or min((*size, *stride, 0)) < 0
        or count > len(flat)
    ):
        raise ValueError("a tensor does not fit its storage")
    return flat.as_strided(size, stride, offset).to(torch.float32, copy=True, memory_format=torch.contiguous_format)


def shape(record: Any) -> tuple[int, ...]:
    """Of the same tensor, without reading it."""
    return _integers(_view(record)[2])


def _view(record: Any) -> tuple[Any, ...]:
    """(storage, offset, size, stride)"""
    if isinstance(record, Record) and record.kind == "parameter" and record.args:
        record = record.args[0]
    if not isinstance(record, Record) or record.kind != "tensor" or len(record.args) < 4:
        raise ValueError("a weight is not a tensor")
    return record.args[:4]


def _integers(value: Any) -> tuple[int, ...]:
    if isinstance(value, Record) and value.kind == "size" and value.args:
        value = value.args[0]
    if (
        not isinstance(value, (tuple, list))
        or len(value) > 8
        or not all(isinstance(n, int) and abs(n) <= LIMIT for n in value)
    ):
        raise ValueError("a tensor has no proper shape")
    return tuple(value)
