import torch
from small_generator import distance, generator

from portraitist_workers.inversion.optimize import refine_styles, refine_w, with_styles
from portraitist_workers.inversion.pivotal import tune_to_photo
from portraitist_workers.inversion.reconstruction import Reconstruction


def scene():
    prior = generator(2)
    w = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    return prior, w, prior.synthesis(w), Reconstruction(distance, shift=2)


def error(prior, w, photos):
    return float((prior.synthesis(w) - photos).abs().mean())


def test_refinement_finds_the_photo_in_w_w_plus_and_styles():
    prior, w, photos, loss = scene()
    start = w + 0.5 * torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    before = error(prior, start, photos)
    found = refine_w(prior, photos, start, loss, steps=80, w_std=torch.ones(16), batch=2)
    assert error(prior, found, photos) < 0.5 * before
    plus = refine_w(prior, photos, prior.synthesis.as_w_plus(start), loss, steps=80, w_std=torch.ones(16))
    assert plus.shape == (3, prior.config.num_ws, 16) and error(prior, plus, photos) < 0.5 * before
    styles = refine_styles(prior, photos, prior.synthesis.styles(start), loss, steps=80)
    assert error(prior, styles, photos) < 0.5 * before


def test_styles_can_live_in_the_generator_so_that_edits_move_w():
    prior, w, photos, loss = scene()
    plus = prior.synthesis.as_w_plus(w[:1])
    styles = [s + 0.1 for s in prior.synthesis.styles(plus)]
    shifted = with_styles(prior, plus, styles)
    assert torch.allclose(shifted.synthesis(plus), prior.synthesis(styles), atol=1e-5)
    assert error(shifted, w[:1], photos[:1]) > 1e-3  # and they did change the picture
    offset = [a - b for a, b in zip(shifted.synthesis.styles(w[1:2]), prior.synthesis.styles(w[1:2]), strict=True)]
    assert all(torch.allclose(o, torch.full_like(o, 0.1), atol=1e-5) for o in offset)


def test_pivotal_tuning_fits_the_photo_and_spares_the_anchors():
    prior, w, photos, loss = scene()
    photo = photos[:1].flip(3)
    tuned = tune_to_photo(prior, photo, w[:1], loss, steps=60, anchors=w, lr=3e-3, anchor_weight=3.0)
    free = tune_to_photo(prior, photo, w[:1], loss, steps=60, anchors=None, lr=3e-3)
    assert error(tuned, w[:1], photo) < 0.8 * error(prior, w[:1], photo)
    # Half way to the anchors, where edits of this photo go, pictures change less than without the anchors.
    between = torch.lerp(w[:1].expand(2, -1), w[1:], 0.5)
    before = prior.synthesis(between)
    drift, free_drift = ((g.synthesis(between) - before).abs().mean() for g in (tuned, free))
    assert drift < 0.9 * free_drift
    assert torch.equal(prior.synthesis(w), photos)  # the original is untouched


def test_large_pictures_are_fitted_coarse_to_fine():
    loss = Reconstruction(distance)
    assert [loss.side(256, step, 10) for step in range(10)] == [128] * 4 + [256] * 6
    assert loss.side(128, 0, 10) == 128 and loss.side(32, 0, 10) == 32 and loss.side(1024, 0, 10) == 256
    photo = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    coarse = torch.nn.functional.avg_pool2d(photo, 2)
    assert float(loss(coarse, photo, 0).max()) < 1e-6 < float(loss(coarse + 0.1, photo, 0).min())
    weight = torch.ones(2, 1, 64, 64)
    weight[..., :32] = 0
    damaged = coarse.clone()
    damaged[..., :16] = 1
    assert float(loss(damaged, photo, 0, weight).max()) < 1e-6
