"""A style on a generator with parts: its local generators stay to the bit, its masks stay where they were, and it can be worn by halves."""

import pytest
import small_generator
import torch

from portraitist.errors import InvalidRequest
from portraitist_workers.priors import library
from portraitist_workers.styles.learning import Learning, Pairs, Schedule
from portraitist_workers.styles.meaning import MASKS, Meaning
from portraitist_workers.styles.worn import worn


def test_only_the_render_network_learns():
    generator = small_generator.parts(toned=("nose",))
    w = small_generator.part_latents(generator, 8)
    pictures = torch.linspace(-1, 1, 32).expand(8, 3, 32, 32).clone()
    learnt = Learning(generator, Pairs(w, pictures), torch.ones(w.shape[1]), Schedule(steps=6, batch=4)).run()
    before = generator.weights()
    changed = {name for name, p in learnt.weights().items() if not torch.equal(p, before[name])}
    assert changed and all(name.startswith("render.") for name in changed)
    assert any(name.startswith("local.") for name in before)
    with torch.no_grad():
        for own, other in (
            (generator.make(w).masses, learnt.make(w).masses),
            (generator.styles(w)[0], learnt.styles(w)[0]),
        ):
            assert torch.equal(own, other)


@torch.no_grad()
def test_worn_by_halves_and_in_a_region():
    generator = library.load("default-parts").generator
    styled = generator.copy()
    for name, p in styled.stylable().items():
        if name.endswith("tomaps.bias"):
            p[:3] += 0.4  # a lighter picture
    w = generator.mapping(torch.randn(1, generator.config.z_dim, generator=torch.Generator().manual_seed(1)))
    own, whole, half = (generator.images(w), *(worn(generator, styled, w, strength=s).image for s in (1.0, 0.5)))
    assert torch.equal(whole, styled.images(w)) and torch.equal(worn(generator, styled, w, strength=0.0).image, own)
    assert torch.allclose(half, (own + whole) / 2, atol=1e-3)
    eyes = worn(generator, styled, w, part="eyes")
    changed = (eyes.image - own).abs().amax(1, keepdim=True)
    assert changed[eyes.where > 0.99].min() > 0.1 and changed[eyes.where == 0].max() == 0
    assert 0 < float(eyes.where.mean()) < 0.2
    with pytest.raises(InvalidRequest, match="takes no colours"):
        worn(generator, styled, w, colours=w)


@torch.no_grad()
def test_lost_masks_are_a_lost_meaning():
    generator = library.load("default-parts").generator
    meaning = Meaning.of(generator, count=4)
    assert meaning.agreement(generator) == 1.0 and meaning.kept(generator)
    broken = generator.copy()
    for name, p in broken.stylable().items():
        if name.endswith("tomaps.weight"):
            p[3:] = p[3:].roll(1, 0)  # each part's mask is another's
    assert meaning.agreement(broken) < MASKS and not meaning.kept(broken)
