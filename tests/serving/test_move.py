"""Moving a point by the latent transformer, from the request to the picture: alone, with anchors, nearer; and what is refused."""

import numpy as np
import pytest

from portraitist import recipes
from portraitist.errors import InvalidRequest, PriorAssetMissing
from portraitist.requests import Drag, DragStep, Move, Open, Photo, Pull, Retouch
from portraitist_workers import operations
from portraitist_workers.drag.landmarks import landmarks
from portraitist_workers.faces.image_io import to_tensor
from portraitist_workers.live.touched import Touched
from portraitist_workers.persona.warm import PERSONAS
from portraitist_workers.priors import library

from .people import context, persona_id, raw
from .test_drag import NEW, image, png, short, upright  # noqa: F401  # short: photos are opened in a few steps


def move(world, file=None, **asked):
    photo = None if file is None else Photo(name="new.jpg", blob=world.put(file))
    asked = {"guarded": False, **asked}
    return operations.run(Move(persona_id=persona_id(1), photo=photo, **asked), world).pictures[0]


def place(world, picture, name, side=128):
    return side * np.array(landmarks(to_tensor(image(world, picture).astype(np.uint8)))[name])


def test_a_portrait():
    world = context(1)
    before, made = (move(world, at="nose", by=by) for by in ((0.01, 0.0), (4.0, 0.0)))
    (point,) = made.report.points
    assert point.target[0] - point.handle[0] == pytest.approx(4, abs=0.02) and point.left < 1.0
    assert made.report.method == "transformer" and 1 <= made.report.steps <= 10 and made.report.mark > 6
    gone = place(world, made, "nose") - place(world, before, "nose")  # judged by a network that took no part
    assert 2.5 < gone[0] < 5.5 and abs(gone[1]) < 1.5


def test_anchors_stay():
    world = context(1)
    asked = {"at": "mouth_left", "by": (-3.0, -2.0)}
    before, free = move(world, at="nose", by=(0.01, 0.0)), move(world, **asked)
    held = move(world, **asked, anchors=["nose", "eye_left", "chin"])
    drift = [np.linalg.norm(place(world, p, "chin") - place(world, before, "chin")) for p in (free, held)]
    assert len(held.report.points) == 4 and held.report.points[3].handle == held.report.points[3].target
    assert max(point.left for point in held.report.points[1:]) < 1.2 and drift[1] < max(drift[0], 1.2)


def test_it_comes_nearer():
    """Only the point is reported, not those around it that help."""
    world = context(1)
    before, made = move(world, at="nose", by=(0.01, 0.0)), move(world, at=(64.0, 88.0), dz=0.2)
    wide = [np.diff([place(world, p, f"mouth_{side}")[0] for side in ("left", "right")])[0] for p in (before, made)]
    assert len(made.report.points) == 1 and wide[1] > 1.03 * wide[0]


def test_a_photo_and_its_recipe():
    world = context(1)
    made = move(world, NEW.read_bytes(), at="mouth_left", by=(-3.0, -4.0), guarded=True)
    change = np.abs(image(world, made) - upright())
    assert change.max() > 20 and change[:100].max() == 0  # above the head nothing changes
    PERSONAS.forget(persona_id(1))
    again = operations.run(recipes.request_of(recipes.read(made.report.recipe)), world).pictures[0]
    assert raw(world, again) == raw(world, made)
    other = move(world, NEW.read_bytes(), at="mouth_left", by=(-3.0, -3.0), guarded=True)
    assert raw(world, other) != raw(world, made)  # negative control


def test_it_is_a_drag_by_the_transformer():
    world = context(1)
    pulls = [Pull(handle="nose", by=(4.0, 0.0)), Pull(handle="chin", by=(0.0, 0.0))]
    made = move(world, at="nose", by=(4.0, 0.0), anchors=["chin"])
    drag = Drag(persona_id=persona_id(1), pulls=pulls, method="transformer", guarded=False)
    step = DragStep(points=pulls, method="transformer", guarded=False)
    retouch = Retouch(persona_id=persona_id(1), steps=[step])
    for request in (drag, retouch):
        same = operations.run(request, world).pictures[0]
        assert raw(world, same) == raw(world, made) and same.report.method == "transformer"
    plain = operations.run(drag.model_copy(update={"method": "draggan"}), world).pictures[0]
    assert raw(world, plain) != raw(world, made)  # negative control


def test_a_mask_holds():
    world, photo = context(1), upright()
    mask = np.zeros(photo.shape, np.uint8)
    mask[380:480, 160:300] = 255  # the lower face
    asked = Drag(
        persona_id=persona_id(1),
        photo=Photo(name="new.jpg", blob=world.put(NEW.read_bytes())),
        pulls=[Pull(handle="mouth_left", by=(-3.0, -4.0))],
        mask=world.put(png(mask)),
        method="transformer",
        guarded=False,
    )
    made = operations.run(asked, world).pictures[0]
    change = np.abs(image(world, made) - photo)
    assert made.report.fixed_change == 0 and change[mask == 0].max() == 0 and change[mask > 0].mean() > 0.5
    assert made.report.points[0].left < 2.5  # of 5


def test_live():
    """Frames follow the pointer; at rest it is what the job makes. A point, and a region that stays."""
    world = context(1)
    engine = Touched(Open(persona_id=persona_id(1)), world)

    def step(x):
        nose = Pull(handle=(64, 70), to=(x, 70), grow=0.05)
        return DragStep(points=[nose, Pull(handle="jaw", by=(0, 0))], method="transformer", guarded=False)

    frames = engine.preview([step(69)])
    shots = [next(frames), next(frames)]
    assert len(shots[-1].points) == 2
    *_, last = engine.preview([step(60)], anew=False)
    assert abs(last.points[0]["at"][0] - 60) < 1.2
    settled = engine.settle([step(60)], lambda: None)
    made = operations.run(Retouch(persona_id=persona_id(1), steps=[step(60)]), world).pictures[0]
    assert settled.shot.picture.pixels.tobytes() == raw(world, made)
    engine.close()


def test_a_held_drag_is_shown_by_the_transformer_and_lands_by_its_own_method():
    """What was shown meanwhile leaves no trace: not in the picture, and not where the frames go on from."""
    world = context(1)
    engine, other = (Touched(Open(persona_id=persona_id(1)), world) for _ in range(2))

    def step(x, method="draggan"):
        return DragStep(points=[Pull(handle=(64, 70), to=(x, 70))], method=method, guarded=False)

    def seen(frames):
        return [shot.picture.pixels.tobytes() for shot in frames]

    by_transformer = seen(other.preview([step(69, "transformer")]))
    held = seen(engine.preview([step(69)], held=True))
    assert held == by_transformer
    *_, last = engine.preview([step(60)], anew=False, held=True)
    assert abs(last.points[0]["at"][0] - 60) < 1.2
    let_go = engine.preview([step(60)], anew=False)
    assert seen(let_go) == seen(other.preview([step(60)])) != held
    settled = engine.settle([step(60)], lambda: None)
    made = operations.run(Retouch(persona_id=persona_id(1), steps=[step(60)]), world).pictures[0]
    assert settled.shot.picture.pixels.tobytes() == raw(world, made)
    engine.close()
    other.close()


def test_without_a_transformer_a_held_drag_is_shown_by_its_own_method(monkeypatch):
    asset = library.asset
    monkeypatch.setattr(library, "asset", lambda name, wanted, **more: asset("default-256", "parts", **more))
    engine = Touched(Open(persona_id=persona_id(1)), context(1))
    pull = DragStep(points=[Pull(handle=(64, 70), to=(69, 70))], guarded=False)
    held, let_go = ([shot.picture.pixels.tobytes() for shot in engine.preview([pull], held=h)] for h in (True, False))
    assert held == let_go and len(held) > 2
    with pytest.raises(PriorAssetMissing):  # the control
        engine.check(pull.model_copy(update={"method": "transformer"}))
    engine.close()


def test_an_aim_that_comes_before_the_first_frame():
    """Of another drag than the one before, with more points."""
    engine = Touched(Open(persona_id=persona_id(1)), context(1))

    def step(*places):
        pulls = [Pull(handle=(64, 70 + 20 * n), to=(x, 70 + 20 * n)) for n, x in enumerate(places)]
        return DragStep(points=pulls, method="transformer", guarded=False)

    engine.settle([step(66)], lambda: None)
    list(engine.preview([step(66)]))
    engine.preview([step(66), step(66, 64)])  # nobody has looked at it yet
    shot = next(engine.preview([step(66), step(67, 64)], anew=False))
    assert [point["to"][0] for point in shot.points] == pytest.approx([67, 64], abs=0.1)
    engine.settle([step(66)], lambda: None)  # undone
    (point,) = next(engine.preview([step(65)], anew=False)).points
    assert point["to"][0] == pytest.approx(65, abs=0.1)
    engine.settle([step(65), step(67, 64)], lambda: None)  # done again
    assert len(next(engine.preview([step(65), step(68, 64)], anew=False)).points) == 2
    engine.close()


def test_what_is_refused(monkeypatch):
    world = context(1)
    with pytest.raises(InvalidRequest, match="target of point 1, .*outside the picture"):
        move(world, at="nose", by=(300.0, 0.0))
    with pytest.raises(InvalidRequest, match="same handle"):
        move(world, at=(64.0, 70.0), by=(1.0, 0.0), anchors=[(64.3, 70.0)])
    asset = library.asset
    monkeypatch.setattr(library, "asset", lambda name, wanted, **more: asset("default-256", "parts", **more))
    with pytest.raises(PriorAssetMissing, match="default-parts has one"):
        move(world, at="nose", by=(1.0, 0.0))
