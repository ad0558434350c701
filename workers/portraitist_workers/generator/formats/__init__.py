"""File layouts of generators. Nothing else in the project knows them; `read` tells them apart by content.

native         our safetensors: one file, config and provenance in the header
nvidia         StyleGAN2-ADA / StyleGAN3-repo pickles (read without executing what they carry), and MyStyle's tuned halves of them
nvidia_writer  the same layout, written
rosinality     rosinality/stylegan2-pytorch checkpoints, both ways
inert          what a pickle may name, and what stands for it
unpickle       pickles as plain data, with bounded work
storages       the tensors in them
assemble       checked sizes, then a generator
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import BinaryIO

from .. import Generator
from . import native, nvidia, rosinality
from .storages import STREAM_MAGIC, ZIP_MAGIC, read_stream, read_zip

LAYOUTS = {
    "native": "Portraitist safetensors",
    "nvidia": "NVIDIA StyleGAN2 pickle",
    "rosinality": "rosinality checkpoint",
    "mystyle": "MyStyle's tuned synthesis network",
}


@dataclass(frozen=True)
class Read:
    """`licence`: what the file itself says, "" when it says nothing. It is a claim."""

    layout: str
    generator: Generator
    licence: str = ""


def read(file: BinaryIO, *, mapping: Generator | None = None) -> Read:
    """The generator in an open file, whatever its name. `mapping` completes a synthesis network that came alone.

    Raises one of nvidia.BAD_DATA, whose message says what the file is instead.
    """
    head = file.read(512)
    file.seek(0)
    if head.startswith(ZIP_MAGIC) or head.startswith(STREAM_MAGIC):
        content = read_zip(file) if head.startswith(ZIP_MAGIC) else read_stream(file)
        if nvidia.is_module(content):
            network = nvidia.module(content)
            whole = "mapping" in (network.state.get("_modules") or {})
            return (
                Read("nvidia", nvidia.whole(network))
                if whole
                else Read("mystyle", nvidia.synthesis_only(network, mapping))
            )
        if rosinality.is_checkpoint(content):
            return Read("rosinality", rosinality.build(content), _text(content.get("licence")))
        raise ValueError(
            "torch wrote it, but it holds no generator (expected g_ema of rosinality's code, or a network of NVIDIA's)"
        )
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= 100_000_000:
        generator, metadata = native.read(file.read())
        return Read("native", generator, _text(metadata.get("licence")))
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= pickle.HIGHEST_PROTOCOL:
        return Read("nvidia", nvidia.read(file))
    raise ValueError(_what_else(head))


def _text(value: object) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _what_else(head: bytes) -> str:
    start = head.lstrip()[:100].lower()
    if not head:
        return "it is empty"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page: the download went wrong"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer: fetch the file itself with `git lfs pull`"
    return "it is neither safetensors, nor a torch checkpoint, nor a pickle of protocol 2 or newer"
