"""NVIDIA's StyleGAN2 (StyleGAN2-ADA and the StyleGAN3 repository), read without executing anything.

Their pickles carry the Python source of the network, which their own loader runs. Here a module is a plain record of its
class name, init arguments and state (`inert.py`), and the source is ignored. MyStyle's tuned generators are the synthesis
half of such a network, saved by torch: they lack the mapping network, which is taken from the prior they were tuned from.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor

from portraitist.errors import PriorRefused

from .. import Generator, GeneratorConfig, StyleGAN2
from .assemble import assemble
from .inert import Record, number
from .storages import is_tensor, shape, tensor
from .unpickle import unpickle

# Everything that inert data of the wrong shape can raise while it is looked at.
BAD_DATA = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    LookupError,
    AttributeError,
    TypeError,
    EOFError,
    ValueError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    ImportError,
    AssertionError,
)
_DEEPEST = 8  # modules within modules
_MOST_PARTS = 5000  # parameters, buffers and modules; a generator of 1024 px has about 350


@dataclass
class Module:
    """A pickled module: what it was called and what it held. Never its code."""

    class_name: str
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def init_kwargs(self) -> dict[str, Any]:
        return _dict(self.state.get("_init_kwargs"))

    def tensors(self) -> dict[str, Record]:
        """All parameters and buffers by dotted name. Raises ValueError where there are more than any network has.

        One record may be named from many places, so that a short file could say a billion of them.
        """
        found: dict[str, Record] = {}
        waiting, looked_at = [("", 0, self)], 0
        while waiting:
            prefix, depth, here = waiting.pop()
            for kind in ("_parameters", "_buffers", "_modules"):
                for name, value in _dict(here.state.get(kind)).items():
                    looked_at += 1
                    if looked_at > _MOST_PARTS or depth > _DEEPEST:
                        raise ValueError("it has more modules within modules than any network of NVIDIA's")
                    if kind != "_modules" and is_tensor(value):
                        found[prefix + name] = value
                    elif kind == "_modules" and is_module(value):
                        waiting.append((f"{prefix}{name}.", depth + 1, module(value)))
        return found


def is_module(value: Any) -> bool:
    return isinstance(value, Record) and value.kind == "module"


def module(record: Record) -> Module:
    meta = _dict(record.args[0])
    return Module(_name(meta.get("class_name")), _dict(meta.get("state")))


def _dict(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ValueError("it has something else where NVIDIA's files have a dictionary")
    return value or {}


def _name(value: Any) -> str:
    """What is a name already; others might take for ever to write down."""
    return value[:80] if isinstance(value, str) else "something"


def load(path: Path, key: str = "G_ema") -> StyleGAN2:
    """The generator stored under `key`. Raises PriorRefused when the file is refused or is not a StyleGAN2."""
    try:
        with open(path, "rb") as file:
            return read(file, key)
    except BAD_DATA as error:
        raise PriorRefused(
            f"{path} is not a StyleGAN2 pickle that can be read safely: {error}", param=str(path)
        ) from error


def read(file: BinaryIO, key: str = "G_ema") -> StyleGAN2:
    """The same from an open file. Raises one of BAD_DATA."""
    root = unpickle(file)
    if not isinstance(root, dict) or key not in root:
        raise ValueError(f"it holds no {key!r}; official pickles hold G, D and G_ema")
    if not is_module(root[key]):
        raise ValueError(f"its {key!r} is no network of NVIDIA's StyleGAN2")
    return whole(module(root[key]))


def whole(network: Module) -> StyleGAN2:
    """A Generator module: mapping and synthesis."""
    kwargs = network.init_kwargs
    if kwargs.get("c_dim"):
        raise ValueError("class-conditional generators are not supported")
    if "magnitude_ema_beta" in kwargs or "mapping" not in (network.state.get("_modules") or {}):
        raise ValueError(f"{network.class_name!r} is no StyleGAN2 (StyleGAN3's own generators are built differently)")
    synthesis, mapping = _dict(kwargs.get("synthesis_kwargs")), _dict(kwargs.get("mapping_kwargs"))
    source = network.tensors()
    config = GeneratorConfig(
        resolution=int(number(kwargs["img_resolution"])),
        z_dim=int(number(kwargs["z_dim"])),
        w_dim=int(number(kwargs["w_dim"])),
        mapping_layers=int(number(mapping.get("num_layers", 8))),
        mapping_lr_multiplier=float(number(mapping.get("lr_multiplier", 0.01))),
        channels=_widths(source, "synthesis."),
        conv_clamp=_clamp(synthesis),
    )
    return assemble(StyleGAN2, config, lambda name: tensor(source[_foreign(name)]))


def synthesis_only(network: Module, mapping: Generator | None) -> StyleGAN2:
    """A SynthesisNetwork module (MyStyle), completed with the mapping network of `mapping`."""
    if network.class_name != "SynthesisNetwork":
        raise ValueError(f"it is a {network.class_name!r}, neither a generator nor the synthesis half of one")
    if mapping is None:
        raise ValueError(
            "it holds a synthesis network without its mapping network, as MyStyle saves them; name the prior it was "
            "tuned from with --mapping-from"
        )
    if not isinstance(mapping, StyleGAN2):
        raise ValueError(
            f"it needs StyleGAN2's mapping network, and the prior named by --mapping-from is of the kind {mapping.kind!r}"
        )
    kwargs = network.init_kwargs
    source = network.tensors()
    other = mapping.config
    config = GeneratorConfig(
        resolution=int(number(kwargs["img_resolution"])),
        z_dim=other.z_dim,
        w_dim=int(number(kwargs["w_dim"])),
        mapping_layers=other.mapping_layers,
        mapping_lr_multiplier=other.mapping_lr_multiplier,
        channels=_widths(source, ""),
        conv_clamp=_clamp(kwargs),
    )
    if config.w_dim != other.w_dim:
        raise ValueError(f"its w has {config.w_dim} numbers, that of the prior named by --mapping-from {other.w_dim}")
    theirs = mapping.state_dict()

    def weight(name: str) -> Tensor:
        return (
            theirs[name] if name.startswith("mapping.") else tensor(source[_foreign(name).removeprefix("synthesis.")])
        )

    return assemble(StyleGAN2, config, weight)


def _foreign(name: str) -> str:
    return name.replace("synthesis.blocks.", "synthesis.b").replace("mapping.layers.", "mapping.fc")


def _clamp(synthesis: dict[str, Any]) -> float | None:
    if synthesis.get("architecture", "skip") != "skip":
        raise ValueError(f"architecture {_name(synthesis['architecture'])!r} is not supported, only 'skip'")
    clamp = synthesis.get("conv_clamp")
    return None if clamp is None else float(number(clamp))


def _widths(source: dict[str, Record], prefix: str) -> dict[int, int]:
    """{resolution: channels}"""
    widths = {}
    for name, record in source.items():
        if name.startswith(f"{prefix}b") and name.endswith(".conv1.weight"):
            widths[int(name.removeprefix(prefix).split(".")[0][1:])] = shape(record)[0]
    return widths
