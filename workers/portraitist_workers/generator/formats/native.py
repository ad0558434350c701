"""Our own layout: safetensors with the configuration in the header. Nothing in it can execute."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from portraitist.errors import PriorUnavailable

from .. import Generator, GeneratorConfig

FORMAT = "portraitist-generator-1"


def save(generator: Generator, path: Path, *, dtype: torch.dtype = torch.float16, metadata: dict | None = None) -> None:
    """Write `generator` to `path`; `metadata` is any JSON (licence, source, training figures)."""
    tensors = {k: v.detach().to("cpu", dtype).contiguous() for k, v in generator.state_dict().items()}
    header = {"format": FORMAT, "config": json.dumps(generator.config.to_dict()), "metadata": json.dumps(metadata or {})}
    save_file(tensors, str(path), metadata=header)


def load(path: Path) -> tuple[Generator, dict]:
    """The fp32 generator in `path` and its metadata. Raises PriorUnavailable for missing or damaged files."""
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise PriorUnavailable(f"{path} is not a Portraitist generator (format {header.get('format')!r})", param=str(path))
            generator = Generator(GeneratorConfig.from_dict(json.loads(header["config"])))
            generator.load_state_dict({k: file.get_tensor(k).float() for k in file.keys()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise PriorUnavailable(f"cannot read the generator {path}: {error}. Reinstall portraitist.", param=str(path)) from error
    return generator.eval().requires_grad_(False), json.loads(header["metadata"])
