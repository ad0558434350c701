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

from .. import Generator, GeneratorConfig
from .assemble import assemble
from .inert import Record, Unpickler, number
from .storages import is_tensor, tensor

# Everything that inert data of the wrong shape can raise while it is looked at.
BAD_DATA = (pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error, LookupError, AttributeError, TypeError, EOFError,
            ValueError, RuntimeError, ArithmeticError, MemoryError, ImportError, AssertionError)
_DEEPEST = 8  # modules within modules


@dataclass
class Module:
    """A pickled module: what it was called and what it held. Never its code."""

    class_name: str
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def init_kwargs(self) -> dict[str, Any]:
        return dict(self.state.get("_init_kwargs") or {})

    def tensors(self, prefix: str = "", depth: int = 0) -> dict[str, Record]:
        """All parameters and buffers by dotted name."""
        if depth > _DEEPEST:
            raise ValueError("its modules are nested too deeply")
        found: dict[str, Record] = {}
        for kind in ("_parameters", "_buffers"):
            found.update({prefix + k: v for k, v in (self.state.get(kind) or {}).items() if is_tensor(v)})
        for name, child in (self.state.get("_modules") or {}).items():
            if is_module(child):
                found.update(module(child).tensors(f"{prefix}{name}.", depth + 1))
        return found


def is_module(value: Any) -> bool:
    return isinstance(value, Record) and value.kind == "module"


def module(record: Record) -> Module:
    meta = record.args[0]
    return Module(str(meta.get("class_name")), dict(meta.get("state") or {}))


def load(path: Path, key: str = "G_ema") -> Generator:
    """The generator stored under `key`. Raises PriorRefused when the file is refused or is not a StyleGAN2."""
    try:
        with open(path, "rb") as file:
            return read(file, key)
    except BAD_DATA as error:
        raise PriorRefused(f"{path} is not a StyleGAN2 pickle that can be read safely: {error}", param=str(path)) from error


def read(file: BinaryIO, key: str = "G_ema") -> Generator:
    """The same from an open file. Raises one of BAD_DATA."""
    root = Unpickler(file).load()
    if not isinstance(root, dict) or key not in root:
        raise ValueError(f"it holds no {key!r}; official pickles hold G, D and G_ema")
    if not is_module(root[key]):
        raise ValueError(f"its {key!r} is no network of NVIDIA's StyleGAN2")
    return whole(module(root[key]))


def whole(network: Module) -> Generator:
    """A Generator module: mapping and synthesis."""
    kwargs = network.init_kwargs
    if kwargs.get("c_dim"):
        raise ValueError("class-conditional generators are not supported")
    if "magnitude_ema_beta" in kwargs or "mapping" not in (network.state.get("_modules") or {}):
        raise ValueError(f"{network.class_name!r} is no StyleGAN2 (StyleGAN3's own generators are built differently)")
    synthesis, mapping = dict(kwargs.get("synthesis_kwargs") or {}), dict(kwargs.get("mapping_kwargs") or {})
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
    return assemble(config, lambda name: tensor(source[_foreign(name)]))


def synthesis_only(network: Module, mapping: Generator | None) -> Generator:
    """A SynthesisNetwork module (MyStyle), completed with the mapping network of `mapping`."""
    if network.class_name != "SynthesisNetwork":
        raise ValueError(f"it is a {network.class_name!r}, neither a generator nor the synthesis half of one")
    if mapping is None:
        raise ValueError("it holds a synthesis network without its mapping network, as MyStyle saves them; name the prior it was "
                         "tuned from with --mapping-from")
    kwargs = network.init_kwargs
    source = network.tensors()
    other = mapping.config
    config = GeneratorConfig(
        resolution=int(number(kwargs["img_resolution"])), z_dim=other.z_dim, w_dim=int(number(kwargs["w_dim"])),
        mapping_layers=other.mapping_layers, mapping_lr_multiplier=other.mapping_lr_multiplier,
        channels=_widths(source, ""), conv_clamp=_clamp(kwargs),
    )
    if config.w_dim != other.w_dim:
        raise ValueError(f"its w has {config.w_dim} numbers, that of the prior named by --mapping-from {other.w_dim}")
    theirs = mapping.state_dict()

    def weight(name: str) -> Tensor:
        return theirs[name] if name.startswith("mapping.") else tensor(source[_foreign(name).removeprefix("synthesis.")])

    return assemble(config, weight)


def _foreign(name: str) -> str:
    return name.replace("synthesis.blocks.", "synthesis.b").replace("mapping.layers.", "mapping.fc")


def _clamp(synthesis: dict[str, Any]) -> float | None:
    if synthesis.get("architecture", "skip") != "skip":
        raise ValueError(f"architecture {str(synthesis['architecture'])[:40]!r} is not supported, only 'skip'")
    clamp = synthesis.get("conv_clamp")
    return None if clamp is None else float(number(clamp))


def _widths(source: dict[str, Record], prefix: str) -> dict[int, int]:
    """{resolution: channels}"""
    widths = {}
    for name, record in source.items():
        if name.startswith(f"{prefix}b") and name.endswith(".conv1.weight"):
            widths[int(name.removeprefix(prefix).split(".")[0][1:])] = tensor(record).shape[0]
    return widths
