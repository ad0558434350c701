"""NVIDIA's StyleGAN2 pickles (StyleGAN2-ADA and the StyleGAN3 repository), read without executing anything.

Such a file carries Python source that its own loader runs. Here an allow-list unpickler knows the few names that a
genuine file needs; modules become plain records of (class name, init arguments, state), their source is ignored, and
any other name is refused.
"""

from __future__ import annotations

import collections
import io
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import PriorUnavailable

from .. import Generator, GeneratorConfig


@dataclass
class Recorded:
    """A pickled module: what it was called and what it held. Never its code."""

    class_name: str
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def init_kwargs(self) -> dict[str, Any]:
        return dict(self.state.get("_init_kwargs", {}))

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """All parameters and buffers by dotted name."""
        found = {}
        for kind in ("_parameters", "_buffers"):
            found.update({prefix + k: v for k, v in (self.state.get(kind) or {}).items() if isinstance(v, Tensor)})
        for name, child in (self.state.get("_modules") or {}).items():
            if isinstance(child, Recorded):
                found.update(child.tensors(f"{prefix}{name}."))
        return found


def _record(meta: dict) -> Recorded:
    return Recorded(str(meta.get("class_name")), dict(meta.get("state") or {}))


def _tensor(storage, offset, size, stride, *_ignored) -> Tensor:
    return torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage, offset, size, stride)


def _parameter(data: Tensor, *_ignored) -> Tensor:
    return data


def _storage(data: bytes):
    return torch.load(io.BytesIO(data), weights_only=True)


class _Dict(dict):
    """Stands for EasyDict: attribute access is not needed, state assignment is harmless."""

    def __setstate__(self, state) -> None:
        if isinstance(state, dict):
            self.update(state)


_ALLOWED = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _record,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("dnnlib.util", "EasyDict"): _Dict,
    ("dnnlib", "EasyDict"): _Dict,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "scalar"): np._core.multiarray.scalar,
    ("numpy._core.multiarray", "scalar"): np._core.multiarray.scalar,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused name {module}.{name}") from None

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("refused persistent id")


def load(path: Path, key: str = "G_ema") -> Generator:
    """The generator stored under `key`. Raises PriorUnavailable when the file is refused or is not a StyleGAN2."""
    try:
        with open(path, "rb") as file:
            root = _Unpickler(file).load()
        module = root[key]
        return _build(module)
    except (pickle.UnpicklingError, KeyError, AttributeError, TypeError, EOFError, ValueError, RuntimeError) as error:
        raise PriorUnavailable(f"{path} is not a StyleGAN2 pickle that can be read safely: {error}", param=str(path)) from error


def _build(module: Recorded) -> Generator:
    kwargs = module.init_kwargs
    if kwargs.get("c_dim"):
        raise ValueError("class-conditional generators are not supported")
    synthesis, mapping = dict(kwargs.get("synthesis_kwargs", {})), dict(kwargs.get("mapping_kwargs", {}))
    if synthesis.get("architecture", "skip") != "skip":
        raise ValueError(f"architecture {synthesis['architecture']!r} is not supported, only 'skip'")
    source = module.tensors()
    widths = {}
    for name, tensor in source.items():
        if name.endswith("conv1.weight"):
            widths[int(name.split(".")[1][1:])] = tensor.shape[0]
    config = GeneratorConfig(
        resolution=int(kwargs["img_resolution"]),
        z_dim=int(kwargs["z_dim"]),
        w_dim=int(kwargs["w_dim"]),
        mapping_layers=int(mapping.get("num_layers", 8)),
        mapping_lr_multiplier=float(mapping.get("lr_multiplier", 0.01)),
        channels=widths,
        conv_clamp=synthesis.get("conv_clamp"),
    )
    generator = Generator(config)
    target = {}
    for name in generator.state_dict():
        foreign = name.replace("synthesis.blocks.", "synthesis.b").replace("mapping.layers.", "mapping.fc")
        target[name] = source[foreign].float()
    generator.load_state_dict(target)
    return generator.eval().requires_grad_(False)
