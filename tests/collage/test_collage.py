"""What holds of every use, on the bundled generator: nothing asked is nothing done, borders hold, joins do not show."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from portraitist_workers.collage import spatial
from portraitist_workers.collage.interpolation import Source, interpolate, picture
from portraitist_workers.collage.panorama import canvas, smoothed, strip
from portraitist_workers.collage.patches import Patch, copied, random_patches, variation
from portraitist_workers.collage.transfer import transferred
from portraitist_workers.collage.weights import feathered, of_image, ramp, second
from portraitist_workers.priors import library


@pytest.fixture(scope="module", autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def generator():
    return library.load().generator


@pytest.fixture(scope="module")
def styles(generator):
    """Of eight people."""
    z = torch.randn(8, generator.config.z_dim, generator=torch.Generator().manual_seed(3))
    return generator.styles(generator.mapping.truncate(generator.synthesis.as_w_plus(generator.mapping(z)), 0.7))


@pytest.fixture(scope="module")
def source(generator, styles):
    return lambda number: Source(generator.synthesis, [s[number : number + 1] for s in styles])


def flat(value):
    return lambda size: torch.full((1, 1, *size), float(value))


@pytest.fixture(scope="module")
def mouth():
    mask = torch.zeros(1, 1, 128, 128)
    mask[:, :, 78:102, 44:84] = 1
    return feathered(mask, 6)


# -- interpolation ------------------------------------------------------------------------------------------------------


def test_at_0_and_1_it_is_one_picture(source):
    a, b = source(0), source(1)
    assert torch.equal(interpolate([a, b], second(flat(0))), a.image())
    assert torch.equal(interpolate([a, b], second(flat(1))), b.image())
    half = interpolate([a, b], second(flat(0.5)))
    assert (half - a.image()).abs().mean() > 0.02 and (half - b.image()).abs().mean() > 0.02


def test_three_sources(source):
    thirds = torch.zeros(1, 3, 1, 3)
    thirds[0, :, 0] = torch.eye(3)
    weights = lambda position, size: thirds.repeat_interleave(size[1], 3)[..., : 3 * size[1] : 3].expand(-1, -1, *size)  # noqa: E731
    image = interpolate([source(0), source(1), source(2)], weights)
    for number, columns in enumerate((slice(8, 24), slice(56, 72), slice(104, 120))):
        away = [(image - source(k).image())[..., columns].abs().mean() for k in range(3)]
        assert away[number] == min(away)


def test_the_left_is_the_one_and_the_right_the_other(source):
    a, b = source(0), source(1)
    image = interpolate([a, b], second(ramp()))
    bins = [
        ((image - a.image()).abs()[..., k : k + 16].mean() - (image - b.image()).abs()[..., k : k + 16].mean())
        for k in range(0, 128, 16)
    ]
    left, middle, right = (sum(part) / len(part) for part in (bins[:3], bins[3:5], bins[5:]))
    assert left < middle < right and left < 0 < right


def test_outside_nothing_changes(source, mouth):
    a, b = source(0), source(1)
    exact = transferred(a, b, of_image(mouth))
    outside = (mouth == 0).expand_as(exact)
    assert torch.equal(exact[outside], a.image()[outside])
    assert (exact - a.image())[~outside].abs().mean() > 0.02
    assert not torch.equal(transferred(a, b, of_image(mouth), exact=False)[outside], a.image()[outside])  # the control


def test_a_feather_ends(mouth):
    assert set(torch.unique(mouth[:, :, 78:102, 44:84]).tolist()) == {1.0}
    assert mouth[:, :, :71].max() == 0 and 0 < mouth[0, 0, 75, 60] < 1


# -- spatial operations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        partial(spatial.padded, columns=0),
        partial(spatial.shifted, down=0, right=0),
        partial(spatial.resized, height=8, width=8),
    ],
)
def test_no_change_is_none(source, change):
    one = source(0)
    image = picture(one.synthesis.run(one.start(), one.styles, hooks={(8, "torgb"): change}))
    assert torch.equal(image, one.image())


def test_a_circular_picture_has_no_border(source):
    """The gradient across the border, against that of the columns inside; with zeros about the map it shows."""

    def wrap(step):
        found = []
        for number in range(8):
            one = source(number)
            state = one.synthesis.run(one.start(), one.styles, until=(8, "torgb"))
            state = spatial.padded(state, 4, mode="circular")
            while state.position < len(one.styles):
                state = step(one.synthesis, state, one.styles)
            image = picture(state)
            inside = (image[..., 1:] - image[..., :-1]).abs().mean()
            found.append(float((image[..., 0] - image[..., -1]).abs().mean() / inside))
        return sum(found) / len(found)

    assert wrap(spatial.circular_step) < 1.25
    assert wrap(lambda synthesis, state, styles: synthesis.step(state, styles)) > 1.5


# -- patches ------------------------------------------------------------------------------------------------------------


def test_patches(source):
    one = source(0)
    box = (0.3, 0.3, 0.6, 0.6)
    assert torch.equal(variation(one, [Patch(box)]), one.image())
    made = [variation(one, [Patch(box, down=way)], layers=(8,)) for way in (0.02, 0.04, -0.04)]
    near, far, other = ((image - one.image()).abs().mean() for image in made)
    assert 0.002 < near < far and (made[1] - made[2]).abs().mean() > max(far, other)


def test_a_patch_moves_by_less_than_a_cell(source):
    """Where a bright column lies in a map of 8 cells, after a patch has moved it by a third of a cell; and by a whole one."""
    x = torch.zeros(1, 1, 8, 8)
    x[..., 3] = 1
    state = source(0).start()
    for way in (1 / 24, 1 / 8):
        moved = copied(replace(state, x=x), Patch((0, 0, 1, 1), right=way), feather=0).x
        assert abs(float((moved * torch.arange(8)).sum() / moved.sum()) - 3 - 8 * way) < 1e-5
    whole = copied(replace(state, x=x), Patch((0.25, 0, 0.75, 1), right=1 / 8), feather=0).x
    assert (whole[..., 4] - 1).abs().max() < 1e-6 and whole[..., [0, 1, 2, 5, 6, 7]].abs().max() < 1e-6


def test_a_patch_leaves_no_seam(source):
    """The step across the border of a patch that was moved in features, of that within it; pasted pixels are the control."""
    left, top, right, bottom = (round(128 * share) for share in (0.4, 0.45, 0.7, 0.75))
    down = 16

    def seam(image):
        steps = image.diff(dim=2).abs()[0].mean(0)[:, left:right].mean(1)
        return float(
            (steps[top + down - 1] + steps[bottom + down - 1]) / (2 * steps[top + down : bottom + down - 1].mean())
        )

    found, pasted = [], []
    for number in range(6):
        plain = source(number).image()
        patch = Patch((left / 128, top / 128, right / 128, bottom / 128), down=down / 128)
        found.append(seam(variation(source(number), [patch])))
        hard = plain.clone()
        hard[:, :, top + down : bottom + down, left:right] = plain[:, :, top:bottom, left:right]
        pasted.append(seam(hard))
    assert sum(found) / 6 < 1.25 < 1.5 < sum(pasted) / 6


def test_drawn_patches(source):
    drawn = [random_patches(3, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 6
    for within in ((0, 0, 1, 1), (0.2, 0.15, 0.8, 0.9)):
        for patch in random_patches(50, generator=torch.Generator().manual_seed(0), reach=0.3, within=within)[::2]:
            left, top, right, bottom = patch.box
            for x, y in ((0, 0), (patch.right, patch.down)):
                assert within[0] - 1e-6 <= left + x and right + x <= within[2] + 1e-6
                assert within[1] - 1e-6 <= top + y and bottom + y <= within[3] + 1e-6
    one, twin = drawn[0][:2]
    assert twin.right == -one.right and abs(twin.box[0] + one.box[2] - 1) < 1e-6
    made = [variation(source(0), patches, layers=(8,)) for patches in (drawn[0], drawn[2])]
    assert (made[0] - made[1]).abs().mean() > 0.005


# -- panorama -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vertical", [False, True])
def test_tiles_are_those_of_the_whole(generator, styles, vertical):
    axis = 2 if vertical else 3
    some = [s[:4] for s in styles]
    whole = canvas(generator.synthesis, some, axis=axis)
    tiles = torch.cat(list(strip(generator.synthesis, some, vertical=vertical)), axis)
    assert whole.shape == tiles.shape and (whole - tiles).abs().max() < 1e-5
    assert (whole.narrow(axis, 0, 128) - whole.narrow(axis, 128, 128)).abs().mean() > 0.05


def test_joins_do_not_show(generator, styles, source):
    """Columns at the border of two tiles, against the same columns of single pictures, and of pictures side by side."""
    image = torch.cat(list(strip(generator.synthesis, styles)), 3)
    alone = torch.cat([source(k).image() for k in range(8)], 3)
    joins = torch.arange(128, 8 * 128, 128)
    gradient = lambda x: (x[..., joins] - x[..., joins - 1]).abs().mean()  # noqa: E731
    ordinary = (alone[..., 1:] - alone[..., :-1]).abs().mean()
    assert gradient(image) < 1.5 * ordinary < 2.0 * ordinary < gradient(alone)


def test_a_smooth_walk():
    z = torch.randn(12, 64, generator=torch.Generator().manual_seed(0))
    walk = smoothed(z)
    steps = (walk - walk.roll(1, 0)).square().mean()
    assert walk.square().mean() == pytest.approx(1, abs=1e-5) and steps < 0.7 * (z - z.roll(1, 0)).square().mean()
