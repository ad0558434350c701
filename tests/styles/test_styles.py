"""A style changes how faces are drawn and not what latents mean. It is small, and it goes onto anybody's generator."""

import importlib

import pytest
import small_generator
import torch

from portraitist.errors import StorageError
from portraitist.styles.home import BUNDLED, bundled, bundled_bases
from portraitist.styles.record import StyleRecord, read
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.persona.rendering import render
from portraitist_workers.priors import library
from portraitist_workers.styles.delta import OWN, put_on, to_bytes
from portraitist_workers.styles.drawn.face import faces
from portraitist_workers.styles.learning import Learning, Pairs, Schedule
from portraitist_workers.styles.meaning import Meaning, mouth_error
from portraitist_workers.styles.worn import worn

RECORD = StyleRecord(name="x", base="default", base_sha256="0" * 64, pictures=8)


@pytest.fixture(scope="module")
def prior():
    return library.load()


@pytest.fixture(scope="module")
def w(prior):
    """Of eight people, none of whom a style has seen."""
    z = torch.randn(8, prior.generator.config.z_dim, generator=torch.Generator().manual_seed(77))
    with torch.no_grad():
        return prior.generator.mapping(z)


@pytest.fixture(scope="module")
def styled(prior):
    return {name: put_on(bundled(name, "default"), prior.generator, prior.generator) for name in BUNDLED}


# -- learning -----------------------------------------------------------------------------------------------------------


def small_run(steps=6, **more):
    generator = small_generator.generator(resolution=64)
    w = small_generator.latents(8)
    pictures = torch.linspace(-1, 1, 64).expand(8, 3, 64, 64).clone()
    return generator, Learning(generator, Pairs(w, pictures), torch.ones(16), Schedule(steps=steps, batch=4, **more))


def test_only_convolutions_learn():
    generator, learning = small_run()
    learnt = learning.run()
    before = generator.weights()
    changed = {name for name, p in learnt.weights().items() if not torch.equal(p, before[name])}
    assert changed and not any("affine" in name for name in changed)
    assert {name.split(".")[-1] for name in changed} >= {"weight", "bias", "const"}
    assert learnt.mapping is generator.mapping
    w = small_generator.latents(2)
    for own, other in zip(generator.styles(w), learnt.styles(w), strict=True):
        assert torch.equal(own, other)


def test_it_learns_and_goes_on_where_it_was_cut_off():
    losses = []
    whole = small_run(steps=30)[1].run(lambda step, steps, loss: losses.append(loss))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    _, first = small_run(steps=30)
    for _ in range(11):
        first._update()
    state = first.state()
    _, second = small_run(steps=30)
    second.load(state)
    for name, weight in second.run().weights().items():
        assert torch.equal(weight, whole.weights()[name]), name


def test_it_ends_where_the_meaning_is_lost():
    class Lost:
        def kept(self, generator):
            return learning.step < 4

    _, learning = small_run(steps=40, look=2)
    learning.meaning = Lost()
    learning.run()
    assert learning.ended == "meaning" and learning.step == 4


# -- the file -----------------------------------------------------------------------------------------------------------


def test_a_style_goes_onto_a_persons_generator():
    generator, learning = small_run(steps=20)
    style = learning.run()
    person = generator.copy()
    with torch.no_grad():
        for parameter in person.tunable().values():
            parameter.add_(0.1)
    data = to_bytes(style, generator, RECORD)
    assert read(data, "x") == RECORD
    w = small_generator.latents(3)
    plain, both = put_on(data, generator, generator), put_on(data, person, generator)
    assert (render(plain, w) - render(style, w)).abs().mean() < 0.2 * (
        render(style, w) - render(generator, w)
    ).abs().mean()
    name = next(iter(learning.named))
    assert torch.allclose(both.weights()[name], plain.weights()[name] + 0.1 * OWN, atol=1e-6)


def test_a_damaged_style():
    generator, learning = small_run(steps=2)
    data = to_bytes(learning.run(), generator, RECORD)
    with pytest.raises(StorageError, match="learn it again"):
        read(data[:50], "x")
    with pytest.raises(StorageError, match="Learn the style again"):
        put_on(data[:-200], generator, generator)
    with pytest.raises(StorageError, match="another prior"):
        put_on(data, small_generator.generator(), small_generator.generator())


# -- the styles that ship -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "base"), [(name, base) for name in BUNDLED for base in bundled_bases(name)])
def test_a_shipped_style_belongs_to_its_prior_and_is_small(name, base):
    data = bundled(name, base)
    record = read(data, name)
    assert (record.name, record.base, record.base_sha256) == (name, base, library.load(base).sha256)
    assert len(data) < 9_742_338 / 8


@pytest.mark.parametrize("name", [name for name in BUNDLED if "default-256" in bundled_bases(name)])
def test_on_the_larger_prior_mouths_are_where_they_were(name):
    larger = library.load("default-256")
    z = torch.randn(4, larger.generator.config.z_dim, generator=torch.Generator().manual_seed(78))
    style = put_on(bundled(name, "default-256"), larger.generator, larger.generator)
    with torch.no_grad():
        w = larger.generator.mapping(z)
        before, after = (load_mesh()(render(one, w).clamp(-1, 1)) for one in (larger.generator, style))
        others = load_mesh()(render(style, w.roll(1, 0)).clamp(-1, 1))
    assert (after.presence > 0.5).all()
    assert mouth_error(before, after).mean() < 0.04 < mouth_error(before, others).mean()


@pytest.mark.parametrize("name", BUNDLED)
def test_strength(prior, styled, w, name):
    own, style = prior.generator, styled[name]
    assert torch.equal(worn(own, style, w[:1], strength=0).image, render(own, w[:1]))
    assert torch.equal(worn(own, style, w[:1], strength=1).image, render(style, w[:1]))
    way = [worn(own, style, w[:2], strength=t / 4).image for t in range(5)]
    steps = [float((b - a).abs().mean()) for a, b in zip(way, way[1:], strict=False)]
    left = [float((one - way[-1]).abs().mean()) for one in way]
    assert left == sorted(left, reverse=True) and max(steps) < 3 * sum(steps) / 4


def test_colours_come_from_another_latent(prior, styled, w):
    """Its own latent's change nothing. Another's change colours, and leave the mouth where it was."""
    own, toon = prior.generator, styled["toon"]
    plain = worn(own, toon, w[:4])
    assert torch.equal(worn(own, toon, w[:4], colours=w[:4]).image, plain.image)
    coloured = worn(own, toon, w[:4], colours=w[4:8])
    whole = worn(own, toon, w[4:8])
    colour = [one.image.mean((2, 3)) for one in (plain, coloured, whole)]
    assert (colour[1] - colour[2]).abs().mean() < 0.5 * (colour[0] - colour[2]).abs().mean()
    before, after, others = (load_mesh()(one.image.clamp(-1, 1)) for one in (plain, coloured, whole))
    assert mouth_error(before, after).mean() < 0.05 < mouth_error(before, others).mean()


@pytest.mark.parametrize(("name", "part"), [("toon", "hair"), ("clay", "eyes"), ("pencil", "background")])
def test_outside_the_region_nothing_changes(prior, styled, w, name, part):
    made = worn(prior.generator, styled[name], w[:1], part=part)
    outside = (made.where == 0).expand_as(made.image)
    assert 0.02 < (~outside).float().mean() < 0.9
    assert torch.equal(made.image[outside], made.plain[outside])
    assert (made.image - made.plain)[~outside].abs().mean() > 0.03


@pytest.mark.parametrize("name", BUNDLED)
def test_what_a_style_must_leave(prior, styled, w, name):
    """Faces are found, and mouths are where they were; other people's mouths are not."""
    before, after = load_mesh()(render(prior.generator, w)), load_mesh()(render(styled[name], w).clamp(-1, 1))
    others = load_mesh()(render(styled[name], w.roll(1, 0)).clamp(-1, 1))
    assert (after.presence > 0.5).float().mean() >= 0.75
    assert mouth_error(before, after).mean() < 0.06 < mouth_error(before, others).mean()


def test_meaning_is_lost_by_other_weights(prior):
    meaning = Meaning.of(prior.generator, count=8)
    assert meaning.kept(prior.generator)
    other = prior.generator.copy()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in other.tunable().values():
            if parameter.ndim > 1:
                parameter.add_(parameter.std() * torch.randn(parameter.shape, generator=rng))
    assert not meaning.kept(other)


@pytest.mark.parametrize("name", BUNDLED)
def test_drawings_differ_from_faces_and_from_each_other(prior, w, name):
    images = render(prior.generator, w[:2])
    draw = importlib.import_module(f"portraitist_workers.styles.drawn.{name}").draw
    drawn = [draw(face) for face in faces(images)]
    assert all(one.shape == (256, 256, 3) and 0 <= one.min() and one.max() <= 1 for one in drawn)
    assert abs(drawn[0] - drawn[1]).mean() > 0.02
    assert all(abs(one - face.image).mean() > 0.05 for one, face in zip(drawn, faces(images), strict=True))
