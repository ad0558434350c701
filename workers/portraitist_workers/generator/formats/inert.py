"""Pickles read as data: nothing that a pickle names is imported, called or built.

A pickle is a small program that names what it wants to call. Here the few names that a genuine weights file needs stand
for inert records, which remember their arguments and state; any other name is refused. So the worst that a file can do is
hold odd data. (An allow-list, because every published block-list of pickle names has been walked around.) The program itself
is read by `unpickle`.
"""

from __future__ import annotations

import struct
from pickle import UnpicklingError
from typing import Any


class Record:
    """Something that the pickle asked to call or build: `kind`, its `args`, and the `state` it was given. Never done."""

    __slots__ = ("args", "state")
    kind = ""

    def __init__(self, *args: Any) -> None:
        self.args, self.state = args, None


def _kind(name: str) -> type[Record]:
    return type(name, (Record,), {"__slots__": (), "kind": name})


MODULE = _kind("module")  # torch_utils.persistence: (meta,) with class name and state; its source is ignored
PARAMETER = _kind("parameter")  # (tensor, requires_grad, hooks)
TENSOR = _kind("tensor")  # (storage, offset, size, stride, ...)
BYTES = _kind("bytes")  # (a storage as torch saved it,)
SCALAR = _kind("scalar")  # (dtype, bytes)
STORAGES = {  # torch's storage classes: bytes per element
    name: type(name, (Record,), {"__slots__": (), "kind": name})
    for name in (
        "DoubleStorage",
        "FloatStorage",
        "HalfStorage",
        "BFloat16Storage",
        "LongStorage",
        "IntStorage",
        "BoolStorage",
        "ByteStorage",
    )
}

_ALLOWED: dict[tuple[str, str], type] = {
    ("collections", "OrderedDict"): dict,
    ("torch._utils", "_rebuild_parameter"): PARAMETER,
    ("torch._utils", "_rebuild_tensor_v2"): TENSOR,
    ("torch._utils", "_rebuild_tensor"): TENSOR,
    ("torch.storage", "_load_from_bytes"): BYTES,
    ("numpy", "dtype"): _kind("dtype"),
    ("numpy.core.multiarray", "scalar"): SCALAR,
    ("numpy._core.multiarray", "scalar"): SCALAR,
    ("builtins", "set"): _kind("set"),
    ("__builtin__", "set"): _kind("set"),
    ("_codecs", "encode"): _kind("encoded"),  # how protocol 2 says bytes: (text, "latin1")
    ("torch", "Size"): _kind("size"),
    ("torch", "device"): _kind("device"),
    ("argparse", "Namespace"): _kind("namespace"),  # rosinality's training options
    **{(home, name): kind for home in ("torch", "torch.cuda") for name, kind in STORAGES.items()},
}
# These live in NVIDIA's repository, which others vendor under names of their own.
_VENDORED: dict[tuple[str, str], type] = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): MODULE,
    ("dnnlib.util", "EasyDict"): dict,
    ("dnnlib", "EasyDict"): dict,
}


def kind_of(module: Any, name: Any) -> type:
    """What stands for `module.name`: a kind of Record, or dict. Raises UnpicklingError."""
    if not (isinstance(module, str) and isinstance(name, str)):
        raise UnpicklingError("it names something by what is no text")
    if (found := _ALLOWED.get((module, name))) is not None:
        return found
    for (home, known), kind in _VENDORED.items():
        if name == known and (module == home or module.endswith("." + home)):
            return kind
    raise UnpicklingError(f"it names {f'{module[:80]}.{name[:80]}'[:120]!r}, which no weights file needs")


def number(value: Any) -> float:
    """A plain number, or one that numpy wrote. Raises ValueError."""
    if isinstance(value, (int, float)) and abs(value) < 2**53:
        return value
    if isinstance(value, Record) and value.kind == "scalar" and len(value.args) == 2:
        dtype, data = value.args
        codes = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i"}
        code = dtype.args[0] if isinstance(dtype, Record) and dtype.args else None
        if isinstance(data, Record) and data.kind == "encoded" and data.args:
            data = data.args[0]
        data = data.encode("latin1") if isinstance(data, str) else data
        if (
            isinstance(code, str)
            and code in codes
            and isinstance(data, bytes)
            and len(data) == struct.calcsize(codes[code])
        ):
            return struct.unpack(codes[code], data)[0]
    raise ValueError("expected a number")
