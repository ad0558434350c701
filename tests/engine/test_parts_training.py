"""Training a generator of parts: labels reach their own parts alone, targets show what they should, and killed runs go on."""

import copy
import json
import subprocess
import sys
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist.errors import InvalidImage, InvalidRequest
from portraitist_workers.composing.composed import around
from portraitist_workers.generator.formats import native
from portraitist_workers.generator.parts import Parts, PartsConfig
from portraitist_workers.priors.engine.labels import LABEL_FIELDS
from portraitist_workers.priors.engine.masks import BROWS, CLASSES, EYES, HAIR, LIPS, MOUTH, NOSE, SKIN
from portraitist_workers.priors.engine.render import render_pool
from portraitist_workers.priors.training.parts import losses, own, own_pictures, paired, sharpen
from portraitist_workers.priors.training.parts.adversary import mixed
from portraitist_workers.priors.training.parts.frames import Zooms
from portraitist_workers.priors.training.parts.pictures import LabelledPool, render_twins
from portraitist_workers.priors.training.parts.routes import PARTS, SHAPE, TEXTURE
from portraitist_workers.priors.training.parts.targets import with_hair_of, without_features

SMALL = PartsConfig(
    64, PARTS, z_dim=8, code_dim=8, mapping_layers=1, joint=True, toned=("nose",), coarse=16, smallest=8, centred=True,
    local_channels=8, feature_channels=8, channels={16: 8, 32: 8, 64: 8},
)  # fmt: skip


@pytest.fixture(scope="module")
def pools(canvas, tmp_path_factory):
    folder, people = tmp_path_factory.mktemp("parts"), np.arange(len(canvas.ids))
    render_pool(canvas, folder / "pool", size=64, count=24, seed=0, shard=12, people=people, masks=True)
    render_twins(canvas, people, folder / "twins", size=64, count=6, seed=1)
    zooms = Zooms(canvas)
    return LabelledPool(folder / "pool", zooms), LabelledPool(folder / "twins", zooms)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Two phases of some steps, at the small network's sizes."""
    phases = (
        paired.Phase(32, 8, 16, 3e-3, 3e-3, batch=8, evenness=1.0),
        paired.Phase(64, 16, 64, 1e-3, 1e-4, batch=8, edges=0.3, local=1.0),
    )
    monkeypatch.setattr(paired, "PHASES", phases)


def trainer(canvas) -> paired.Trainer:
    return paired.Trainer(len(canvas.ids), sizes=SMALL).know(canvas)


def test_a_label_moves_the_codes_of_its_parts_and_no_others(canvas, pools):
    made = trainer(canvas)
    labels = torch.from_numpy(pools[0].all_labels()[:4])
    before = made.generator.codes(made.router(labels))

    def moved(field: str) -> set[str]:
        other = labels.clone()
        if field == "zoom":
            other[:, -1] += 0.05
        else:
            other[:, LABEL_FIELDS[field]] += 0.5
        changed = (made.generator.codes(made.router(other)) != before).any(2).any(0)
        names = ["base"] * SMALL.base_layers + [f"{part} {kind}" for part in PARTS for kind in ("shape", "texture")]
        return {name for name, at in zip(names, changed.tolist(), strict=True) if at}

    assert moved("yaw") == moved("zoom") == {"base"}
    assert moved("eyes_open") == {"eyes shape"}
    assert moved("hair") == {"hair texture"} and moved("clothes") == {"clothes texture"}
    assert moved("background") == {"background shape", "background texture"}
    assert moved("sh") == {"skin texture", "hair texture", "clothes texture"}
    for field in ("smile", "jaw", "brow", "gaze"):
        at = {
            f"{part} {kind}"
            for kind, fields in (("shape", SHAPE), ("texture", TEXTURE))
            for part in PARTS
            if field in fields[part]
        }
        assert moved(field) == at and at


def test_an_open_mouth_makes_the_head_smaller(canvas, pools):
    labels = pools[0].all_labels()[:6, :-1].copy()
    for field in ("smile", "jaw", "pucker"):
        labels[:, LABEL_FIELDS[field]] = 0
    assert (Zooms(canvas)(labels) == 0).all()
    kept = np.concatenate(pools[0].labels)[:, -1]  # kept beside the shards, and read again
    again = LabelledPool(pools[0].folder, lambda labels: pytest.fail("measured twice"))
    assert np.array_equal(np.concatenate(again.labels)[:, -1], kept) and kept.any()


def test_features_left_out_show_the_skin_around(pools):
    pictures = pools[0].pictures(6, 64, np.random.default_rng(0))
    present = torch.ones(6, len(CLASSES))
    present[:, [EYES, BROWS, NOSE, LIPS, MOUTH]] = 0
    bare = without_features(pictures, present)
    assert torch.allclose(bare.shares.sum(1), torch.ones_like(bare.shares[:, 0]), atol=1e-5)
    assert bare.shares[:, [EYES, BROWS, NOSE, LIPS, MOUTH]].max() == 0
    gone = pictures.shares[:, [EYES, BROWS, NOSE, LIPS, MOUTH]].sum(1, keepdim=True) > 0.99
    skin = pictures.shares[:, SKIN : SKIN + 1] > 0.99
    for before, after, hole, bare_skin in zip(pictures.image, bare.image, gone, skin, strict=True):
        tone = (before * bare_skin).sum((1, 2)) / bare_skin.sum()
        inside = lambda picture: (picture * hole).sum((1, 2)) / hole.sum()  # noqa: B023, E731
        assert (inside(after) - tone).abs().max() < 0.5 * (inside(before) - tone).abs().max() + 0.1
    whole = without_features(pictures, torch.ones(6, len(CLASSES)))
    assert torch.equal(whole.image, pictures.image) and torch.equal(whole.shares, pictures.shares)


def test_the_hair_of_a_twin(pools):
    first, second = pools[1].twins(6, 64, np.random.default_rng(0))
    assert torch.equal(first.labels[:, : LABEL_FIELDS["hair"].start], second.labels[:, : LABEL_FIELDS["hair"].start])
    assert not torch.equal(first.labels, second.labels)
    both = with_hair_of(first, second)
    hair, bald = second.shares[:, HAIR : HAIR + 1] > 0.99, (first.shares + second.shares)[:, HAIR : HAIR + 1] == 0
    assert torch.equal(both.image * hair, second.image * hair)
    far = torch.nn.functional.max_pool2d(1 - bald.float(), 5, 1, 2) == 0
    assert torch.equal(both.image * far, first.image * far)


def test_a_killed_training_goes_on_with_the_same_bits(canvas, pools):
    whole = trainer(canvas)
    for _ in range(3):
        whole.step(*pools, None)
    kept = copy.deepcopy(whole.state())
    figures = [whole.step(*pools, None) for _ in range(2)]
    again = paired.Trainer(len(canvas.ids), sizes=SMALL, seed=5)  # another start, and no looks: the state has all
    again.load(kept)
    assert [again.step(*pools, None) for _ in range(2)] == figures and again.seen == whole.seen
    for name, value in whole.learning.state_dict().items():
        assert torch.equal(again.learning.state_dict()[name], value), name
    assert all(np.isfinite(list(row.values())).all() for row in figures) and {
        "l1",
        "masks",
        "coarse",
        "hidden",
        "edges",
        "local",
    } == set(figures[0])


def test_a_run_goes_on_elsewhere_from_its_averages(canvas, pools):
    whole, there = trainer(canvas), paired.Trainer(len(canvas.ids), sizes=SMALL, seed=5)
    whole.step(*pools, None)
    there.begin(whole.light())
    assert there.seen == whole.seen
    for name, value in whole.average.state_dict().items():
        assert torch.allclose(there.learning.state_dict()[name], value, rtol=1e-3, atol=1e-5), name
    assert np.isfinite(list(there.step(*pools, None).values())).all()


def test_it_learns(canvas, pools):
    made = trainer(canvas)
    made.phases, made.seen = [replace(made.phases[0], images=10**6)], 8 * 1000  # past the first steps, which are short
    losses = [made.step(*pools, None) for _ in range(60)]
    for name in ("l1", "masks", "coarse"):
        assert np.mean([row[name] for row in losses[-5:]]) < 0.8 * np.mean([row[name] for row in losses[:5]]), name


def test_sharpening_goes_on_with_the_same_bits_and_holds_the_router(canvas, pools):
    def begun():
        return sharpen.Sharpening(trainer(canvas), sharpen.Stage(images=64, batch=8, mixtures=2))

    whole = begun()
    before = copy.deepcopy(whole.trainer.router.state_dict())
    whole.step(*pools, None)
    kept = copy.deepcopy(whole.state())
    figures = whole.step(*pools, None)
    again = begun()
    again.load(kept)
    assert again.step(*pools, None) == figures and {"judge", "told_apart", "l1"} <= set(figures)
    assert all(torch.equal(value, before[name]) for name, value in whole.trainer.router.state_dict().items())
    weights = whole.trainer.generator.state_dict()
    assert all(torch.equal(again.trainer.generator.state_dict()[name], value) for name, value in weights.items())


def test_what_changes_elsewhere_counts(canvas):
    generator = trainer(canvas).generator
    with torch.no_grad():
        made = generator.make(torch.randn(2, SMALL.w_dim, generator=torch.Generator().manual_seed(0)))
    before = replace(made, image=made.image.detach().requires_grad_())
    numbers = [int(made.classes[0].flatten().mode().values)]
    changes = [losses.Change(torch.empty(0), numbers, True)] * 2
    assert losses.elsewhere(before, made, changes) == 0
    moved = replace(made, image=(made.image + 0.5).requires_grad_())
    loss = losses.elsewhere(before, moved, changes)
    loss.backward()
    assert loss > 0.01 and torch.allclose(before.image.grad, -moved.image.grad)  # neither is pulled alone
    near = around(before, moved, numbers)
    assert (moved.image.grad * near).abs().max() == 0 < (moved.image.grad * (1 - near)).abs().max()


def test_mixing_takes_parts_of_two_and_the_base_of_one():
    a, b = torch.zeros(64, 2 + 2 * 3, 1), torch.ones(64, 2 + 2 * 3, 1)
    kinds = mixed(a, b, 2, torch.Generator().manual_seed(0))[..., 0]
    assert kinds[:, :2].max() == 0
    pairs = {tuple(pair.tolist()) for pair in kinds[:, 2:].reshape(-1, 2)}
    assert pairs == {(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)}  # never the second's shape in the first's texture


# -- one's own pictures --


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "classes.json").write_text(json.dumps(["background", "face", "hat"]))
    for i in range(own_pictures.LEAST):
        classes = np.zeros((48, 48), np.uint8)
        cv2.circle(classes, (24, 28), 12 + i % 3, 1, -1)
        cv2.rectangle(classes, (12, 8), (36, 14), 2, -1)
        image = np.array([[60, 60, 90], [200, 160, 140], [30, 120, 40]], np.uint8)[classes]
        noise = rng.integers(0, 20, image.shape, np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), image + noise)
        cv2.imwrite(str(tmp_path / "masks" / f"{i}.png"), classes)
    return tmp_path


def test_own_pictures_are_read(data):
    found = own_pictures.read(data, 32)
    assert found.images.shape == (own_pictures.LEAST, 32, 32, 3) and found.names == ("background", "face", "hat")
    image, masks = found.batch(4, np.random.default_rng(0))
    assert image.shape == (4, 3, 32, 32) and masks.shape == (4, 3, 32, 32)
    assert torch.equal(masks.sum(1), torch.full((4, 32, 32), -1.0)) and set(masks.unique().tolist()) == {-1.0, 1.0}


def spoil_mask(data, change):
    path = data / "masks" / "3.png"
    cv2.imwrite(str(path), change(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))


def leave_one(data):
    for path in sorted((data / "images").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda d: (d / "masks" / "3.png").unlink(), InvalidRequest, "no class map for 3.png: add"),
        (lambda d: [p.unlink() for p in (d / "masks").iterdir()] and (d / "masks").rmdir(), InvalidRequest, "no folder .*masks"),
        (lambda d: spoil_mask(d, lambda m: m[:40]), InvalidImage, r"3.png is \[40, 48\], its picture \[48, 48\]"),
        (lambda d: spoil_mask(d, lambda m: m + 7), InvalidImage, "3.png has the class 9, but classes.json names 0 to 2"),
        (lambda d: spoil_mask(d, lambda m: np.stack([m] * 3, 2)), InvalidImage, "one number per pixel"),
        (lambda d: (d / "masks" / "3.png").write_bytes(b"\x89PNG nothing"), InvalidImage, "3.png cannot be read"),
        (lambda d: (d / "images" / "3.png").write_bytes(b"nothing"), InvalidImage, "3.png"),
        (lambda d: (d / "classes.json").write_text('["background", "face", "hat", "ears"]'), InvalidRequest, "'ears' never appears"),
        (lambda d: (d / "classes.json").write_text("background"), InvalidRequest, "write the classes' names as a JSON list"),
        (lambda d: (d / "classes.json").write_text('["background", "background"]'), InvalidRequest, "of different names"),
        (leave_one, InvalidRequest, "has 1 pictures, and training needs 16"),
        (lambda d: cv2.imwrite(str(d / "images" / "3.png"), np.zeros((48, 60, 3), np.uint8)), InvalidImage, "60 x 48 px: square"),
        (lambda d: cv2.imwrite(str(d / "images" / "3.png"), np.zeros((16, 16, 3), np.uint8)), InvalidImage, "32 px or more"),
    ],
)  # fmt: skip
def test_bad_pictures_are_refused_by_name(data, spoil, error, said):
    spoil(data)
    with pytest.raises(error, match=said) as caught:
        own_pictures.read(data, 32)
    assert caught.value.param


def test_the_published_way_goes_on_with_the_same_bits(data, tmp_path):
    def begun(seed=0):
        return own.OwnTraining(own_pictures.read(data, 32), 32, seed=seed)

    whole = begun()
    whole.step()
    kept = copy.deepcopy(whole.state())
    figures = [whole.step() for _ in range(4)]  # one of them with path length
    again = begun()
    again.load(kept)
    assert [again.step() for _ in range(4)] == figures and "path" in figures[3]
    assert all(
        torch.equal(again.average.state_dict()[name], value) for name, value in whole.average.state_dict().items()
    )
    whole.finish(tmp_path)
    found, _ = native.load(tmp_path / "generator.safetensors")
    assert type(found) is Parts and found.config.parts == ("background", "face", "hat")
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (6 * 32, 8 * 32, 3)
    with pytest.raises(InvalidRequest, match="another --out"):
        again.load(kept | {"parts": ["background", "face", "ears"]})


IN_SMALL_STEPS = "import sys; from portraitist_workers.priors.training import loop; loop.SAVE_SECONDS = 0; " \
    "from portraitist_workers.priors.training.parts import own; own.main(sys.argv[1:])"  # fmt: skip


def test_a_killed_command_goes_on_with_the_same_bits(data, tmp_path):
    """It is killed after a save, in the midst of whatever it does then."""

    def command(out, images):
        arguments = [str(data), "--out", str(out), "--size", "32", "--images", str(images), "--threads", "1"]
        return subprocess.Popen([sys.executable, "-c", IN_SMALL_STEPS, *arguments], stdout=subprocess.DEVNULL)

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert command(whole, 48).wait() == 0
    first = command(killed, 4_000_000)
    while not (killed / "training.pt").exists():
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.wait()
    kept = torch.load(killed / "training.pt", weights_only=True)["seen"]
    if kept > 48:  # it was quick
        assert command(whole, kept).wait() == 0
    assert command(killed, max(48, kept)).wait() == 0
    one, other = (torch.load(folder / "training.pt", weights_only=True) for folder in (whole, killed))
    assert one["seen"] == other["seen"] >= 48
    assert all(torch.equal(value, other["generator"][name]) for name, value in one["generator"].items())
    assert (whole / "generator.safetensors").read_bytes() == (killed / "generator.safetensors").read_bytes()


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        own.main([str(tmp_path), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2 and "invalid_request: " in capsys.readouterr().err and not (tmp_path / "out").exists()
