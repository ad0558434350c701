"""A generator as a pickle in the layout of NVIDIA's StyleGAN2 (StyleGAN2-ADA, and networks_stylegan2 of the StyleGAN3 repository).

Their pickles carry the network's source, which their loader runs. Theirs is not ours to give, so these carry `carried_source`, a network
of our own that calls for nothing but torch. The attributes of the modules are those that their own files hold.
"""

from __future__ import annotations

import math
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import StyleGAN2

_SOURCE = (Path(__file__).parent / "carried_source.py").read_text(encoding="utf-8")


class _Call:
    """Pickles as `function(*arguments)`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


def _reconstruct_persistent_obj(meta: Any) -> None:
    """Stands for the function of this name in torch_utils.persistence, which the pickle names."""


def write(generator: StyleGAN2, path: Path, *, licence: str) -> None:
    """{"G": generator, "D": nothing, "G_ema": generator, ...}; `licence` is ours, their loader leaves it alone.

    Their loader asserts that all three are modules, so the generator stands for "G" too, and "D" is one without weights.
    """
    network, config = _generator(generator), generator.config
    none = _module("NoDiscriminator", {"c_dim": 0, "img_resolution": config.resolution, "img_channels": 3})
    data = {
        "G": network,
        "D": none,
        "G_ema": network,
        "training_set_kwargs": None,
        "augment_pipe": None,
        "licence": licence,
    }
    with official_names(), open(path, "wb") as file:
        pickle.Pickler(file, protocol=4).dump(data)


def write_synthesis(generator: StyleGAN2, path: Path, *, licence: str = "", zip_file: bool = True) -> None:
    """The synthesis half alone, as MyStyle saves it, which has no place for a licence. `zip_file` False: as torch wrote before 1.6."""
    half = _generator(generator).call[1][0]["state"]["_modules"]["synthesis"]
    with official_names():
        torch.save(half, path, _use_new_zipfile_serialization=zip_file)


@contextmanager
def official_names() -> Iterator[None]:
    """Within, the pickle module finds the function that it is to name. (It insists on looking.)"""
    stand_in = types.ModuleType("torch_utils.persistence")
    _reconstruct_persistent_obj.__module__ = stand_in.__name__
    vars(stand_in)["_reconstruct_persistent_obj"] = _reconstruct_persistent_obj
    before = {name: sys.modules.get(name) for name in ("torch_utils", "torch_utils.persistence")}
    sys.modules.update({"torch_utils": types.ModuleType("torch_utils"), "torch_utils.persistence": stand_in})
    try:
        yield
    finally:
        for name, known in before.items():
            sys.modules.pop(name) if known is None else sys.modules.__setitem__(name, known)


def _module(
    class_name: str,
    attributes: dict[str, Any],
    *,
    parameters: dict[str, Tensor] | None = None,
    buffers: dict[str, Tensor] | None = None,
    modules: dict[str, Any] | None = None,
    init: tuple = (),
    **kwargs: Any,
) -> _Call:
    state = dict(nn.Module().eval().__dict__)  # torch's own attributes, as this version of torch has them
    state["_parameters"] = OrderedDict(
        (k, nn.Parameter(v.clone(), requires_grad=False)) for k, v in (parameters or {}).items()
    )
    state["_buffers"] = OrderedDict((k, v.clone()) for k, v in (buffers or {}).items())
    state["_modules"] = OrderedDict(modules or {})
    state |= attributes | {"_init_args": init, "_init_kwargs": kwargs}
    meta = {"type": "class", "version": 6, "module_src": _SOURCE, "class_name": class_name, "state": state}
    return _Call(_reconstruct_persistent_obj, meta)


def _linear(
    weight: Tensor, bias: Tensor, *, activation: str = "linear", lr_multiplier: float = 1, bias_init: float = 0
) -> _Call:
    outputs, inputs = weight.shape
    gains = {"weight_gain": lr_multiplier / math.sqrt(inputs), "bias_gain": lr_multiplier}
    return _module(
        "FullyConnectedLayer",
        {"in_features": inputs, "out_features": outputs, "activation": activation, **gains},
        parameters={"weight": weight, "bias": bias},
        init=(inputs, outputs),
        activation=activation,
        lr_multiplier=lr_multiplier,
        bias_init=bias_init,
    )


def _generator(generator: StyleGAN2) -> _Call:
    config, weights = generator.config, {k: v.detach().float().cpu() for k, v in generator.state_dict().items()}
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    low_pass = taps[:, None] * taps[None, :]
    w_dim, clamp = config.w_dim, config.conv_clamp

    def affine(name: str) -> _Call:
        return _linear(weights[f"{name}.affine.weight"], weights[f"{name}.affine.bias"], bias_init=1)

    def layer(name: str, resolution: int, up: int) -> _Call:
        weight = weights[f"{name}.weight"]
        outputs, inputs = weight.shape[:2]
        attributes = {
            "in_channels": inputs,
            "out_channels": outputs,
            "w_dim": w_dim,
            "resolution": resolution,
            "up": up,
            "use_noise": True,
            "activation": "lrelu",
            "conv_clamp": clamp,
            "padding": 1,
            "act_gain": math.sqrt(2),
        }
        return _module(
            "SynthesisLayer",
            attributes,
            modules={"affine": affine(name)},
            parameters={
                "weight": weight,
                "noise_strength": weights[f"{name}.noise_strength"],
                "bias": weights[f"{name}.bias"],
            },
            buffers={"resample_filter": low_pass, "noise_const": weights[f"{name}.noise_const"]},
            init=(inputs, outputs),
            w_dim=w_dim,
            resolution=resolution,
            up=up,
            conv_clamp=clamp,
            channels_last=False,
        )

    def block(resolution: int) -> _Call:
        name, first = f"synthesis.blocks.{resolution}", resolution == 4
        outputs = config.width(resolution)
        inputs = 0 if first else config.width(resolution // 2)
        is_last = resolution == config.resolution
        modules = {} if first else {"conv0": layer(f"{name}.conv0", resolution, 2)}
        rgb = {"parameters": {"weight": weights[f"{name}.torgb.weight"], "bias": weights[f"{name}.torgb.bias"]}}
        modules["conv1"] = layer(f"{name}.conv1", resolution, 1)
        modules["torgb"] = _module(
            "ToRGBLayer",
            {
                "in_channels": outputs,
                "out_channels": 3,
                "w_dim": w_dim,
                "conv_clamp": clamp,
                "weight_gain": 1 / math.sqrt(outputs),
            },
            modules={"affine": affine(f"{name}.torgb")},
            init=(outputs, 3),
            w_dim=w_dim,
            conv_clamp=clamp,
            channels_last=False,
            **rgb,
        )
        attributes = {
            "in_channels": inputs,
            "w_dim": w_dim,
            "resolution": resolution,
            "img_channels": 3,
            "is_last": is_last,
            "architecture": "skip",
            "use_fp16": False,
            "channels_last": False,
            "num_conv": 1 if first else 2,
            "num_torgb": 1,
            "fused_modconv_default": True,
        }
        return _module(
            "SynthesisBlock",
            attributes,
            modules=modules,
            buffers={"resample_filter": low_pass},
            parameters={"const": weights[f"{name}.const"]} if first else {},
            init=(inputs, outputs),
            w_dim=w_dim,
            resolution=resolution,
            img_channels=3,
            is_last=is_last,
            use_fp16=False,
            conv_clamp=clamp,
        )

    # The constructor takes a rule for widths; it gives the same ones where they follow it (their own files do).
    channels = (
        {
            "channel_base": max(r * config.width(r) for r in config.resolutions if config.width(r) < _max(config)),
            "channel_max": _max(config),
        }
        if _min(config) < _max(config)
        else {"channel_max": _max(config)}
    )
    synthesis_kwargs = {**channels, "num_fp16_res": 0, "conv_clamp": clamp}
    mapping_kwargs = {"num_layers": config.mapping_layers, "lr_multiplier": config.mapping_lr_multiplier}
    sizes = {"w_dim": w_dim, "img_resolution": config.resolution, "img_channels": 3}
    synthesis = _module(
        "SynthesisNetwork",
        {
            **sizes,
            "img_resolution_log2": int(math.log2(config.resolution)),
            "num_ws": config.num_ws,
            "num_fp16_res": 0,
            "block_resolutions": config.resolutions,
        },
        modules={f"b{r}": block(r) for r in config.resolutions},
        **sizes,
        **synthesis_kwargs,
    )
    mapping = _module(
        "MappingNetwork",
        {
            "z_dim": config.z_dim,
            "c_dim": 0,
            "w_dim": w_dim,
            "num_ws": config.num_ws,
            "num_layers": config.mapping_layers,
            "w_avg_beta": 0.995,
        },
        modules={
            f"fc{i}": _linear(
                weights[f"mapping.layers.{i}.weight"],
                weights[f"mapping.layers.{i}.bias"],
                activation="lrelu",
                lr_multiplier=config.mapping_lr_multiplier,
            )
            for i in range(config.mapping_layers)
        },
        buffers={"w_avg": weights["mapping.w_avg"]},
        z_dim=config.z_dim,
        c_dim=0,
        w_dim=w_dim,
        num_ws=config.num_ws,
        **mapping_kwargs,
    )
    whole = {"z_dim": config.z_dim, "c_dim": 0, **sizes}
    return _module(
        "Generator",
        {**whole, "num_ws": config.num_ws},
        modules={"synthesis": synthesis, "mapping": mapping},
        **whole,
        mapping_kwargs=mapping_kwargs,
        synthesis_kwargs=synthesis_kwargs,
    )


def _max(config: Any) -> int:
    return max(config.width(r) for r in config.resolutions)


def _min(config: Any) -> int:
    return min(config.width(r) for r in config.resolutions)
