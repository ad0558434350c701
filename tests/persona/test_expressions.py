"""What follows a smile."""

from types import SimpleNamespace

import pytest
import torch

from portraitist_workers.persona.expressions import USUAL, followed, relations

NAMES = ("yaw", "pitch", "roll", "smile", "mouth_open", "eyes_open")
CLOSED = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "smile": 0.0, "mouth_open": 0.05, "eyes_open": 1.0}


def judge(*photos):
    """Of a person whose photos show these pairs of smile and open mouth."""
    rows = [[0.0, 0.0, 0.0, smile, mouth, 1.0] for smile, mouth in photos]
    return SimpleNamespace(known=True, attributes=SimpleNamespace(names=NAMES), anchor_values=torch.tensor(rows))


WIDE = judge(*[(i / 15, 0.02 + 0.6 * i / 15) for i in range(16)])  # who laughs with an open mouth
SHUT = judge(*[(i / 15, 0.02) for i in range(16)])


def test_a_mouth_opens_as_far_as_this_persons_does():
    wide, shut = (followed(who, CLOSED, {"smile": 0.9})["mouth_open"] for who in (WIDE, SHUT))
    assert 0.4 < wide < 0.65 and shut < 0.12
    laughing = CLOSED | {"smile": 1.0, "mouth_open": 0.6}
    assert followed(WIDE, laughing, {"smile": 0.0})["mouth_open"] < 0.1  # a smile that goes shuts the mouth
    odd = CLOSED | {"mouth_open": 0.5}  # speaking, say
    assert followed(WIDE, odd, {"smile": 0.1})["mouth_open"] == pytest.approx(0.5, abs=0.08)


def test_few_photos_say_little():
    slope = relations(judge((0.0, 0.0), (0.1, 0.5)))["mouth_open"][1]
    assert abs(slope - USUAL["mouth_open"][1]) < 0.35 < abs(5.0 - slope)  # the two alone would say 5


def test_what_is_named_pinned_or_hardly_touched_does_not_follow():
    assert followed(WIDE, CLOSED, {"yaw": 10.0}) == {} == followed(WIDE, CLOSED, {"smile": 0.02})
    assert "mouth_open" not in followed(WIDE, CLOSED, {"smile": 0.9, "mouth_open": 0.1})
    assert "mouth_open" not in followed(WIDE, CLOSED, {"smile": 0.9}, keep=["mouth_open"])
