"""How far a person can be moved: what photos show, and beyond it as far as a made-up face stays the person's and answers."""

from types import SimpleNamespace

import pytest
import torch

from portraitist.errors import OutOfRange
from portraitist.results import Reach
from portraitist_workers.persona import reach
from portraitist_workers.persona.axes import Axes
from portraitist_workers.persona.control import Response
from portraitist_workers.persona.judge import leave_one_out
from portraitist_workers.persona.requests import resolve

NAMES = ("yaw", "smile")


def made_up(*, alike=lambda yaw: torch.cos(yaw.deg2rad()), smiles=1.0):
    """(model, judge): a latent's first two numbers are its yaw and smile, its picture shows both. `alike` is the likeness of a face so far
    turned; the mouth smiles up to `smiles`."""
    steps, anchors = torch.eye(2, 4), torch.zeros(6, 4)
    generator = SimpleNamespace(images=lambda w, dtype: w[:, :, None, None].to(dtype))
    model = SimpleNamespace(
        generator=generator,
        anchors=anchors,
        axes=Axes(NAMES, anchors.mean(0), torch.zeros(2), steps),
        response=Response(NAMES, steps, torch.eye(2)),
    )

    def attributes(images):
        values = torch.stack([images[:, 0, 0, 0], images[:, 1, 0, 0].clamp(max=smiles)], 1).float()
        return values, torch.ones_like(values)

    attributes.names = NAMES

    def identity(images):
        cosine = alike(images[:, 0, 0, 0].float())
        return torch.stack([cosine, (1 - cosine.square()).clamp(min=0).sqrt()], 1)

    embeddings = torch.tensor([[1.0, 0.0]]).repeat(6, 1)
    return model, SimpleNamespace(
        known=True, attributes=attributes, identity=identity, embeddings=embeddings, scale=leave_one_out(embeddings)
    )


PHOTOS = [[-4.0, 0.1], [0.0, 0.2], [6.0, 0.3]]


def measured(**face):
    yaw, smile = reach.measured(reach.of_photos(NAMES, PHOTOS), *made_up(**face))
    return yaw, smile


def test_beyond_the_photos_reach_goes_as_far_as_likeness_holds():
    """cos(18 degrees) is 0.95: of the values tried, 15 is the last."""
    yaw, _ = measured()
    assert (yaw.low, yaw.high) == (-15, 15)
    assert (yaw.photos_low, yaw.photos_high) == (
        pytest.approx(-4.8),
        pytest.approx(6.8),
    )  # the photos, and a little more
    farther, _ = measured(alike=lambda yaw: torch.cos((yaw / 2).deg2rad()))
    assert (farther.low, farther.high) == (-25, 25)
    lopsided, _ = measured(alike=lambda yaw: torch.cos(yaw.clamp(min=0).deg2rad()))
    assert (lopsided.low, lopsided.high) == (-25, 15)


def test_where_likeness_is_lost_at_once_the_photos_are_the_reach():
    yaw, _ = measured(alike=lambda yaw: torch.where(yaw.abs() > 7, 0.5, 1.0))
    assert (yaw.low, yaw.high) == (-5, yaw.photos_high)


def test_what_does_not_answer_is_not_promised():
    _, smile = measured()
    assert smile.high == 1
    _, deaf = measured(smiles=0.5)
    assert smile.photos_high < 0.5 <= deaf.high < 0.8


def test_what_likeness_says_nothing_about_stays_as_the_photos_show_it():
    """A custom attribute has no network that measures it."""
    (found,) = reach.measured(reach.of_photos(("age",), [[30.0], [40.0]]), *made_up())
    assert (found.low, found.high) == (found.photos_low, found.photos_high)


def test_where_nobody_is_known_faces_stay_like_themselves():
    """cos(25.8 degrees) is 0.9, the network's limit here: 25 is the last. A face so far off that nobody would take it for the photos'
    is compared with itself unmoved."""
    model, judge = made_up()
    judge.known, judge.identity.same_person = False, 0.9
    judge.embeddings, judge.scale = judge.embeddings[:0], judge.scale[:0]
    least = [Reach(attribute=name, unit="", low=0.0, high=0.0) for name in NAMES]
    yaw, smile = reach.measured(least, model, judge)
    assert (yaw.low, yaw.high, smile.low, smile.high) == (-25, 25, 0, 1)
    judge.identity.same_person = 0.97  # the control: cos(14 degrees)
    assert reach.measured(least, model, judge)[0].high == 10


def test_strict_may_mean_either_end():
    limits = [Reach(attribute="yaw", unit="deg", low=-20, high=20, photos_low=-5, photos_high=8)]
    assert resolve({"yaw": 30}, limits, strict=False) == {"yaw": 20}
    assert resolve({"yaw": 15}, limits, strict=True) == {"yaw": 15}
    assert resolve({"yaw": 8}, limits, strict="photos") == {"yaw": 8}
    for strict, value, ends in ((True, 21, "-20..20"), ("photos", 15, "-5..8")):
        with pytest.raises(OutOfRange, match=ends):
            resolve({"yaw": value}, limits, strict=strict)
    old = [Reach(attribute="yaw", unit="deg", low=-20, high=20)]  # of a persona made before the photos' part was kept
    assert resolve({"yaw": 15}, old, strict="photos") == {"yaw": 15}
