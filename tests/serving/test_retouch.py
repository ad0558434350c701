"""One change after the other: the same pixels as the single operations, masks that stay, and what a live session shows of it."""

import io

import numpy as np
import pytest
from PIL import Image

from portraitist import recipes
from portraitist.errors import InvalidRequest, OutOfRange, UnknownAttribute
from portraitist.provenance.verify import verify
from portraitist.requests import Drag, DragStep, Edit, Open, Photo, Pull, Retouch, SetStep
from portraitist_workers import operations
from portraitist_workers.editing.retouching import SetLeg, legs
from portraitist_workers.faces.image_io import encode_jpeg
from portraitist_workers.live.engine import Interrupted
from portraitist_workers.live.touched import Touched
from portraitist_workers.persona.warm import PERSONAS

from .people import context, persona_id, raw
from .test_drag import NEW, image, png, upright

pytestmark = pytest.mark.slow  # together they take minutes

YAW, SMILE = SetStep(values={"yaw": 14.0}), SetStep(values={"smile": 0.8})
LIP = DragStep(points=[Pull(handle="mouth_bottom", by=(0, 3))], guarded=False)


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    yield
    PERSONAS.forget(persona_id(1))


def photo(world):
    return Photo(name="new.jpg", blob=world.put(NEW.read_bytes()))


def retouched(world, *steps, of=photo, **more):
    request = Retouch(persona_id=persona_id(1), photo=of(world) if of else None, steps=list(steps), **more)
    return operations.run(request, world).pictures[0]


def lower_face():
    mask = np.zeros(upright().shape, np.uint8)
    mask[400:480, 160:300] = 255
    return mask


def test_one_step_is_what_the_single_operation_makes():
    world = context(1)
    edited = operations.run(Edit(persona_id=persona_id(1), photo=photo(world), values=[YAW.values]), world).pictures[0]
    assert raw(world, retouched(world, YAW)) == raw(world, edited)
    for of in (photo, None):
        asked = Drag(persona_id=persona_id(1), photo=of(world) if of else None, pulls=LIP.points, guarded=False, seed=3)
        dragged = operations.run(asked, world).pictures[0]
        made = retouched(world, LIP, of=of, seed=3)
        assert raw(world, made) == raw(world, dragged)
        assert made.report.points == dragged.report.points
    assert raw(world, made) != raw(world, retouched(world, of=None, seed=3))  # negative control


def test_sliders_leave_no_trace():
    away = SetStep(values={"yaw": -9.0, "smile": 0.1})
    back = SetStep(values={"yaw": 14.0, "smile": None})
    assert legs([YAW]) == legs([away, back]) == [SetLeg({"yaw": 14.0})]
    assert legs([YAW, LIP, SMILE, SetStep(values={"mouth_open": "keep"})]) == [
        SetLeg({"yaw": 14.0}),
        LIP,
        SetLeg({"smile": 0.8}, ("mouth_open",)),
    ]


def test_several_steps_and_their_recipe():
    world = context(1)
    made = retouched(world, YAW, LIP, SMILE)
    assert made.report.attributes["smile"].requested == 0.8 and made.report.points[0].end == "arrived"
    assert len({raw(world, retouched(world, *steps)) for steps in ((YAW, LIP), (LIP, SMILE), (LIP, YAW))}) == 3
    recipe = recipes.read(made.report.recipe)
    PERSONAS.forget(persona_id(1))  # a process that knows nothing of it
    again = operations.run(recipes.request_of(recipe), world).pictures[0]
    assert raw(world, again) == raw(world, made)


def test_what_a_mask_fixes_stays_in_later_steps():
    world, mask = context(1), lower_face()
    lip = LIP.model_copy(update={"mask": world.put(png(mask))})
    first, then = retouched(world, lip), retouched(world, lip, SMILE)
    change = np.abs(image(world, then) - upright())
    assert then.report.fixed_change == 0 and change[mask == 0].max() == 0
    assert np.abs(image(world, then) - image(world, first))[mask > 0].mean() > 0.3
    # Another mask frees another part; what the first drag did there stays.
    brows = np.zeros_like(mask)
    brows[300:370, 160:300] = 255
    up = DragStep(points=[Pull(handle="brow_left", by=(0, -4))], guarded=False, mask=world.put(png(brows)))
    both = image(world, retouched(world, lip, up))
    lip_moved = np.abs(image(world, first) - upright())[420:470, 190:280].mean()
    assert np.abs(both - image(world, first))[420:470, 190:280].mean() < 0.35 * lip_moved
    assert np.abs(both - image(world, first))[brows > 0].mean() > 0.3


def test_what_is_refused():
    world = context(1)
    with pytest.raises(UnknownAttribute):
        retouched(world, SetStep(values={"tail": 1.0}))
    with pytest.raises(OutOfRange):
        retouched(world, SetStep(values={"yaw": 80.0}), strict=True)


@pytest.mark.parametrize("of", [photo, None])
def test_a_session_rests_at_what_is_saved(of):
    world = context(1)
    engine = Touched(Open(persona_id=persona_id(1), photo=of(world) if of else None, frame_px=2048), world)
    width, height = (480, 560) if of else (128, 128)
    about = engine.about()
    assert (about["width"], about["height"]) == (width, height) and len(about["corners"]) == 4
    moving = [*engine.preview([YAW]), *engine.preview([YAW, LIP])]
    assert all(shot.picture.pixels.shape == (height, width, 3) for shot in moving)
    points = [shot.points[0] for shot in moving if shot.points]
    assert points[0]["left"] > 1 > points[-1]["left"]
    settled = engine.settle([YAW, LIP], lambda: None)
    assert settled.landed["points"][0]["end"] == "arrived"
    assert settled.shot.picture.pixels.tobytes() == raw(world, retouched(world, YAW, LIP, of=of))
    assert engine.before().picture.pixels.shape == (height, width, 3)
    if of:
        assert np.array_equal(engine.before().picture.pixels, upright())
    engine.close()


def test_a_drag_is_led_elsewhere():
    world = context(1)
    engine = Touched(Open(persona_id=persona_id(1)), world)
    nose = [Pull(handle=(64, 70), by=(6, 0))]
    frames = engine.preview([DragStep(points=nose, guarded=False)])
    for _ in range(3):
        shot = next(frames)
    assert shot.points[0]["to"] == [70.0, 70.0] or tuple(shot.points[0]["to"]) == (70.0, 70.0)
    there = DragStep(points=[Pull(handle=(64, 70), to=(60, 70))], guarded=False)
    *_, last = engine.preview([there], anew=False)
    (x, _) = last.points[0]["at"]
    assert abs(x - 60) < 0.6
    *_, again = engine.preview([there])  # from the beginning
    assert abs(again.points[0]["at"][0] - 60) < 0.6
    for wrong, error in (
        (SetStep(values={"tail": 1.0}), UnknownAttribute),
        (DragStep(points=[Pull(handle=(1, 1), to=(9, 9))]), InvalidRequest),
    ):
        with pytest.raises(error):
            engine.check(wrong)
    with pytest.raises(InvalidRequest, match="target of point 2"):
        engine.check_places([(60, 60), (500, 1)])

    def interrupt():
        raise Interrupted

    with pytest.raises(Interrupted):
        engine.settle([YAW], interrupt)
    assert engine.settle([], lambda: None).landed is None
    engine.close()


def test_frames_are_marked():
    world = context(1)
    engine = Touched(Open(persona_id=persona_id(1), photo=photo(world)), world)
    (shot,) = engine.preview([SetStep(values={"smile": 0.9})])
    file = encode_jpeg(shot.picture.pixels, 88)
    assert verify(file).mark.found
    assert not verify(encode_jpeg(engine.before().picture.pixels, 88)).mark.found  # nothing in it is generated
    Image.open(io.BytesIO(file)).verify()
    engine.close()
