"""Both official layouts, read and written: equal to the bit, told apart by content, whatever the file is called."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import pytest
import torch
from small_generator import generator as small

from portraitist_workers.generator import formats
from portraitist_workers.generator.formats import native, nvidia, nvidia_writer, rosinality
from portraitist_workers.generator.formats.unpickle import unpickle

LAYOUTS = {
    "nvidia": lambda g, path: nvidia_writer.write(g, path, licence="mine"),
    "rosinality": lambda g, path: rosinality.write(g, path, licence="mine"),
    "native": lambda g, path: native.save(g, path, dtype=torch.float32, metadata={"licence": "mine"}),
}


def read(path, **kwargs):
    with open(path, "rb") as file:
        return formats.read(file, **kwargs)


def equal(a, b):
    left, right = a.state_dict(), b.state_dict()
    return set(left) == set(right) and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_written_and_read_back(layout, tmp_path):
    g = small(3)
    g.synthesis.blocks["8"].conv1.noise_strength.fill_(0.25)
    g.mapping.w_avg.normal_()
    LAYOUTS[layout](g, tmp_path / "holiday.jpg")
    found = read(tmp_path / "holiday.jpg")
    assert found.layout == layout and equal(found.generator, g)
    assert found.licence == ("" if layout == "nvidia" else "mine")
    z = torch.randn(2, 16)
    assert torch.equal(found.generator(z), g(z))
    assert found.generator.config.conv_clamp == g.config.conv_clamp
    assert found.generator.config.mapping_lr_multiplier == g.config.mapping_lr_multiplier


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("vector", ["nvidia_ada_64.pkl", "rosinality_64.pt"])
def test_the_vectors_survive_every_layout(vectors, vector, layout, tmp_path):
    g = read(vectors / vector).generator
    LAYOUTS[layout](g, tmp_path / "x")
    found = read(tmp_path / "x")
    assert equal(found.generator, g) and found.generator.config.conv_clamp == g.config.conv_clamp


def test_our_pickle_has_the_modules_and_attributes_of_an_official_one(vectors, tmp_path):
    def modules(record, prefix=""):
        m = nvidia.module(record)
        found = {
            prefix: (
                m.class_name,
                {k for k in m.state if not k.startswith("_")},
                set(m.state["_parameters"]),
                set(m.state["_buffers"]),
            )
        }
        for name, child in m.state["_modules"].items():
            found |= modules(child, f"{prefix}.{name}")
        return found

    nvidia_writer.write(nvidia.load(vectors / "nvidia_ada_64.pkl"), tmp_path / "ours.pkl", licence="")
    with open(vectors / "nvidia_ada_64.pkl", "rb") as theirs, open(tmp_path / "ours.pkl", "rb") as ours:
        a, b = (modules(unpickle(file)["G_ema"]) for file in (theirs, ours))
    assert set(a) == set(b)
    for name in a:
        assert a[name][0] == b[name][0] and a[name][2:] == b[name][2:]
        assert a[name][1] <= b[name][1]  # newer versions of their code have more attributes


def test_our_checkpoint_has_the_keys_of_an_official_one(vectors, tmp_path):
    rosinality.write(rosinality.load(vectors / "rosinality_64.pt"), tmp_path / "ours.pt", licence="")
    theirs, ours = (torch.load(p, weights_only=True) for p in (vectors / "rosinality_64.pt", tmp_path / "ours.pt"))
    assert set(theirs["g_ema"]) == set(ours["g_ema"]) and torch.equal(theirs["latent_avg"], ours["latent_avg"])
    for key, value in theirs["g_ema"].items():
        assert value.shape == ours["g_ema"][key].shape and torch.equal(value, ours["g_ema"][key]), key


def test_the_older_stream_and_a_bare_state_dict(tmp_path):
    g = small(4)
    rosinality.write(g, tmp_path / "new.pt", licence="")
    content = torch.load(tmp_path / "new.pt", weights_only=True)
    content |= {
        "args": argparse.Namespace(size=32, lr=0.002),
        "g_optim": {"state": {0: {"step": torch.tensor(3)}}},
        "ada_aug_p": 0.1,
    }
    torch.save(content, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert equal(read(tmp_path / "old.pt").generator, g) and equal(rosinality.load(tmp_path / "old.pt"), g)
    torch.save(content["g_ema"], tmp_path / "bare.pt")  # without the mean of w, which is then measured
    bare = read(tmp_path / "bare.pt").generator
    assert (
        torch.equal(bare.synthesis.blocks["4"].const, g.synthesis.blocks["4"].const)
        and bare.mapping.w_avg.abs().sum() > 0
    )


@pytest.mark.parametrize("stream", [False, True])
def test_mystyle_saves_the_synthesis_half(stream, tmp_path):
    base, tuned = small(5), small(6)
    nvidia_writer.write_synthesis(tuned, tmp_path / "mystyle_model.pt", zip_file=not stream)
    with pytest.raises(ValueError, match="--mapping-from"):
        read(tmp_path / "mystyle_model.pt")
    with pytest.raises(ValueError, match="StyleGAN2's.*'parts'"):
        read(tmp_path / "mystyle_model.pt", mapping=SimpleNamespace(kind="parts"))
    found = read(tmp_path / "mystyle_model.pt", mapping=base)
    assert found.layout == "mystyle"
    assert all(
        torch.equal(v, base.state_dict()[k])
        for k, v in found.generator.state_dict().items()
        if k.startswith("mapping.")
    )
    assert all(
        torch.equal(v, tuned.state_dict()[k])
        for k, v in found.generator.state_dict().items()
        if k.startswith("synthesis.")
    )


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\n", "neither safetensors"),
        (b"cos\nsystem\n(S'true'\ntR.", "neither safetensors"),
        (b"\x80\x04}.", "G_ema"),
    ],
)
def test_what_else_it_may_be(data, words, tmp_path):
    (tmp_path / "x.pkl").write_bytes(data)
    with pytest.raises(ValueError, match=words):
        read(tmp_path / "x.pkl")


def test_damaged_files_are_refused(tmp_path):
    g = small(7)
    for layout, write in LAYOUTS.items():
        path = tmp_path / layout
        write(g, path)
        whole = path.read_bytes()
        for cut in (20, len(whole) // 2, len(whole) - 40):
            path.write_bytes(whole[:cut])
            with pytest.raises((*nvidia.BAD_DATA, OSError, Exception)):
                read(path)
    g.synthesis.blocks["8"].conv1.weight[0, 0, 0, 0] = float("nan")
    for write in LAYOUTS.values():
        write(g, tmp_path / "nan")
        with pytest.raises(ValueError, match="not finite"):
            read(tmp_path / "nan")


def test_equal_generators_are_equal_bytes():
    assert native.to_bytes(small(1), metadata={"a": 1, "b": 2}) == native.to_bytes(small(1), metadata={"a": 1, "b": 2})
