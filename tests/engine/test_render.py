"""What holds of every rendered portrait."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist_workers.priors.engine.canvas import SHAPES, Canvas
from portraitist_workers.priors.engine.compose import Engine
from portraitist_workers.priors.engine.labels import LABEL_FIELDS, WIDTH, Labels
from portraitist_workers.priors.engine.light import lamp, shade
from portraitist_workers.priors.engine.prepare import crisp
from portraitist_workers.priors.engine.sample import draw
from portraitist_workers.priors.engine.template import JAW, MOUTH_CORNERS
from portraitist_workers.priors.engine.view import crop_square

SIZE = 128
PLAIN = Labels(seed=3, people=(0, 1), flips=(False, True), weights=(0.6, 0.4), donor=0, grain=0.0, blur=0.0)


@pytest.fixture(scope="module")
def engine(canvas):
    return Engine(canvas, SIZE)


def drawn(canvas, seed, **fixed):
    return draw(np.random.default_rng(seed), canvas, np.arange(len(canvas.ids)), **fixed)


def test_the_same_seed_gives_the_same_picture(canvas, engine):
    first, again = (engine.render(drawn(canvas, 5)) for _ in range(2))
    assert first.labels == again.labels and len(first.labels.shape) == SHAPES
    assert np.array_equal(first.image, again.image) and np.array_equal(first.alpha, again.alpha)
    other = engine.render(replace(drawn(canvas, 5), shape=drawn(canvas, 6).shape))
    assert not np.array_equal(first.image, other.image)


def shape_of(*weights):
    return weights + (0.0,) * (SHAPES - len(weights))


def test_the_shape_has_its_own_places_in_the_vector(canvas, engine):
    with_shape, without = (
        engine.render(replace(PLAIN, smile=0.7, shape=shape)).labels for shape in (shape_of(0.9, -0.6, 0.4), shape_of())
    )
    vectors = [labels.to_vector(len(canvas.ids)) for labels in (with_shape, without)]
    assert len(vectors[0]) == WIDTH + 4 * len(canvas.ids)
    changed = set(np.flatnonzero(np.abs(vectors[0] - vectors[1]) > 1e-4)) - {
        LABEL_FIELDS["mouth_open"].start
    }  # that one is measured
    assert changed == {LABEL_FIELDS["shape"].start + i for i in range(3)}
    assert with_shape.smile_geo == pytest.approx(
        without.smile_geo, abs=1e-4
    )  # the shape moves both ends of the smile alike
    assert with_shape.smile_geo > 0.3


@pytest.mark.parametrize("yaw", [-20.0, 0.0, 25.0])
@pytest.mark.parametrize("shape", [(), (1.0, -1.0, 1.0, 0.8, -0.8)])
def test_eyes_and_mouth_lie_where_the_crop_expects_them(engine, yaw, shape):
    """From the pictures' own map of places: the FFHQ square through the eyes and mouth corners that are seen is the picture."""
    picture = engine.render(replace(PLAIN, yaw=yaw, shape=shape_of(*shape)), geometry=True)
    points = engine.mixer.canvas.layout[[0, 1, *MOUTH_CORNERS]]
    seen = np.array([place(picture.uv, (point + 0.5) / 512) for point in points])
    centre, side = crop_square(seen)
    assert np.abs(centre - (SIZE - 1) / 2).max() < 1.0
    assert side == pytest.approx(SIZE, rel=0.02)


@pytest.mark.parametrize("height", [-60, 30])
def test_the_jaw_shades_the_neck_where_they_meet(engine, height):
    """Also where the lamp shines from below, and more where it shines from above; the cheeks have none of it."""
    mix = engine.mixer.mix(PLAIN)
    regions = engine.mixer.regions
    lamp_from = np.array([0.0, np.sin(np.radians(height)), np.cos(np.radians(height))])
    sh = np.array([1.0] + [0.0] * 8) + lamp(lamp_from, 0.5)
    none = np.zeros_like(mix.jaw_shadow)
    (shaded, _), (bare, _) = (
        shade(mix.pos, np.eye(3), sh, np.ones(3), mix.inner, mask) for mask in (mix.jaw_shadow, none)
    )
    ratio = (shaded / bare)[..., 0]
    column = ratio[:, ratio.shape[1] // 2]
    meeting = column.argmin()
    jaw = regions.points[JAW[5], 1] * len(column) / regions.face.shape[0]
    assert 0 <= meeting - jaw < 0.05 * len(column)
    assert column[meeting] < (0.85 if height < 0 else 0.65) and column[: int(jaw) - 6].min() > 0.99
    assert column[-1] > column[meeting] + 0.1  # further down it fades


def place(uv, wanted):
    """Pixel (x, y) whose place on the canvas is the nearest to `wanted` in [0, 1]."""
    distance = np.nan_to_num(np.linalg.norm(uv - wanted, axis=-1), nan=9)
    near = np.exp(-((distance / 0.006) ** 2))
    y, x = np.mgrid[: len(uv), : len(uv)]
    return np.array([(near * x).sum(), (near * y).sum()]) / near.sum()


def test_a_cache_of_an_older_version_is_named(tmp_path):
    (tmp_path / "meta.json").write_text('{"canvas": 512, "grid": 256}')
    with pytest.raises(FileNotFoundError, match=r"lacks .*identity.* build it again"):
        Canvas.load(tmp_path)


def test_nobody_appears_alone(canvas):
    for seed in range(50):
        labels = drawn(canvas, seed)
        assert len(labels.people) >= 2 and max(labels.weights) <= 0.7
        assert np.abs(labels.shape).max() <= 2 * 0.5 and np.std(labels.shape) > 0.2


def test_textures_are_crisp_inside_the_matte_alone():
    rng = np.random.default_rng(0)
    tex = np.clip(rng.normal(128, 10, (2, 1, 256, 256, 3)), 0, 255).astype(np.uint8)
    alpha = np.zeros((2, 1, 256, 256), np.uint8)
    alpha[..., :128] = 255
    tex[..., 128:, :] = 255  # a white wall behind
    out = crisp(tex, alpha)
    assert np.array_equal(out[..., 128:, :], tex[..., 128:, :])
    assert 1.3 < out[..., :120, :].std() / tex[..., :120, :].std() < 1.5
    edge, inner = (out[..., column, :].mean() - tex[..., column, :].mean() for column in (127, 60))
    assert abs(edge) < 0.5 and abs(inner) < 0.5  # no dark line beside the white
    flat = np.full((1, 1, 512, 512, 3), 90, np.uint8)
    assert np.array_equal(crisp(flat, np.full((1, 1, 512, 512), 255, np.uint8)), flat)


def test_half_of_the_pictures_have_a_good_lens(canvas):
    blurs = np.array([drawn(canvas, seed).blur for seed in range(200)])
    assert 0.4 < (blurs == 0).mean() < 0.6 and 0.4 < blurs.max() <= 0.55
