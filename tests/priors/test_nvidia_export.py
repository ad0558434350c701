"""What we export as NVIDIA's pickle opens where there is nothing but torch and a loader like NVIDIA's, and draws the same there."""

from __future__ import annotations

import ast
import pickle
import sys
import types

import pytest
import torch

from portraitist_workers.generator import GeneratorConfig, StyleGAN2
from portraitist_workers.generator.formats import carried_source, nvidia_writer


def reconstruct(meta):
    """The contract of `torch_utils.persistence`, in our words: run the module's source, make an object of the class, give it its state."""
    assert meta["type"] == "class" and meta["version"] == 6
    module = sys.modules.setdefault("carried", types.ModuleType("carried"))
    if not hasattr(module, "Generator"):
        exec(meta["module_src"], module.__dict__)
    kind = getattr(module, meta["class_name"])
    made = kind.__new__(kind)
    made.__setstate__(meta["state"])
    return made


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """(our generator, what `legacy.load_network_pkl` hands out)"""
    torch.manual_seed(3)
    config = GeneratorConfig(64, z_dim=16, w_dim=16, mapping_layers=2, channel_base=256, channel_max=16, conv_clamp=2.0)
    g = StyleGAN2(config).eval().requires_grad_(False)
    for name, value in g.named_parameters():
        if name.endswith("noise_strength"):
            value.fill_(0.3)
    g.mapping.w_avg.normal_()
    nvidia_writer.write(g, tmp_path / "x.pkl", licence="mine")
    home = types.ModuleType("torch_utils.persistence")
    home._reconstruct_persistent_obj = reconstruct
    monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", home)
    monkeypatch.setitem(sys.modules, "training", None)  # NVIDIA's networks are not there
    data = pickle.loads((tmp_path / "x.pkl").read_bytes())
    yield g, data
    sys.modules.pop("carried", None)


def test_it_holds_what_their_loader_asserts(opened):
    _, data = opened
    assert all(isinstance(data[name], torch.nn.Module) for name in ("G", "D", "G_ema"))
    assert data["training_set_kwargs"] is None and data["augment_pipe"] is None
    assert not list(data["D"].parameters())
    with pytest.raises(RuntimeError, match="no discriminators"):
        data["D"](None, None)


def test_it_draws_the_same(opened):
    g, data = opened
    theirs, z = data["G_ema"], torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    assert (theirs.z_dim, theirs.w_dim, theirs.c_dim, theirs.num_ws, theirs.img_resolution) == (16, 16, 0, 10, 64)

    def close(a, b):
        assert (a - b).abs().max() < 1e-4 * b.abs().max()

    close(theirs(z, None, noise_mode="const"), g(z))
    close(
        theirs(z, None, truncation_psi=0.5, truncation_cutoff=3, noise_mode="const", force_fp32=True),
        g(z, truncation_psi=0.5, truncation_cutoff=3),
    )
    close(theirs.synthesis(theirs.mapping(z, None), noise_mode="none"), g(z, noise="none"))
    assert (g(z, noise="none") - g(z)).abs().max() > 0.01  # the noise is heard
    torch.manual_seed(0)
    assert (theirs(z, None) - theirs(z, None)).abs().max() > 0.01  # random noise, as is usual there


def test_the_source_calls_for_nothing_but_torch():
    with open(carried_source.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"torch", "torch.nn.functional"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
