"""Faces put together part by part: what each change does to latents and pictures."""

import dataclasses
import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from small_generator import generator as stylegan2
from small_generator import part_latents as latents
from small_generator import parts as small

from portraitist.errors import InvalidImage, InvalidRequest, OutOfRange, PriorUnavailable, UnknownAttribute
from portraitist.requests import PartChange
from portraitist.segmentation import Segmentation
from portraitist_workers.composing import composed, sources, way
from portraitist_workers.composing.controls import PartControls
from portraitist_workers.composing.held import GOES_OVER, concerned, held
from portraitist_workers.composing.kept import mask_iou
from portraitist_workers.generator.parts import Composition, taken
from portraitist_workers.operations.compose import _changed


@pytest.fixture
def controls(tmp_path):
    """`flare` moves two parts, by 2 of their first numbers per unit; a reading of each half of it."""
    config = small().config
    step = torch.zeros(config.codes, config.code_dim)
    for part in ("nose", "skin"):
        step[config.shape_code(part), 0] = 2.0
    reading = step / step.square().sum()
    about = {"flare": {"parts": ["nose", "skin"], "low": 0, "high": 1}}
    tensors = {"steps": step.view(1, -1), "readings": reading.view(1, -1), "offsets": torch.zeros(1)}
    path = tmp_path / "parts.safetensors"
    save_file(tensors, str(path), metadata={"attributes": json.dumps(about)})
    return PartControls.load(path)


def test_a_value_moves_the_codes_of_its_part_alone(controls):
    config, w = small().config, torch.zeros(1, small().config.w_dim)
    moved = controls.set(config, w, "nose", {"flare": 0.5}).view(config.codes, -1)
    assert torch.nonzero(moved).tolist() == [[config.shape_code("nose"), 0]] and moved.max() == 1.0
    both = controls.set(config, moved.view(1, -1), "skin", {"flare": 0.5}).view(config.codes, -1)
    assert (both - moved)[config.shape_code("skin"), 0] == pytest.approx(0.5)  # half was there already
    with pytest.raises(UnknownAttribute, match="nose has no 'smile'; it has flare"):
        controls.set(config, w, "nose", {"smile": 1.0})
    with pytest.raises(UnknownAttribute, match="it has none"):
        controls.set(config, w, "glasses", {"flare": 1.0})
    with pytest.raises(OutOfRange, match="flare=2 is beyond 0 to 1"):
        controls.set(config, w, "nose", {"flare": 2.0})


def test_damaged_controls_are_said(tmp_path):
    with pytest.raises(PriorUnavailable, match="cannot read .*parts.safetensors"):
        PartControls.load(tmp_path / "parts.safetensors")


@torch.no_grad()
def test_parts_are_taken_from_others(controls):
    generator = small()
    config, w = generator.config, latents(generator, 3)
    own, other = w[:1], w[1:2]

    def codes_changed(change: PartChange) -> set[int]:
        after = _changed(generator, controls, own, change, [other], ["other.jpg"])
        return set(torch.nonzero((after != own).view(config.codes, -1).any(1)).flatten().tolist())

    shape, texture = config.shape_code("nose"), config.texture_code("nose")
    assert codes_changed(PartChange(part="nose", like=0)) == {shape, texture}
    assert codes_changed(PartChange(part="nose", like=0, texture=False)) == {shape}
    assert codes_changed(PartChange(part="nose", draw=7, shape=False)) == {texture}
    assert codes_changed(PartChange(part="base", like=0)) == {0, 1}
    assert codes_changed(PartChange(part="nose")) == set()
    assert torch.equal(sources.nobody(generator, 7, 0), sources.nobody(generator, 7, 0))
    assert not torch.equal(sources.nobody(generator, 7, 0), sources.nobody(generator, 8, 0))
    assert torch.equal(taken(config, own, other, [*config.parts, "base"]), other)


@torch.no_grad()
def test_a_part_that_a_photo_hides_is_refused():
    generator = small()
    w = latents(generator, 1)
    sources.check_shown(generator, w, "base", "other.jpg")  # of the whole head
    shares = [(generator.make(w).classes == k).float().mean() for k in range(4)]
    for name, share in zip(generator.config.parts, shares, strict=True):
        if share >= sources.LEAST:
            sources.check_shown(generator, w, name, "other.jpg")
    generator.render.blocks["32"].tomaps.bias[3 + 3] = -1e4  # no glasses anywhere
    with pytest.raises(InvalidImage, match="other.jpg: its glasses cannot be seen"):
        sources.check_shown(generator, w, "glasses", "other.jpg")


@torch.no_grad()
def test_where_parts_go_follows_from_what_is_asked():
    generator = small()
    w = latents(generator, 1)
    changes = [
        PartChange(part="nose", dx=4, dy=-8),
        PartChange(part="skin", scale=2.0),
        PartChange(part="glasses", leave_out=True),
    ]
    found = composed.composition_of(generator, w, changes, [])
    assert (
        found.moved == {"nose": (4 / 32, -8 / 32)} and found.without == ("glasses",) and found.scaled == {"skin": 2.0}
    )
    only = composed.composition_of(generator, w, [], ["skin", "nose"])
    assert only.without == ("background", "glasses")
    with pytest.raises(InvalidRequest, match="no part would be left"):
        composed.composition_of(generator, w, [PartChange(part=p, leave_out=True) for p in generator.config.parts], [])


def test_what_is_asked_is_checked():
    config = small().config
    for change, said in (
        ({"part": "ears"}, "no part 'ears'; there are background, skin, nose, glasses"),
        ({"part": "nose", "like": 1}, "like photo 1, but 1 were given"),
        ({"part": "nose", "like": 0, "draw": 3}, "give one of both"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            composed.checked(config, [PartChange(**change)], [], 1)
    with pytest.raises(InvalidRequest, match="no part 'ears'"):
        composed.checked(config, [], ["ears"], 0)
    with pytest.raises(InvalidRequest, match="'default', which has no parts; create it with prior='default-parts'"):
        composed.parts_of(stylegan2(), "default")


@torch.no_grad()
def test_the_report_says_what_changed_where():
    generator = small()
    before = generator.make(latents(generator, 1))
    classes = before.classes[0]
    segmentation = Segmentation(composed.class_map(before, generator.config.parts))
    assert list(segmentation.numbers) == classes.flatten().tolist() and segmentation.names == generator.config.parts
    part = int(classes.flatten().mode().values)
    image = before.image.clamp(-1, 1)
    image = torch.where(before.classes[:, None] == part, -image.sign() + image * 0, image)
    after = SimpleNamespace(image=image, classes=before.classes)
    inside, outside = composed.change_by_place(before, after, [part])
    assert inside > 50 and outside == 0.0
    assert composed.change_by_place(before, before, [part]) == (0.0, 0.0)
    assert composed.change_by_place(before, after, [])[1] > 0
    assert generator.make(latents(generator, 1), Composition()).image.equal(before.image)


def test_the_report_says_how_much_of_each_mask_stayed():
    names = ("background", "skin", "nose", "lips", "mouth")
    before = torch.zeros(64, 64, dtype=torch.long)
    before[8:56, 8:56], before[24:40, 24:40], before[44:48, 24:40], before[46, 30:34] = 1, 2, 3, 4
    assert mask_iou(before, before, names) == {
        "background": 1.0,
        "skin": 1.0,
        "nose": 1.0,
        "lips": 1.0,
    }  # 4 px are too few
    after = before.clone()
    after[24:40, 24:32] = 1  # half of the nose is skin now
    found = mask_iou(before, after, names)
    assert found["nose"] == 0.5 and found["background"] == found["lips"] == 1.0 and 0.9 < found["skin"] < 0.95
    without = mask_iou(before, torch.where(before == 2, 1, before), names)
    assert without["nose"] == 0.0 and without["lips"] == 1.0
    assert mask_iou(before, before.flip(0), names)["lips"] == 0.0  # another picture's


@torch.no_grad()
def test_away_from_what_changed_the_picture_is_held():
    generator = small()
    config, w = generator.config, latents(generator, 2)
    before = generator.make(w[:1])
    after = generator.make(taken(config, w[:1], w[1:], ["nose"]))
    image = torch.where(before.classes[:, None] == 99, 0.0, before.image + 0.5)  # all of it changed
    after = dataclasses.replace(after, image=image)
    nose = [config.part("nose")]
    found = held(before, after, nose)
    near, far = (composed.around(before, after, nose, share) for share in (composed.NEAR, composed.NEAR + GOES_OVER))
    assert torch.equal(found.image * near, after.image * near)
    assert torch.equal(found.image * (1 - far), before.image * (1 - far)) and (far - near).sum() > 0
    between = (found.image - before.image)[((far - near) > 0).expand_as(image)]
    assert between.min() == 0 and 0.1 < between.max() < 0.4
    assert torch.equal(held(before, after, []).image, before.image)
    assert concerned(config, ["nose"]) == nose and concerned(config, []) == []


@torch.no_grad()
def test_another_texture_leaves_every_mask_as_it_was():
    generator = small()
    config, w = generator.config, latents(generator, 2)
    before = generator.make(w[:1])
    for part in config.parts:
        texture, both = (generator.make(taken(config, w[:1], w[1:], [part], shape=shape)) for shape in (False, True))
        number = [config.part(part)]
        assert torch.equal(held(before, texture, number).segmentation, before.segmentation)
        assert not torch.equal(texture.segmentation, before.segmentation)  # the render network's own
        assert not torch.equal(held(before, texture, number).image, before.image)
        if part != config.parts[0]:  # the background is where no part is
            assert not torch.equal(held(before, both, number).segmentation, before.segmentation)


def test_parts_that_follow_a_tone_change_with_it():
    config = small(toned=("nose", "glasses")).config
    assert concerned(config, ["skin"]) == [config.part(name) for name in ("skin", "nose", "glasses")]
    assert concerned(config, ["nose"]) == [config.part("nose")]


def test_a_way_goes_straight_from_corner_to_corner():
    corners = [torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[3.0]])]
    whole = Composition(("nose",), moved={"skin": (0.5, 0.0)}, scaled={"skin": 4.0}, centres={"skin": (0.3, 0.3)})
    found = way.stops(corners, whole, 4)
    assert [float(stop.w) for stop in found] == [0.0, 0.5, 1.0, 2.0]
    assert [stop.share for stop in found] == [0.0, 0.25, 0.5, 0.75]
    first, _, middle, _ = (stop.composition for stop in found)
    assert (first.left, first.moved, first.scaled) == (1.0, {"skin": (0.0, 0.0)}, {"skin": 1.0})
    assert (middle.left, middle.moved, middle.scaled, middle.centres) == (
        0.5,
        {"skin": (0.25, 0.0)},
        {"skin": 2.0},
        whole.centres,
    )


def test_a_part_with_several_seeds_turns_at_each():
    config = small().config

    def applied(w, changes):
        for change in changes:
            w = taken(config, w, torch.full_like(w, float(change.draws[-1])), [change.part])
        return w

    changes = [PartChange(part="nose", draw=[3, 5, 8]), PartChange(part="skin", draw=2)]
    start = torch.zeros(1, config.w_dim)
    last = applied(start, changes)
    found = [w.view(config.codes, -1)[:, 0] for w in way.corners(start, last, changes, applied)]
    assert [float(w[config.shape_code("nose")]) for w in found] == [3, 5, 8]
    assert [float(w[config.shape_code("skin")]) for w in found] == [0, 1, 2] and not any(w[0] for w in found)
    assert len(way.corners(start, last, changes[1:], applied)) == 2
