"""Our own layout: safetensors with kind and configuration in the header. Nothing in it can execute.

A file without a kind holds the first one, StyleGAN2. It is written so, because a prior is known by the digest of its file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from portraitist.atomic import write_atomically
from portraitist.errors import PriorUnavailable

from ..kinds import FIRST, named
from ..protocol import Generator
from .assemble import assemble

FORMAT = "portraitist-generator-1"
_LONGEST_HEADER = 2**20  # bytes; one of 1024 px has about 25,000


def to_bytes(generator: Generator, *, dtype: torch.dtype = torch.float32, metadata: dict | None = None) -> bytes:
    """Equal generators and metadata give equal bytes (so the header has one entry: safetensors shuffles several)."""
    tensors = {k: v.detach().to("cpu", dtype).contiguous() for k, v in generator.state_dict().items()}
    header = {"format": FORMAT, "config": generator.config.to_dict(), "metadata": metadata or {}}
    if generator.kind != FIRST:
        header["kind"] = generator.kind
    return save_tensors(tensors, metadata={"generator": json.dumps(header)})


def save(generator: Generator, path: Path, *, dtype: torch.dtype = torch.float16, metadata: dict | None = None) -> None:
    """Write `generator` to `path`; `metadata` is any JSON (licence, source, training figures)."""
    write_atomically(path, to_bytes(generator, dtype=dtype, metadata=metadata))
    path.chmod(0o644)


def read(data: bytes) -> tuple[Generator, dict]:
    """The fp32 generator in `data` and its metadata. Raises PriorUnavailable for an unknown kind, ValueError and
    whatever safetensors raises for anything else."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data) - 8, _LONGEST_HEADER):
        raise ValueError("it is no safetensors file, or its header is longer than any generator's")
    header = _header(json.loads(data[8 : 8 + length]).get("__metadata__") or {})
    kind, tensors = named(header.get("kind", FIRST)), load_tensors(data)
    config = kind.config_type.from_dict(header["config"])
    return assemble(kind, config, lambda name: tensors[name].float()), header["metadata"]


def load(path: Path) -> tuple[Generator, dict]:
    """The same from a file. Raises PriorUnavailable for missing or damaged files and unknown kinds."""
    try:
        return read(Path(path).read_bytes())
    except PriorUnavailable as error:
        raise PriorUnavailable(f"cannot read the generator {path}: {error}", param=str(path)) from error
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PriorUnavailable(
            f"cannot read the generator {path}: {error}. Reinstall portraitist, or add the prior again.",
            param=str(path),
        ) from error


def _header(entries: dict[str, str]) -> dict[str, Any]:
    """The header's entries; early files have one entry each."""
    header = (
        json.loads(entries["generator"])
        if "generator" in entries
        else {"format": entries.get("format"), **{k: json.loads(entries.get(k, "{}")) for k in ("config", "metadata")}}
    )
    if header["format"] != FORMAT:
        raise ValueError(f"it is not a Portraitist generator (format {str(header['format'])[:40]!r})")
    return header
