"""SemanticStyleGAN as published, and what its parts promise: masses, independent codes, moving, leaving out."""

import pytest
import reference_vectors
import torch
import torch.nn.functional as F
from reference_vectors import semantic, thinned
from small_generator import part_latents as latents
from small_generator import parts as small

from portraitist.priors import locked_process
from portraitist_workers.generator.formats import native
from portraitist_workers.generator.parts import Composition, Parts, PartsConfig
from portraitist_workers.inversion.muon import Muon
from portraitist_workers.inversion.optimize import with_styles
from portraitist_workers.persona import compact
from portraitist_workers.priors.training.parts.adversary import mask_consistency

TOLERANCE = 1e-4
NAMES = ("background", "skin", "nose", "glasses")


@pytest.fixture(scope="module")
def official():
    vectors = reference_vectors.load("semantic_stylegan_64")
    return {name: torch.from_numpy(v) for name, v in vectors.items() if "/" in name}, *semantic.networks(vectors)


def close(ours: torch.Tensor, reference: torch.Tensor) -> float:
    return (ours - reference).abs().max().item()


@torch.no_grad()
def test_the_generator_is_the_published_one(official):
    vectors, generator, _ = official
    config, w = generator.config, vectors["in/codes"].flatten(1)
    assert close(generator.mapping(vectors["in/z"])[:, : config.code_dim], vectors["in/w_of_z"]) <= TOLERANCE
    expanded = generator.local.expanded(generator.codes(w)).flatten(1, 2)  # 2 + 2 K codes for K L layers
    assert expanded.shape[1] == len(config.parts) * config.layers and config.codes == 2 + 2 * len(config.parts)
    assert torch.equal(expanded[:, ::3], vectors["codes/expanded"])
    made = generator.make(w)
    assert close(made.depths[..., ::2, ::2], vectors["codes/depths"]) <= TOLERANCE
    assert close(thinned(made.segmentation), vectors["codes/seg"]) <= TOLERANCE
    # coordinates that grow by 0.25 in [-1, 1] move a part to the left by an eighth of the picture
    cases = {
        "codes": None,
        "part_moved": Composition(moved={"part3": (-0.125, 0.0625)}),
        "part_dropped": Composition(without=("part4",)),
    }
    for name, composition in cases.items():
        found = generator.make(w, composition)
        shown, masses = thinned(found.image), 2 * found.masses[..., ::2, ::2] - 1
        assert close(shown, vectors[f"{name}/rgb"]) <= TOLERANCE
        assert close(masses, vectors[f"{name}/coarse"]) <= TOLERANCE
        if name != "codes":
            assert min(close(shown, vectors["codes/rgb"]), close(masses, vectors["codes/coarse"])) > 100 * TOLERANCE
    assert close(thinned(generator.images(generator.mapping(vectors["in/z"]))), vectors["z/rgb"]) <= TOLERANCE
    assert mask_consistency(made).item() == pytest.approx(vectors["codes/mask_loss"].item(), rel=1e-5)


def test_the_discriminator_is_the_published_one(official):
    vectors, generator, discriminator = official
    made = generator.make(vectors["in/codes"].flatten(1))
    image, masks = made.image.requires_grad_(), made.segmentation.requires_grad_()
    logits = discriminator(image, masks)
    assert close(logits, vectors["d/out_pair"]) <= TOLERANCE
    assert close(discriminator(image, None), vectors["d/out_image_only"]) <= TOLERANCE
    assert close(logits, vectors["d/out_image_only"]) > 100 * TOLERANCE
    slopes = torch.autograd.grad(logits.sum(), (image, masks))
    for slope, expected in zip(slopes, vectors["d/penalty_image_seg"], strict=True):
        assert slope.square().sum((1, 2, 3)).mean().item() == pytest.approx(expected.item(), rel=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("transparent", [(), ("glasses",)])
def test_masses_add_up_and_a_part_left_out_has_none(transparent):
    generator = small(transparent=transparent)
    w = latents(generator, 2)
    whole, without = generator.make(w), generator.make(w, Composition(without=("nose",)))
    for made in (whole, without):
        assert (made.masses.sum(1) - 1).abs().max() <= 1e-5
    assert without.masses[:, 2].abs().max() == 0 < whole.masses[:, 2].min()
    kept = whole.masses[:, [0, 1, 3]]
    assert torch.allclose(without.masses[:, [0, 1, 3]], kept / kept.sum(1, keepdim=True), atol=1e-6)
    alone = generator.make(w, Composition.only(generator.config, ["skin"]))
    assert torch.equal(alone.masses[:, 1], torch.ones_like(alone.masses[:, 1]))


@torch.no_grad()
def test_each_code_drives_its_own_part():
    """A part's codes change its own depth and features; the base changes all but the background."""
    generator = small()
    config, w = generator.config, latents(generator, 1)
    codes = generator.codes(w)

    def moved_depths(code: int) -> list[bool]:
        other = codes.clone()
        other[:, code] += 1
        before, after = generator.make(w), generator.make(other.flatten(1))
        return [not torch.equal(before.depths[:, k], after.depths[:, k]) for k in range(4)]

    assert moved_depths(config.shape_code("nose")) == [False, False, True, False]
    assert moved_depths(config.texture_code("nose")) == [False] * 4  # what is read after its own layers
    assert moved_depths(0) == moved_depths(1) == [False, True, True, True]
    assert moved_depths(config.shape_code("background")) == [False] * 4  # its depth is 0 by definition


@torch.no_grad()
def test_the_tone_reaches_those_who_follow_it_and_no_others():
    generator = small(toned=("nose",))
    for tone in generator.local.tones:
        tone.weight.normal_(generator=torch.Generator().manual_seed(0))
    codes = generator.codes(latents(generator, 1))
    other = codes.clone()
    other[:, generator.config.texture_code("skin")] += 1
    before, after = (generator.styles(c.flatten(1))[-1].view(4, -1) for c in (codes, other))
    assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [False, True, True, False]


@torch.no_grad()
def test_a_moved_part_takes_its_mask_along():
    generator = small(coarse=16, centred=True)
    w = latents(generator, 1)
    before, after = (generator.make(w, c).depths for c in (None, Composition(moved={"nose": (0.25, 0.125)})))
    assert torch.allclose(after[:, 2, 2:, 4:], before[:, 2, :-2, :-4], atol=1e-4)  # a quarter of 16, and an eighth
    assert torch.equal(after[:, [0, 1, 3]], before[:, [0, 1, 3]])


@torch.no_grad()
def test_smaller_maps_show_the_same_places():
    generator = small(centred=True, octaves=2)
    w = latents(generator, 1)
    large, little = generator.make(w).depths, generator.make(w, coarse=8).depths
    assert (F.avg_pool2d(large, 2) - little).abs().mean() < 0.1 * large.std()


def test_what_it_cannot_do_is_said():
    generator = small()
    with pytest.raises(ValueError, match="'ears'.*there are background, skin, nose, glasses"):
        generator.make(latents(generator, 1), Composition(without=("ears",)))
    with pytest.raises(ValueError, match="name at least one"):
        Composition.only(generator.config, [])
    with pytest.raises(ValueError, match=f"expected w \\[B, {generator.config.w_dim}\\]"):
        generator.images(torch.zeros(1, 3))
    for sizes, said in (
        ({"coarse": 32}, "do not grow"),
        ({"toned": ("ears",)}, "no part 'ears'"),
        ({"code_dim": 10_000}, "its code_dim is 10000"),
        ({"joined": (64,)}, "features join"),
        ({"local_channels": 512, "code_dim": 2048, "parts": tuple(map(str, range(64)))}, "million weights"),
    ):
        with pytest.raises(ValueError, match=said):
            PartsConfig(**({"resolution": 32, "parts": NAMES, "coarse": 16, "smallest": 8} | sizes)).check()


@torch.no_grad()
def test_a_person_of_parts_is_tuned_and_stored(tmp_path):
    """All that personalisation does with a generator."""
    prior = small(toned=("nose",), joint=True)
    prior.mapping.w_avg.normal_(generator=torch.Generator().manual_seed(0))
    path = tmp_path / "generator.safetensors"
    native.save(prior, path, dtype=torch.float32)
    found, _ = native.load(path)
    w = latents(prior, 2)
    assert type(found) is Parts and found.config == prior.config and torch.equal(found.images(w), prior.images(w))
    assert torch.equal(prior.mapping(torch.zeros(1, 8) + 1e-9).isfinite().all(), torch.tensor(True))
    tuned = prior.copy()
    assert tuned.mapping is prior.mapping and (tuned.num_ws, tuned.resolution) == (1, 32)
    optimizer = Muon(tuned, lr=1e-2)
    with torch.enable_grad():
        tuned.images(w, noise="none", until=16).square().mean().backward()
    optimizer.step()
    stored = compact.decode(compact.encode(tuned, prior), prior)
    assert not torch.equal(stored.images(w), prior.images(w))
    assert close(stored.images(w), tuned.images(w)) < 0.5 * close(prior.images(w), tuned.images(w))
    styles = [s + 0.1 for s in prior.styles(w[:1])]
    assert close(with_styles(prior, w[:1], styles).images(w[:1]), prior.images(styles)) <= TOLERANCE
    for layer, style in zip(prior.layers(), prior.styles(w), strict=True):  # what organisers measure W with
        assert torch.allclose(w @ layer.affine.weight.T - style, (w @ layer.affine.weight.T - style)[:1], atol=1e-4)


def test_it_can_be_imported_behind_walls(tmp_path):
    """Everything that its first pass needs was imported before the walls went up."""
    path = tmp_path / "mine.safetensors"
    native.save(small(toned=("nose",), transparent=("glasses",)), path)
    with open(path, "rb") as file, open(tmp_path / "out", "wb") as out:
        report = locked_process.convert(file, out, name="mine.safetensors", mapping=None)
    assert report["layout"] == "native" and report["num_ws"] == 1 and report["resolution"] == 32
    found, _ = native.load(tmp_path / "out")
    assert type(found) is Parts and found.config.toned == ("nose",)
