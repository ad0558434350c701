"""Live sessions, embedded and over Redis: one suite for both, with real worker processes. `toy_engine` draws."""

import asyncio
import io
import json
import os
import threading
import time
from contextlib import contextmanager

import pytest
from PIL import Image

import portraitist
from portraitist.backend import embedded
from portraitist.errors import InvalidRequest, JobCancelled, NotFound, OutOfRange, PersonaDeleted, UnknownAttribute
from portraitist.live.line import connected
from portraitist.live.loop import called
from portraitist.live.messages import Frame
from portraitist.live.photo import OpenPhoto

from .fleet import Fleet
from .processes import PHOTOS, child_pid, gone, kill, row, until, worker_pid
from .toy_engine import BRIEF_GONE


class Place:
    def __init__(self, studio, other, fleet=None):
        self.studio, self.other, self.fleet = studio, other, fleet
        self.ana = studio.personas.create("ana", PHOTOS, wait=True)


@pytest.fixture(scope="module", params=["embedded", "redis"])
def place(request, tmp_path_factory, fake_operations):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        yield Place(portraitist.connect(home=folder), portraitist.connect(home=folder, tenant="other"))
        embedded(folder).transport.stop()
        return
    fleet = Fleet(folder)
    fleet.add()
    other = portraitist.connect(fleet.server.url, store=fleet.store, tenant="other")
    yield Place(fleet.studio, other, fleet)
    fleet.stop()


@pytest.fixture
def ana(place):
    return place.ana


def brightness(image):
    return image.convert("L").getpixel((8, 8))


@contextmanager
def recorded(photo):
    """Every frame that comes, with when."""
    frames, note = [], photo._note

    def noted(message):
        if hasattr(message, "picture"):
            frames.append((time.monotonic(), message))
        note(message)

    photo._note = noted
    yield frames
    photo._note = note


def test_a_change_is_shown_quickly_and_then_as_it_is_saved(ana):
    with ana.open(seed=3, smile=0.2) as photo:
        assert brightness(photo.image) == 20 and photo.size == (16, 16)
        for _ in range(20):  # on a busy machine the quick picture may be passed over
            photo.set(smile=0.3)
            kinds = [frame.kind for frame in photo.frames()]
            assert kinds[-1] == "rest"
            if "moving" in kinds:
                break
            photo.undo()
        assert "moving" in kinds
        assert brightness(photo.image) == 30
        picture = photo.save()
        assert [step["values"] for step in json.loads(picture.report.degradation)] == [{"smile": 0.2}, {"smile": 0.3}]
    closed = portraitist.studio.Jobs(ana._backend).get(photo.id).wait(timeout=30)
    assert closed.why == "closed" and closed.frames >= 3


def test_of_many_positions_the_last_one_counts(ana):
    with ana.open() as photo:
        photo.image  # noqa: B018  # at rest
        for number in range(1000):
            photo.set(smile=number / 1000)
        photo.set(smile=0.77)
        assert brightness(photo.image) == 77
        assert len(photo.history) < 100
        frames = photo._newest.head["frame"]
        assert frames < 500  # positions that nobody had time for were passed over
        photo.undo()


def test_undo_redo_compare(ana):
    with ana.open() as photo:
        for value in (0.1, 0.2):
            photo.set(smile=value)
            assert brightness(photo.image) == round(100 * value)
        photo.undo()
        assert brightness(photo.image) == 10 and len(photo.history) == 1
        photo.redo()
        assert brightness(photo.image) == 20
        before, after = photo.compare()
        assert (brightness(before), brightness(after)) == (0, 20)
        photo.undo()
        photo.set(smile=0.4)  # what was undone is gone
        photo.redo()
        assert brightness(photo.image) == 40
        assert [step.values["smile"] for step in photo.history] == [0.1, 0.4]


def test_a_drag_is_led_and_stopped(ana):
    with ana.open() as photo:
        landed = photo.drag([((1, 1), (5, 5))])
        assert landed[0].reached == (5, 5)
        photo.drag([((2, 2), (9, 9))], wait=False)
        for _ in range(20):  # on a busy machine its quick pictures may be passed over
            photo.aim([(3, 3)])
            shown = [frame.points[0]["to"] for frame in photo.frames() if frame.points]
            if [3, 3] in shown:
                break
        assert shown[-1] == [3, 3]
        assert photo.history[-1].points[0].to == (3, 3)
        for _ in range(20):  # on a busy machine a stop may come too late
            photo.drag([((0, 0), (10, 10))], wait=False)
            until(lambda: photo._newest.head["points"])
            photo.stop()
            photo.image  # noqa: B018  # at rest
            x, y = photo.history[-1].points[0].to
            if x < 10:
                break
        assert 0 < x == y < 10


def test_while_a_pointer_holds_it_a_drag_is_shown_and_does_not_land(ana):
    with ana.open() as photo, recorded(photo) as frames:
        photo.drag([((1, 1), (5, 5))], held=True)
        photo.aim([(6, 6)], held=True)
        until(lambda: [6, 6] in [point["to"] for _, frame in list(frames) for point in frame.head["points"]])
        photo.aim([(7, 7)], held=True)
        time.sleep(1.0)  # a drag that nobody holds lands in half of it
        assert photo.points == [] and {frame.head["kind"] for _, frame in frames if frame.head["points"]} == {"moving"}
        photo.aim([(8, 8)])
        photo.image  # noqa: B018  # at rest
        sure = [frame.head["points"][0]["confidence"] for _, frame in frames if frame.head["points"]]
        assert photo.points[0].reached == (8, 8) and sure == sorted(sure) and {0.5} <= set(sure) <= {0.5, 1.0}
        assert [(step.method, step.points[0].to) for step in photo.history] == [("auto", (8, 8))]


@pytest.mark.parametrize("end", ["stop", "undo", "set"])
def test_a_held_drag_is_let_go_by_whatever_comes(ana, end):
    with ana.open() as photo:
        photo.set(smile=0.2)
        assert brightness(photo.image) == 20
        photo.drag([((0, 0), (10, 10))], held=True)
        until(lambda: photo._newest.head["points"])
        photo.set(smile=0.4) if end == "set" else getattr(photo, end)()
        assert brightness(photo.image) == (40 if end == "set" else 20)  # at rest
        assert len(photo.history) == {"undo": 1, "stop": 2, "set": 3}[end]


def test_a_move_is_a_drag_by_the_transformer(ana):
    with ana.open() as photo:
        landed = photo.move(at=(1, 1), by=(4, 3), dz=0.1, anchors=[(9, 9)])
        assert [point.reached for point in landed] == [(5, 4), (9, 9)]
        photo.aim([(3, 3), (9, 9)])
        photo.image  # noqa: B018  # at rest
        last = photo.history[-1]
        assert (
            last.method == "transformer" and [p.grow for p in last.points] == [0.1, 0] and last.points[0].to == (3, 3)
        )
        with pytest.raises(InvalidRequest, match="nothing would move"):
            photo.move(at=(1, 1))


def test_what_cannot_be_done_is_refused_and_the_session_goes_on(ana):
    with ana.open() as photo:
        photo.set(smile=0.2)
        photo.set(yaw=13)
        with pytest.raises(OutOfRange, match="bad luck"):
            photo.image  # noqa: B018
        with pytest.raises(UnknownAttribute):
            photo.set(tail=1)
        with pytest.raises(InvalidRequest, match="no drag"):
            photo.aim([(1, 1)])
            photo.drag([((1, 1), (2, 2))])
        assert brightness(photo.image) == 20
        with pytest.raises(InvalidRequest, match="there is no command 'jump'"):
            called(photo._session.send({"do": "jump"}))


def test_a_thousand_commands_at_once(ana):
    with ana.open() as photo:
        photo.set(smile=0.6)
        photo.image  # noqa: B018  # at rest
        refused = 0
        for _ in range(500):
            for what in ("undo", "redo"):
                try:
                    called(photo._session.send({"do": what}))
                except InvalidRequest:
                    refused += 1
        until(lambda: accepted(lambda: photo.set(smile=0.61)))
        assert brightness(photo.image) == 61
        assert refused < 1000


def test_two_clients_see_the_same(ana):
    with ana.open() as photo:
        photo.set(smile=0.1)
        assert brightness(photo.image) == 10
        second = OpenPhoto(ana._backend, photo.id, reach=ana.reach, name="ana")
        assert brightness(second.image) == 10
        second.set(smile=0.9)
        until(lambda: brightness(photo.image) == 90, timeout=30)


def test_another_tenant_gets_nothing(place, ana):
    with ana.open() as photo:
        photo.set(smile=0.5 - 0.1)
        with pytest.raises(NotFound):
            OpenPhoto(place.other._backend, photo.id, reach=ana.reach, name="ana")
        heard = called(overheard(place.other._backend, photo.id, lambda: photo.set(smile=0.3)))
        assert heard and not any(word in data for data in heard for word in (b"PNG", b"state", b"smile"))
        assert brightness(photo.image) == 30  # and what it says is not obeyed


async def overheard(backend, job_id, act):
    """What somebody without the key hears of a session, and says to it."""
    line = await connected(backend, job_id)
    found = []
    try:
        await line.send(b"P1" + bytes(80))
        await line.send(json.dumps({"do": "set", "values": {"smile": 1.0}, "n": 1, "after": 0, "from": "me"}).encode())
        await asyncio.to_thread(act)
        for _ in range(3):
            found.append(await asyncio.wait_for(line.receive(), 60))
    finally:
        await line.close()
    return found


def test_in_an_event_loop(place, ana):
    async def brightened(number):
        job = await asyncio.to_thread(ana.open, wait=False)
        session = place.studio.jobs.live(job.id)
        await session.start()
        sent = await session.send({"do": "set", "values": {"smile": number / 10}})
        told = []
        while True:
            message = await session.receive()
            if isinstance(message, Frame):
                if message.head["kind"] == "rest" and message.head["seen"].get(session.name) == sent:
                    break
            else:
                told.append(message["is"])
        await session.send({"do": "close"})
        while (await session.receive()) and not session.over:
            pass
        await session.leave()
        image = Image.open(io.BytesIO(message.picture))
        return brightness(image), told[0]

    async def several():
        return await asyncio.gather(*(brightened(number) for number in (3, 5 - 1, 6)))

    assert asyncio.run(several()) == [(30, "state"), (40, "state"), (60, "state")]


def test_jobs_are_done_beside_a_session(place, ana):
    with ana.open() as photo:
        photo.drag([((0, 0), (10, 10))], wait=False)
        job = ana.synthesize(seed=1, wait=False)
        job.wait(timeout=60)
        done = row(place.studio, job)
        assert done.worker != row(place.studio, place.studio.jobs.get(photo.id)).worker
        photo.image  # noqa: B018  # it goes on


def test_a_deleted_person_is_shown_no_more(place):
    bob = place.studio.personas.create("bob", PHOTOS, wait=True)
    photo = bob.open()
    with recorded(photo) as frames:
        stop = threading.Event()

        def move():
            while not stop.is_set():
                accepted(lambda: photo.set(smile=time.monotonic() % 1))
                time.sleep(0.01)

        mover = threading.Thread(target=move)
        mover.start()
        until(lambda: len(frames) > 5)
        bob.delete()
        deleted = time.monotonic()
        with pytest.raises(PersonaDeleted):
            while True:
                photo.image  # noqa: B018
        time.sleep(0.5)  # one may have been on its way
        came = len(frames)
        time.sleep(1.0)
        assert len(frames) == came and time.monotonic() - deleted < 15.0
        stop.set()
        mover.join()
    photo.close()


def accepted(call):
    try:
        call()
    except portraitist.PortraitistError:
        return False
    return True


def test_a_killed_process_is_replaced_and_nothing_is_lost(place, ana):
    with ana.open() as photo:
        for value in (0.1, 0.2):
            photo.set(smile=value)
            photo.image  # noqa: B018  # at rest
        photo.undo()
        photo.set(smile=0.5)  # at which the toy kills its process, once
        assert brightness(photo.image) == 50
        assert photo.resumed == 1
        assert [step.values["smile"] for step in photo.history] == [0.1, 0.5]
        pid = child_pid(place.studio, place.studio.jobs.get(photo.id))
        kill(pid)
        until(lambda: gone(pid))
        photo.set(smile=0.7)
        assert brightness(photo.image) == 70
        assert photo.resumed == 2


def test_a_worker_that_is_told_to_stop_hands_its_sessions_over(place, ana):
    with ana.open() as photo:
        photo.set(smile=0.3)
        assert brightness(photo.image) == 30
        if place.fleet:
            stopped = place.fleet.alive()[0]
            place.fleet.add()
            place.fleet.ready()
            stopped.terminate()
        else:
            pid = worker_pid(place.studio)
            place.studio._backend.transport.stop()
            until(lambda: gone(pid))
        until(lambda: photo.resumed == 1)
        photo.set(smile=0.4)
        assert brightness(photo.image) == 40
        assert row(place.studio, place.studio.jobs.get(photo.id)).attempts == 1  # none was charged


def test_it_ends_when_nobody_asks_and_when_nobody_is_there(place, ana):
    jobs = place.studio.jobs
    photo = ana.open(idle_s=3.0)
    assert jobs.get(photo.id).wait(timeout=60).why == "idle"
    with pytest.raises(JobCancelled, match="nothing was asked"):
        until(lambda: photo.set(smile=0.1))
    job = ana.open(seed=BRIEF_GONE, wait=False)
    assert job.wait(timeout=60).why == "gone"
    job = ana.open(wait=False)
    until(lambda: row(place.studio, job).status == "running")
    job.cancel()
    with pytest.raises(JobCancelled):
        job.wait(timeout=60)


def test_no_picture_of_a_session_is_kept_anywhere(place, ana):
    with ana.open() as photo:
        photo.set(smile=0.1)
        photo.image  # noqa: B018  # at rest
        before = kept(place)
        for value in range(2, 8):
            photo.set(smile=value / 10)
            assert brightness(photo.image) == 10 * value
        assert kept(place) == before
        if not place.fleet:
            assert (place.studio._backend.home / "live.sock").stat().st_mode & 0o777 == 0o600


def kept(place):
    """What there is in the store and, in a cluster, in Redis, where a picture could be."""
    found = set(place.studio._backend.store._store.older_than(-1e9))
    if place.fleet:
        found |= {key for key in place.fleet.server.client.scan_iter("*") if "live" in key or "job_" in key}
    return found


def test_a_home_with_a_long_path(tmp_path, fake_operations):
    home = tmp_path / ("deep" * 20) / ("er" * 20)
    studio = portraitist.connect(home=home)
    try:
        with studio.personas.create("ana", PHOTOS, wait=True).open() as photo:
            photo.set(smile=0.2)
            assert brightness(photo.image) == 20
            assert not os.path.exists(home / "live.sock")
    finally:
        embedded(home).transport.stop()
