"""Files say what kind of generator they hold; one row makes another kind known."""

import dataclasses
import hashlib
import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load, save
from small_generator import generator, latents

from portraitist.errors import PriorUnavailable
from portraitist_workers.generator import Generator, StyleGAN2, kinds
from portraitist_workers.generator.config import GeneratorConfig
from portraitist_workers.generator.formats import native
from portraitist_workers.inversion.muon import Muon
from portraitist_workers.inversion.optimize import with_styles
from portraitist_workers.persona import compact
from portraitist_workers.priors.export import export


class Negative(StyleGAN2):
    """Another kind, as small as can be: StyleGAN2's pictures, dark for light."""

    kind = "negative"

    def images(self, w, **more):
        return -super().images(w, **more)


def header(data: bytes) -> dict:
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["generator"])


def test_a_file_without_a_kind_is_a_stylegan2(tmp_path):
    data = native.to_bytes(generator())
    assert "kind" not in header(data)
    assert type(native.read(data)[0]) is StyleGAN2
    # Files of the first kind stay what they were, byte for byte: a prior is known by their digest.
    again = native.to_bytes(native.read(data)[0])
    assert hashlib.sha256(again).digest() == hashlib.sha256(data).digest()


def test_a_kind_that_is_not_known_is_refused_by_name(tmp_path):
    data = native.to_bytes(generator())
    said = {"generator": json.dumps(header(data) | {"kind": "voxels"})}
    path = tmp_path / "generator.safetensors"
    path.write_bytes(save(load(data), metadata=said))
    with pytest.raises(PriorUnavailable, match="'voxels'.*knows stylegan2, parts.*update") as caught:
        native.load(path)
    assert caught.value.param == str(path)


@torch.no_grad()
def test_another_kind_is_one_row(monkeypatch):
    with pytest.raises(PriorUnavailable, match="negative"):
        kinds.named("negative")
    monkeypatch.setitem(kinds.KINDS, "negative", Negative)
    light, dark, w = generator(), Negative(generator().config), latents(2)
    dark.load_state_dict(light.state_dict())
    found, _ = native.read(native.to_bytes(dark))
    assert type(found) is Negative and header(native.to_bytes(dark))["kind"] == "negative"
    assert torch.equal(found.images(w), -light.images(w))


def test_foreign_layouts_have_no_place_for_another_kind(tmp_path):
    other = SimpleNamespace(kind="parts")  # no StyleGAN2
    for layout in ("nvidia", "rosinality"):
        with pytest.raises(ValueError, match=f"{layout}.*'parts'"):
            export(other, tmp_path / "file", layout, licence="")
    assert not list(tmp_path.iterdir())


@torch.no_grad()
def test_a_person_of_another_kind_is_tuned_and_stored(monkeypatch):
    """What personalisation does with a generator, with nothing but what every generator has."""
    prior = Negative(GeneratorConfig(32, z_dim=16, w_dim=16, mapping_layers=2, channel_base=256, channel_max=16))
    prior.eval().requires_grad_(False)
    tuned, w = prior.copy(), latents(2)
    assert tuned.mapping is prior.mapping and (tuned.w_dim, tuned.num_ws, tuned.resolution) == (16, 8, 32)
    optimizer = Muon(tuned, lr=1e-2)
    with torch.enable_grad():
        tuned.images(w, noise="none", until=16).square().mean().backward()
    optimizer.step()
    stored = compact.decode(compact.encode(tuned, prior), prior)
    assert type(stored) is Negative and not torch.equal(stored.images(w), prior.images(w))
    assert (stored.images(w) - tuned.images(w)).abs().max() < 0.5 * (prior.images(w) - tuned.images(w)).abs().max()
    styles = [s + 0.1 for s in prior.styles(w[:1])]
    assert torch.allclose(with_styles(prior, w[:1], styles).images(w[:1]), prior.images(styles), atol=1e-5)


def test_a_kind_that_lacks_something_cannot_be_made():
    class Half(Generator):
        kind = "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()
    assert dataclasses.is_dataclass(StyleGAN2.config_type)
