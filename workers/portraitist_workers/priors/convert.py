"""Converts one foreign weights file, in a process of its own that has locked itself in first.

    python -m portraitist_workers.priors.convert --source FD --out FD [--mapping FD]

The caller opens the files and hands over descriptors; this process cannot open any. It prints one line of JSON.
"""

from __future__ import annotations

import argparse
import codecs
import io
import json
import math
import os
import time
import warnings
from typing import BinaryIO, NoReturn

import torch

from ..generator import GeneratorConfig, StyleGAN2, formats, winograd
from ..generator.formats import native, nvidia_writer, rosinality
from ..generator.layers import ModulatedConv
from ..generator.parts import Parts, PartsConfig
from . import lockdown
from .probe import probe

MEMORY = 3 * 2**30  # bytes on top of what torch itself takes: the file, its tensors, their copies
SECONDS = 60  # processor time; a training checkpoint of 1024 px (0.9 GB, with optimisers) takes 4
OUTPUT = 2 * 2**30  # bytes of safetensors


def main(argv: list[str] | None = None) -> NoReturn:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("source", "out", "mapping"):
        parser.add_argument(f"--{name}", type=int, required=name != "mapping", help="an open file descriptor")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    _warm_up()
    source = os.fdopen(options.source, "rb")
    out = os.fdopen(options.out, "wb")
    mapping = None if options.mapping is None else os.fdopen(options.mapping, "rb")
    walls = lockdown.lock(memory=MEMORY, seconds=SECONDS, output=OUTPUT)
    began = time.monotonic()
    try:
        report = lockdown.guarded(lambda: convert(source, out, mapping))
    except Exception as error:  # whatever it is, the file brought it about
        summary = str(error).splitlines()[0][:500] if str(error) else type(error).__name__
        if isinstance(error, MemoryError) or "memory" in summary.lower():
            summary = f"reading it takes more than {MEMORY >> 30} GiB of memory"
        report = {"refused": summary}
    assert isinstance(report, dict)
    out.flush()
    print(json.dumps(report | {"walls": walls, "seconds": round(time.monotonic() - began, 2)}), flush=True)
    os._exit(0)  # what libraries do at exit would run into the walls


def convert(source: BinaryIO, out: BinaryIO, mapping: BinaryIO | None) -> dict:
    """Writes safetensors to `out`; returns what the manifest says about the generator."""
    base = None if mapping is None else native.read(mapping.read())[0]
    found = formats.read(source, mapping=base)
    generator, config = found.generator, found.generator.config
    fingerprint = probe(generator)
    if not all(math.isfinite(x) for x in fingerprint):  # what does not draw is no generator, whatever its shapes say
        raise ValueError("its pictures are not finite: the weights are damaged")
    out.write(native.to_bytes(generator, metadata={"layout": found.layout, "licence": found.licence}))
    return {
        "layout": found.layout,
        "licence": found.licence,
        "resolution": config.resolution,
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "num_ws": config.num_ws,
        "mapping_layers": config.mapping_layers,
        "parameters": sum(p.numel() for p in generator.parameters()),
        "probe": fingerprint,
    }


def _warm_up() -> None:
    """Runs every path once on a tiny generator of our own, so that nothing has to be imported behind the walls."""
    import pathlib
    import tempfile

    for codec in ("cp437", "latin1", "ascii", "utf-8"):  # names in archives, strings in pickles
        codecs.lookup(codec)
    wide = {4: 4, 8: 4, 16: winograd.CHANNELS}  # enough for every way to convolve
    tiny = StyleGAN2(GeneratorConfig(16, z_dim=4, w_dim=4, mapping_layers=1, channels=wide, conv_clamp=256.0))
    with torch.no_grad():
        for layer in tiny.layers():
            if isinstance(layer.module, ModulatedConv):
                layer.module.noise_strength.fill_(0.1)
    own = native.to_bytes(tiny)
    parts = Parts(
        PartsConfig(32, ("here", "there"), 4, 4, 1, coarse=16, smallest=8, toned=("there",), tone="here", joint=True)
    )
    for whole in (own, native.to_bytes(parts)):
        convert(io.BytesIO(whole), io.BytesIO(), None)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tiny"
        for write in (nvidia_writer.write, nvidia_writer.write_synthesis, rosinality.write):
            write(tiny, path, licence="")
            with open(path, "rb") as file:
                convert(file, io.BytesIO(), io.BytesIO(own))
    for nonsense in (b"PK\x03\x04" + bytes(100), b"\x80\x04K\x01.", b"nonsense", b"\x80\x02}q\x00("):
        try:
            convert(io.BytesIO(nonsense), io.BytesIO(), None)
        except Exception as error:
            json.dumps(str(error))


if __name__ == "__main__":
    main()
