"""Generators that use all there is, through the real command: a wall that stops what a genuine file needs is no wall, but a fault."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from safetensors.torch import load_file

from portraitist.cli import main
from portraitist_workers.generator import GeneratorConfig, StyleGAN2, winograd
from portraitist_workers.generator.formats import native, nvidia_writer, rosinality


def everything(resolution: int) -> StyleGAN2:
    """Noise, a clamp that bites, more levels than 64 px where it is large, and one level wide enough for the quick convolution."""
    torch.manual_seed(resolution)
    widths = {4 << i: 4 for i in range(9) if 4 << i <= resolution} | {16: winograd.CHANNELS}
    config = GeneratorConfig(resolution, z_dim=8, w_dim=8, mapping_layers=2, channels=widths, conv_clamp=0.75)
    g = StyleGAN2(config).eval().requires_grad_(False)
    for name, value in g.named_parameters():
        if name.endswith("noise_strength"):
            value.fill_(0.3)
    g.mapping.w_avg.normal_()
    return g


def older(g, path):
    """As torch wrote before 1.6."""
    rosinality.write(g, path, licence="")
    torch.save(torch.load(path, weights_only=True), path, _use_new_zipfile_serialization=False)


def bare(g, path):
    """A state dict alone; the mean of w is measured behind the walls."""
    rosinality.write(g, path, licence="")
    torch.save(torch.load(path, weights_only=True)["g_ema"], path)


@pytest.mark.parametrize(
    "layout, resolution, write",
    [
        ("nvidia", 1024, lambda g, path: nvidia_writer.write(g, path, licence="")),
        ("nvidia", 16, lambda g, path: nvidia_writer.write(g, path, licence="")),
        ("rosinality", 512, lambda g, path: rosinality.write(g, path, licence="")),
        ("rosinality", 32, older),
        ("rosinality", 64, bare),
        ("mystyle", 128, lambda g, path: nvidia_writer.write_synthesis(g, path, zip_file=False)),
        ("native", 256, lambda g, path: native.save(g, path, dtype=torch.float16)),
    ],
)
def test_a_generator_that_uses_everything_is_imported(layout, resolution, write, tmp_path, monkeypatch, capsys):
    g = everything(resolution)
    write(g, tmp_path / "weights")
    home = ["--home", str(tmp_path / "home"), "--accept-licence", "--json"]
    if layout == "mystyle":
        native.save(g, tmp_path / "base", dtype=torch.float32)
        assert add(monkeypatch, capsys, tmp_path / "base", *home)["name"] == "base"
        home += ["--mapping-from", "base"]
    found = add(monkeypatch, capsys, tmp_path / "weights", *home)
    assert (
        found["source"]["layout"] == layout
        and found["resolution"] == resolution
        and "audit hook" in found["source"]["walls"]
    )
    stored = load_file(tmp_path / "home" / "priors" / "weights" / "generator.safetensors")
    for name, value in g.state_dict().items():
        same = value.half().float() if layout == "native" else value
        assert torch.equal(stored[name], same) or (write is bare and name == "mapping.w_avg"), name


def add(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["portraitist", "priors", "add", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 0, out + err
    return json.loads(out)
