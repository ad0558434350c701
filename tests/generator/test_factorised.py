"""Directions without labels: in their part's codes alone, the strongest first, and stronger than directions by chance."""

import pytest
import torch
from small_generator import part_latents as latents
from small_generator import parts as small

from portraitist.errors import OutOfRange
from portraitist.priors.parts import UNLABELLED
from portraitist_workers.composing.factorised import factorised, strongest


def styles_of(generator, code, change):
    """How far the styles of all layers go with a change of one code."""
    config = generator.config
    whole = torch.zeros(config.codes, config.code_dim)
    whole[code] = change
    return torch.cat([view.weight @ whole.flatten() for view in generator.local.affine_views()]).norm()


def test_each_moves_the_codes_of_its_part_alone():
    generator, w = small(), latents(small(), 2)
    config, controls = generator.config, factorised(generator)
    assert controls.of("nose") == list(UNLABELLED) == controls.of("background")
    for name in UNLABELLED:
        moved = controls.set(config, w, "nose", {name: 1.5}) - w
        code = config.shape_code("nose") if name.startswith("shape") else config.texture_code("nose")
        assert torch.nonzero(moved.view(2, config.codes, -1).abs().sum((0, 2))).flatten().tolist() == [code]
        back = controls.set(config, w + moved, "nose", {name: -1.5})
        assert torch.allclose(back, w, atol=1e-5)  # added to what is there
    with pytest.raises(OutOfRange, match="shape_1=4 is beyond -3 to 3"):
        controls.set(config, w, "nose", {"shape_1": 4.0})
    assert torch.equal(controls.steps, factorised(generator).steps)


def test_the_strongest_comes_first_and_beats_chance():
    """Chance: other latents' codes, which are as likely as a standard deviation along a direction, times the root of their number."""
    generator = small()
    config, controls = generator.config, factorised(generator)
    code = config.shape_code("nose")
    steps = controls.steps.view(len(UNLABELLED), config.codes, -1)[:3, code]
    first, second, third = (styles_of(generator, code, step) for step in steps)
    assert first >= second >= third > 0
    codes = generator.mapping(torch.randn(64, config.z_dim, generator=torch.Generator().manual_seed(5)))
    codes = codes.detach().view(64, config.codes, -1)[:, code]
    spread = (codes - codes.mean(0)) / codes.shape[1] ** 0.5
    assert first > 1.2 * torch.stack([styles_of(generator, code, change) for change in spread]).mean()


def test_numbers_that_hardly_vary_have_no_direction():
    codes = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.5, 1e-4, 0.0])
    affine = torch.eye(4) * torch.tensor([1.0, 4.0, 1e6, 1e6])
    found = strongest(codes, affine)
    assert len(found) == 2 and found[0].abs().argmax() == 1 and found[1].abs().argmax() == 0
    assert max(direction[2:].abs().max() for direction in found) < 1e-3
    assert all(direction.abs().max() == direction.max() for direction in found)
