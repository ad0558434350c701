"""Every published operation equals the official code on the same generator, within rounding."""

import pytest
import reference_vectors
import torch
import torch.nn.functional as F

from portraitist_workers.collage import spatial
from portraitist_workers.collage.interpolation import Source, interpolate, picture
from portraitist_workers.collage.panorama import span, spans
from portraitist_workers.collage.patches import Patch, copied
from portraitist_workers.collage.transfer import aligned, transferred
from portraitist_workers.collage.weights import of_image, ramp, second
from portraitist_workers.priors import library

TOLERANCE = 1e-4
SIDE = 256


@pytest.fixture(scope="module")
def official():
    return reference_vectors.load("soat_256")


@pytest.fixture(scope="module")
def synthesis():
    return library.load("default-256").generator.synthesis


@pytest.fixture(scope="module")
def source(official, synthesis):
    return lambda number: Source(synthesis, cut(synthesis, official[f"style/{number}"]))


def cut(synthesis, styles):
    """Styles [.., 3008] as a list, one of each layer."""
    widths = [layer.affine.weight.shape[0] for layer in synthesis.layers()]
    return list(torch.from_numpy(styles).view(-1, sum(widths)).split(widths, 1))


def apart(official, name, image):
    return (torch.from_numpy(official[name]) - image.clamp(-1, 1)[0, :, ::16, ::16]).abs().max()


pytestmark = pytest.mark.usefixtures("no_grad")


@pytest.fixture(scope="module")
def no_grad():
    with torch.no_grad():
        yield


def test_the_picture_itself(official, source):
    assert apart(official, "plain/0", source(0).image()) < TOLERANCE
    assert apart(official, "plain/0", source(1).image()) > 0.1  # the negative control


@pytest.mark.parametrize(("direction", "theirs"), [("left-right", "horizontal"), ("top-bottom", "vertical")])
def test_blend(official, source, direction, theirs):
    image = interpolate([source(0), source(1)], second(ramp(direction)))
    assert apart(official, f"blend/{theirs}/0_1", image) < TOLERANCE


def test_merge_and_span(official, synthesis, source):
    a, b = source(0).styles, source(1).styles
    assert apart(official, "merge/0_1", span(synthesis, a, b, begin=0, end=1)) < TOLERANCE
    assert apart(official, "span/0_1", span(synthesis, a, b)) < TOLERANCE


def test_panorama(official, synthesis):
    image = spans(synthesis, cut(synthesis, official["panorama/90/styles"]))
    assert image.shape == (1, 3, SIDE, 4 * SIDE) and apart(official, "panorama/90", image) < TOLERANCE


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "horizontal", "vertical"])
def test_spatial_operations(official, source, mode):
    size = {"horizontal": (8, 16), "vertical": (16, 8)}.get(mode)
    change = (
        (lambda s: spatial.resized(s, *size, mode="nearest")) if size else lambda s: spatial.padded(s, 4, mode=mode)
    )
    one = source(0)
    image = picture(one.synthesis.run(one.start(), one.styles, hooks={(8, "torgb"): change}))
    assert apart(official, f"singan/{mode}/0", image) < TOLERANCE


@pytest.mark.parametrize("part", [0, 1], ids=["mouth", "eyes"])
@pytest.mark.parametrize("kind", ["face", "church"])
def test_box_transfer(official, source, part, kind):
    mask = of_image(published_box(*map(int, official["bbox/boxes_xywh_mouth_eyes"][part])), low_pass=False)
    reference = aligned(source(1), source(0)) if kind == "face" else source(1)
    image = transferred(source(0), reference, mask, exact=False)
    assert apart(official, f"bbox/{['mouth', 'eyes'][part]}/{kind}/0_1", image) < TOLERANCE


def published_box(x, y, width, height):
    """The box, blurred as widely as it is large."""
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[:, :, y : y + height, x : x + width] = 1
    rows, columns = (kernel(side // 2 + side // 2 % 2 + 1) for side in (height, width))
    mask = F.pad(mask, (len(columns) // 2,) * 2 + (len(rows) // 2,) * 2, mode="reflect")
    return F.conv2d(F.conv2d(mask, rows.view(1, 1, -1, 1)), columns.view(1, 1, 1, -1))


def kernel(size):
    values = torch.exp(-0.5 * ((torch.arange(size) - size // 2) / size).square())
    return values / values.sum()


def test_patch_swap(official, source):
    """A hard copy at 16 px. The colours so far are not patched."""
    _, box = official["patch_swap/0_1/boxes_xywh_target_source"]
    x, y, width, height = (int(v) / SIDE for v in box)
    patch = Patch((x, y, x + width, y + height))
    a, b = source(0), source(1)
    other = b.synthesis.run(b.start(), b.styles, until=(16, "torgb"))
    hooks = {(16, "torgb"): lambda state: copied(state, patch, of=other, feather=0)}
    image = picture(a.synthesis.run(a.start(), a.styles, hooks=hooks))
    assert apart(official, "patch_swap/0_1", image) < TOLERANCE
