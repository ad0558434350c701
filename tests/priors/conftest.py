"""A home, priors in it, and a converter in this very process (a locked process takes seconds to start)."""

from __future__ import annotations

import hashlib

import pytest
import torch
from small_generator import generator as small

import portraitist
from portraitist.errors import PriorRefused
from portraitist.priors import locked_process
from portraitist_workers.generator.formats import native, nvidia_writer, rosinality
from portraitist_workers.priors import convert as program


@pytest.fixture
def studio(tmp_path):
    return portraitist.connect(home=tmp_path / "home")


@pytest.fixture
def files(tmp_path):
    """nvidia.pkl, other.pkl, rosinality.pt, own.safetensors, free.safetensors"""
    folder = tmp_path / "files"
    folder.mkdir()
    g = small(11)
    g.mapping.w_avg.copy_(g.mapping(torch.randn(100, 16)).mean(0))
    nvidia_writer.write(g, folder / "nvidia.pkl", licence="")
    nvidia_writer.write(small(12), folder / "other.pkl", licence="")
    rosinality.write(g, folder / "rosinality.pt", licence="")
    native.save(g, folder / "own.safetensors", dtype=torch.float32)
    native.save(g, folder / "free.safetensors", dtype=torch.float32, metadata={"licence": "CC0-1.0"})
    return folder


@pytest.fixture
def in_process(monkeypatch):
    """`locked_process.convert` without the process and its walls."""

    def convert(source, out, *, name, mapping=None):
        lent = None if mapping is None else open(mapping, "rb")
        try:
            return program.convert(source, out, lent) | {"walls": []}
        except Exception as error:
            raise PriorRefused(f"{name} cannot be imported: {error}", param=name) from error
        finally:
            out.flush()
            if lent:
                lent.close()

    monkeypatch.setattr(locked_process, "convert", convert)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
