"""A small random generator of parts as an imported prior, and a person on it. What it draws is no face, but has all parts."""

import copy
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from portraitist.priors.assets import ASSETS, file_sha256
from portraitist.priors.folder_home import FolderHome
from portraitist.priors.record import Licence, PriorRecord, PriorSource
from portraitist.results import Reach
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.generator.formats import native
from portraitist_workers.generator.parts import Parts, PartsConfig
from portraitist_workers.inversion import encoder as encoder_file
from portraitist_workers.persona.axes import Axes
from portraitist_workers.persona.control import Response
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.priors import library

NAME = "tiny-parts"
PARTS = ("background", "skin", "eyes", "nose", "hair")
REACH = [Reach(attribute="yaw", unit="deg", low=-25, high=25)]
CONTROLS = {"eyes_open": ["eyes"], "smile": ["skin", "eyes"], "hair_lightness": ["hair"]}


def install(home):
    """The prior, in the folder of that home."""
    torch.manual_seed(0)
    sizes = {"z_dim": 16, "code_dim": 16, "mapping_layers": 2, "coarse": 32, "smallest": 16, "local_channels": 16}
    config = PartsConfig(128, PARTS, **sizes, feature_channels=16, channels={32: 16, 64: 16, 128: 16})
    generator = Parts(config).eval().requires_grad_(False)
    folder, rng = Path(home) / "priors" / NAME, torch.Generator().manual_seed(0)
    folder.mkdir(parents=True)
    native.save(generator, folder / "generator.safetensors")
    encoder = encoder_file.Encoder(config.w_dim, 1).eval().requires_grad_(False)
    encoder_file.save(encoder, folder / "encoder.safetensors")
    names = load_attributes().names
    steps = 0.02 * torch.randn(len(names), config.w_dim, generator=rng)
    latents = {"w_std": torch.ones(config.w_dim), "steps": steps}
    save_file(latents, str(folder / "latents.safetensors"), metadata={"attributes": json.dumps(list(names))})
    about = {name: {"parts": parts, "low": 0, "high": 1} for name, parts in CONTROLS.items()}
    tensors = {
        "steps": torch.randn(len(about), config.w_dim, generator=rng),
        "readings": torch.zeros(len(about), config.w_dim),
        "offsets": torch.zeros(len(about)),
    }
    save_file(tensors, str(folder / "parts.safetensors"), metadata={"attributes": json.dumps(about)})
    assets = {name: file_sha256(folder / ASSETS[name].file) for name in ("generator", "latents", "encoder", "parts")}
    size = (folder / "generator.safetensors").stat().st_size
    record = PriorRecord(
        name=NAME,
        source=PriorSource(file="tiny", sha256=assets["generator"], bytes=size, layout="native"),
        licence=Licence(note="random numbers", commercial=True),
        resolution=config.resolution,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        num_ws=1,
        mapping_layers=config.mapping_layers,
        parameters=sum(p.numel() for p in generator.parameters()),
        assets=assets,
    )
    (folder / "manifest.json").write_text(record.model_dump_json())
    return FolderHome(folder.parent)


def loaded(home):
    return library.load(NAME, home=FolderHome(Path(home) / "priors"))


def weights(prior):
    """The file of somebody on that prior."""
    rng = torch.Generator().manual_seed(1)
    tuned = copy.deepcopy(prior.generator)
    anchors = 0.5 * torch.randn(6, prior.generator.config.w_dim, generator=rng).to(prior.w_std)
    names = load_attributes().names
    steps = prior.steps_for(names)
    axes = Axes(("yaw",), anchors.mean(0), torch.zeros(1).to(steps), prior.steps_for(("yaw",)))
    embeddings = torch.nn.functional.normalize(torch.randn(6, 128, generator=rng).to(steps), dim=1)
    response = Response(names, steps, torch.eye(len(names), device=steps.device))
    photos = tuple(f"{n}.jpg" for n in range(6))
    return PersonaModel(prior, tuned, anchors, axes, response, embeddings, load_identity().name, photos).to_bytes()


def digest(data):
    return hashlib.sha256(data).hexdigest()
