"""The synthesis opened: steps, entering and stopping anywhere, reading and replacing features, maps of any size."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_generator import latents, noisy

from portraitist_workers.generator.stacked import stack
from portraitist_workers.generator.synthesis import State, Synthesis


@pytest.fixture(scope="module", params=["one", "stacked"])
def synthesis(request) -> Synthesis:
    """A person's, and that of two people in one pass."""
    if request.param == "one":
        return noisy().synthesis
    members = [noisy(0), noisy(1)]
    for a, b in zip(members[0].synthesis.buffers(), members[1].synthesis.buffers(), strict=True):
        b.copy_(a)
    return stack(members)


def states(synthesis: Synthesis, styles, dtype=torch.float32) -> list[State]:
    found = [synthesis.start(len(styles[0]), dtype=dtype)]
    while found[-1].position < synthesis.depth:
        found.append(synthesis.step(found[-1], styles))
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_the_steps_are_the_forward_pass(synthesis, dtype):
    styles = synthesis.styles(latents(2))
    found = states(synthesis, styles, dtype)
    assert len(found) == len(styles) + 1 == len(synthesis.layers()) + 1
    assert torch.equal(found[-1].image, synthesis(styles, dtype=dtype))
    for side in (4, 8, 16, 32):
        after = found[synthesis.position(side, "torgb") + 1]
        assert torch.equal(after.image, synthesis(styles, dtype=dtype, until=side)) and after.image.shape[-1] == side


@torch.no_grad()
def test_layers_say_where_they_are(synthesis):
    layers = synthesis.layers()
    assert [layer.key for layer in layers[:5]] == [(4, "conv1"), (4, "torgb"), (8, "conv0"), (8, "conv1"), (8, "torgb")]
    assert [layer.row for layer in layers] == [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7]
    assert [synthesis.position(*layer.key) for layer in layers] == list(range(len(layers)))
    w = latents(2)
    w_plus = torch.stack([w * k for k in range(8)], 1)
    for layer, style, state in zip(
        layers, synthesis.styles(w_plus), states(synthesis, synthesis.styles(w))[1:], strict=True
    ):
        assert torch.equal(style, layer.module.affine(w * layer.row)) and state.x.shape[-1] == layer.resolution


@torch.no_grad()
def test_a_state_goes_on_from_every_layer(synthesis):
    styles = synthesis.styles(latents(2))
    whole = synthesis(styles)
    for state in states(synthesis, styles):
        assert torch.equal(synthesis.run(state, styles).image, whole)
    halted = synthesis.run(synthesis.start(2), styles, until=(16, "conv0"))
    assert halted.position == synthesis.position(16, "conv1") and halted.image.shape[-1] == 8


@torch.no_grad()
def test_features_are_read_and_replaced_after_every_layer(synthesis):
    styles = synthesis.styles(latents(2))
    whole, seen = synthesis(styles), {}

    def read(key):
        return lambda state: seen.update({key: state})

    keys = [layer.key for layer in synthesis.layers()]
    assert torch.equal(synthesis(styles, hooks={key: read(key) for key in keys}), whole)
    expected = states(synthesis, styles)[1:]
    assert all(torch.equal(seen[k].x, s.x) for k, s in zip(keys, expected, strict=True))
    others = states(synthesis, synthesis.styles(latents(2, seed=2)))[1:]
    for key, other in zip(keys, others, strict=True):
        mixed = synthesis(styles, hooks={key: lambda state, other=other: other})
        assert torch.equal(mixed, synthesis.run(other, styles).image)
        assert not torch.equal(mixed, whole)
    assert torch.equal(synthesis(styles, hooks={(16, "conv0"): lambda state: replace(state, x=state.x)}), whole)


@torch.no_grad()
def test_what_does_not_exist_is_refused(synthesis):
    styles = synthesis.styles(latents(2))
    with pytest.raises(ValueError, match="no layer 'conv0' at 4 px"):
        synthesis(styles, hooks={(4, "conv0"): print})
    with pytest.raises(ValueError, match="64 px"):
        synthesis(styles, until=64)
    with pytest.raises(ValueError, match="noise mode"):
        synthesis(styles, noise="some")
    with pytest.raises(IndexError, match="11 layers"):
        synthesis.step(states(synthesis, styles)[-1], styles)


@torch.no_grad()
def test_maps_of_other_shapes(synthesis):
    styles = synthesis.styles(latents(2))
    start = synthesis.start(2)
    wide = replace(start, x=torch.cat([start.x, start.x], 3))
    assert synthesis.run(wide, styles).image.shape == (2, 3, 32, 64)
    assert synthesis.run(replace(start, x=start.x[:, :, :3]), styles).image.shape == (2, 3, 24, 32)
    assert synthesis.run(wide, styles, noise="random").image.shape == (2, 3, 32, 64)
    assert synthesis.run(replace(start, x=start.x[..., :1]), styles, noise="none").image.shape == (2, 3, 32, 8)


@torch.no_grad()
def test_a_wide_map_has_its_noise_twice():
    layer = noisy().synthesis.blocks["16"].conv1
    assert torch.equal(layer.noise("const", 1, (16, 16))[0, 0], layer.noise_const)
    assert torch.equal(layer.noise("const", 1, (16, 40))[0, 0], layer.noise_const.repeat(1, 3)[:, :40])
    assert torch.equal(layer.noise("const", 1, (24, 8))[0, 0], layer.noise_const.repeat(2, 1)[:24, :8])
    drawn = [layer.noise("random", 2, (8, 24), torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert drawn[0].shape == (2, 1, 8, 24) and torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


@torch.no_grad()
def test_noise_may_be_given(synthesis):
    styles, start = synthesis.styles(latents(2)), synthesis.start(2)
    layer = synthesis.blocks["4"].conv1
    given, stored = synthesis.step(start, styles, noise=layer.noise_const[None, None]), synthesis.step(start, styles)
    assert torch.equal(given.x, stored.x)
    assert not torch.equal(synthesis.step(start, styles, noise=2 * layer.noise_const[None, None]).x, stored.x)


@torch.no_grad()
def test_winograd_looks_at_the_map_that_it_gets(monkeypatch):
    """At the trained size in tiles; where no tiles fit, and where the map is small, directly; the pictures are the same."""
    from portraitist_workers.generator import layers, winograd

    monkeypatch.setattr(winograd, "CHANNELS", 1)
    synthesis, used = noisy().synthesis, []
    plain = winograd.convolution
    monkeypatch.setattr(
        layers.winograd, "convolution", lambda x, kernel: used.append(tuple(x.shape[2:])) or plain(x, kernel)
    )
    styles, start = synthesis.styles(latents(1)), synthesis.start(1)
    synthesis.run(start, styles)
    assert used == [(16, 16), (32, 32)]
    for size, tiles in (((4, 8), [(16, 32), (32, 64)]), ((3, 4), [(24, 32)]), ((5, 5), [(20, 20), (40, 40)])):
        used.clear()
        state = replace(start, x=start.x.repeat(1, 1, 2, 2)[:, :, : size[0], : size[1]])
        image = synthesis.run(state, styles).image
        assert used == tiles
        with monkeypatch.context() as patch:
            patch.setattr(winograd, "CHANNELS", 10**6)
            assert torch.allclose(synthesis.run(state, styles).image, image, atol=1e-4)


@torch.no_grad()
def test_the_loop_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "generator.md").read_text()
    found: dict = {}
    exec(page.split("```python\n")[1].split("```")[0], found)
    assert found["image"].shape == (1, 3, 128, 256) and found["image"].isfinite().all() and found["image"].std() > 0.1
