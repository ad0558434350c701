"""The promises, kept by real processes: Celery workers that are killed, clients that are killed, jobs that are cancelled."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import portraitist
import portraitist_workers
from portraitist import Cancelled, Queued, Running, Succeeded
from portraitist.backend import embedded
from portraitist.errors import (
    Conflict,
    InvalidImage,
    JobCancelled,
    JobFailed,
    JobTimedOut,
    NotFound,
    PersonaDeleted,
    PhotosUnusable,
    QueueUnavailable,
    StorageError,
    StorageFull,
    WaitTimeout,
)

from .fake_operations import SLOW_ONCE
from .processes import PHOTOS, child_pid, children_of, gone, kill, row, running, until, worker_pid

pytestmark = pytest.mark.alone

# -- the ordinary way ------------------------------------------------------------------------------------------------


def test_from_photos_to_pictures(shared, create):
    job = create(shared, "ana", steps=4, dt=0.05)
    ana = job.wait(timeout=120)
    assert ana.name == "ana" and [v.name for v in ana.photos] == ["a.jpg", "b.jpg", "c.jpg"]
    assert isinstance(job.status, Succeeded) and job.done and job.result().id == ana.id
    picture = ana.synthesize(yaw=20, smile=0.5, seed=7)
    assert picture.image.size == (16, 16) and picture.report.attributes["yaw"].requested == 20
    again = portraitist.connect(home=shared._backend.home)  # as another process would
    assert again.jobs.get(job.id).wait().id == again.personas.get("ana").id == ana.id
    grid = again.jobs.get(ana.synthesize(yaw=[-1, 0, 1], smile=[0, 1], wait=False).id).wait(timeout=120)
    assert len(grid) == 6 and grid[1, 2].report.attributes["smile"].requested == 1
    assert shared._backend.store.load_checkpoint(job.id) is None


def test_events_tell_everything_in_order(shared, create):
    job = create(shared, steps=6, dt=0.15)
    events = list(job.events())
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    kinds = [e.kind for e in events]
    assert kinds[:2] == ["queued", "started"] and kinds[-1] == "succeeded" and kinds.count("progress") >= 3
    assert [e.progress.step for e in events if e.progress] == sorted(e.progress.step for e in events if e.progress)
    assert [e.seq for e in job.events(after=2)] == [e.seq for e in events[2:]]


@pytest.mark.parametrize(
    "error, expected",
    [(1, InvalidImage), (2, PhotosUnusable), (3, JobFailed), (4, JobFailed)],
)
def test_errors_come_back_as_what_they_were(shared, create, error, expected):
    job = create(shared, error=error)
    with pytest.raises(expected) as caught:
        job.wait(timeout=120)
    assert type(caught.value) is expected and caught.value.details["job_id"] == job.id
    if expected is InvalidImage:
        assert caught.value.param == "a.jpg"
    if expected is PhotosUnusable:
        assert caught.value.photos == [{"name": "a.jpg", "accepted": False}]
    if error == 3:
        assert "ZeroDivisionError: on purpose" in caught.value.message
    with pytest.raises(NotFound):  # nothing half-made
        shared.personas.get(f"{job.id}")
    assert create(shared, "after-the-error").wait(timeout=120)  # the worker is alive
    shared.personas.delete("after-the-error")


def test_wait_timeout_leaves_the_job_running(shared, create):
    job = create(shared, steps=30, dt=0.1)
    with pytest.raises(WaitTimeout, match=job.id):
        job.wait(timeout=0.2)
    with pytest.raises(TimeoutError):
        job.wait(timeout=0)
    with pytest.raises(WaitTimeout):
        job.result()
    assert job.wait(timeout=120)


def test_a_picture_does_not_wait_for_a_person_who_is_learnt(studio, create):
    """It has a process of its own, which is started when it is needed. Either may be killed, and the other goes on."""
    person = create(studio).wait(timeout=120)
    assert len(children_of(studio)) == 1
    learning = create(studio, steps=10_000, dt=0.05)
    running(studio, learning)
    waiting = create(studio)
    pictures = person.synthesize(wait=False)
    assert pictures.wait(timeout=120) and isinstance(learning.status, Running) and waiting.status == Queued(ahead=0)
    assert {child_pid(studio, pictures), child_pid(studio, learning)} == children_of(studio)
    slow = person.synthesize(seed=SLOW_ONCE, wait=False)
    until(lambda: isinstance(slow.status, Running))
    kill(child_pid(studio, slow))
    assert slow.wait(timeout=120) and row(studio, slow).attempts == 2
    assert row(studio, learning).attempts == 1 and row(studio, waiting).attempts == 0
    learning.cancel()
    waiting.wait(timeout=120)
    assert all(person.synthesize(seed=seed) for seed in range(5))


# -- cancellation ----------------------------------------------------------------------------------------------------


def test_cancel_queued_and_running(shared, create):
    first = create(shared, steps=10_000, dt=0.05)
    second = create(shared)
    running(shared, first)
    assert second.cancel() == Cancelled()
    first.cancel()
    with pytest.raises(JobCancelled):
        first.wait(timeout=120)
    assert stopped_hard(shared, first) is False
    assert first.cancel() == Cancelled()  # again: nothing happens
    for job in (first, second):
        with pytest.raises(JobCancelled):
            job.result()
    assert shared._backend.store.load_checkpoint(first.id) is None
    create(shared, row(shared, first).request["name"]).wait(timeout=120)  # the name is free


def test_cancel_a_job_that_does_not_listen(shared, create):
    job = create(shared, deaf=1, steps=10_000, dt=0.05)
    until(lambda: isinstance(job.status, Running))
    began, child = time.monotonic(), child_pid(shared, job)
    job.cancel()
    with pytest.raises(JobCancelled):
        job.wait(timeout=120)
    assert time.monotonic() - began < 60.0
    until(lambda: stopped_hard(shared, job))
    until(lambda: gone(child))
    assert create(shared).wait(timeout=120)


def stopped_hard(studio, job):
    """Whether its process was killed since it did not listen."""
    return f"job {job.id}: it did not stop when asked to" in (studio._backend.home / "worker.log").read_text()


def test_wait_can_cancel_on_timeout(shared, create):
    job = create(shared, steps=10_000, dt=0.05)
    with pytest.raises(WaitTimeout):
        job.wait(timeout=0.3, cancel_on_timeout=True)
    until(lambda: job.status == Cancelled())


# -- kill -9 ---------------------------------------------------------------------------------------------------------


def test_a_killed_child_resumes_from_its_checkpoint(shared, create):
    job = create(shared, steps=10, dt=0.05, kill_at=6, kills=1)
    persona = job.wait(timeout=120)
    assert persona.record.figures == {"first_step_of_last_attempt": 6.0, "starts": 2.0}
    assert row(shared, job).attempts == 2
    assert [e.kind for e in job.events() if e.kind != "progress"] == [
        "queued",
        "started",
        "requeued",
        "started",
        "succeeded",
    ]


def test_photos_are_added_by_a_job_that_may_be_killed(shared, create):
    """The old record serves until the new one is whole; what runs beside it is refused."""
    ana = create(shared).wait(timeout=120)
    photos, script = [("d.jpg", b"fourth")], {"d.jpg": {"steps": 80, "dt": 0.05, "kill_at": 6, "kills": 1}}
    job = ana.add(photos, labels=script, wait=False)
    running(shared, job, step=7)
    assert shared.personas.get(ana.id).record == ana.record
    assert ana.add(photos, labels=script, wait=False).id == job.id
    with pytest.raises(Conflict, match=job.id):
        ana.add([("e.jpg", b"fifth")])
    better = job.wait(timeout=120)
    assert (
        better.record.figures == {"first_step_of_last_attempt": 6.0, "starts": 2.0} and row(shared, job).lane == "tune"
    )
    assert (better.id, len(better.photos)) == (ana.id, 4) and shared.personas.get(ana.id).record == better.record
    sealed = shared._backend.sealed(ana.id)
    assert sealed.get(better.record.weights) == b"better " + sealed.get(ana.record.weights)
    cancelled = better.add([("e.jpg", b"fifth")], labels={"e.jpg": {"steps": 10_000, "dt": 0.05}}, wait=False)
    running(shared, cancelled)
    cancelled.cancel()
    with pytest.raises(JobCancelled):
        cancelled.wait(timeout=120)
    assert shared.personas.get(ana.id).record == better.record


def test_a_child_killed_from_outside(shared, create):
    job = create(shared, steps=100, dt=0.05)
    running(shared, job, step=5)
    kill(child_pid(shared, job))
    persona = job.wait(timeout=120)
    assert persona.record.figures["first_step_of_last_attempt"] >= 5


def test_a_poison_job_stops_and_the_queue_moves_on(shared, create):
    poison, good = create(shared, steps=3, kill_at=1), create(shared)
    began = time.monotonic()
    with pytest.raises(JobFailed, match="3 attempts") as caught:
        poison.wait(timeout=120)
    assert caught.value.job_id == poison.id
    assert good.wait(timeout=120) and time.monotonic() - began < 120
    assert row(shared, poison).attempts == 3


def test_a_killed_worker_is_replaced_while_a_client_waits(studio, create):
    job = create(studio, steps=60, dt=0.05)
    running(studio, job, step=5)
    child = child_pid(studio, job)
    kill(worker_pid(studio))
    persona = job.wait(timeout=120)
    assert persona.record.figures["first_step_of_last_attempt"] >= 5 and row(studio, job).attempts == 2
    until(lambda: gone(child))  # the orphan did not go on


def test_a_child_that_starts_when_its_worker_is_dead_ends():
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    code = "import time; from portraitist_workers.queue.tasks import _die_with_parent as f; f(); time.sleep(100)"
    environment = {**os.environ, "PORTRAITIST_WORKER_PID": str(dead.pid)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=120).returncode == 1


def test_a_killed_worker_is_replaced_by_the_next_client(studio, create):
    job = create(studio, steps=60, dt=0.05)
    running(studio, job, step=5)
    kill(worker_pid(studio))
    until(lambda: not studio.describe()["alive"])
    assert row(studio, job).status == "running"  # nobody has noticed yet
    later = portraitist.connect(home=studio._backend.home)
    assert later.jobs.get(job.id).wait(timeout=120).record.figures["starts"] == 2.0


CLIENT = """
import sys, portraitist
studio = portraitist.connect(home=sys.argv[1])
job = studio.personas.create("ana", [("a.jpg", b"1")], labels={"a.jpg": {"steps": 80, "dt": 0.05}})
print(job.id, flush=True)
job.wait()
"""


def test_the_job_of_a_killed_client_goes_on(studio):
    """Also from a script without a __main__ guard, read from stdin."""
    client = subprocess.Popen(
        [sys.executable, "-", str(studio._backend.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    client.stdin.write(CLIENT)
    client.stdin.close()
    job = studio.jobs.get(client.stdout.readline().strip())
    running(studio, job)
    client.kill()
    client.wait()
    assert job.wait(timeout=120).record.figures["starts"] == 1.0


def test_stopping_the_worker_charges_no_attempt(studio, create):
    job = create(studio, steps=60, dt=0.05)
    running(studio, job, step=3)
    child = child_pid(studio, job)
    assert studio._backend.transport.stop()
    assert isinstance(job.status, Queued) and row(studio, job).attempts == 0
    until(lambda: gone(child))
    assert job.wait(timeout=120).record.figures["first_step_of_last_attempt"] >= 3
    assert row(studio, job).attempts == 1


def test_an_outdated_worker_is_replaced_between_jobs(studio, create, tmp_path, monkeypatch):
    copy = tmp_path / "installed" / "portraitist_workers"
    source = Path(portraitist_workers.__file__).parent
    shutil.copytree(source, copy, ignore=lambda folder, names: [n for n in names if not n.endswith(".py") and "." in n])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(copy.parent), os.environ["PYTHONPATH"]]))
    create(studio).wait(timeout=120)
    first = worker_pid(studio)
    job = create(studio, steps=60, dt=0.05)
    running(studio, job)
    (copy / "upgrade.py").write_text("")
    assert job.wait(timeout=120).record.figures["starts"] == 1.0  # not interrupted
    until(lambda: worker_pid(studio) != first and studio.describe()["alive"])
    create(studio).wait(timeout=120)


@pytest.mark.slow
def test_no_job_is_lost_in_a_storm(studio):
    """30 jobs while children and whole workers are killed: all end, each has its effect once."""
    jobs = [studio.personas.create(f"p{n}", PHOTOS, labels={"a.jpg": {"steps": 3, "dt": 0.02}}) for n in range(30)]
    hit = set()
    for kind in ("child", "child", "worker", "child", "worker", "child"):

        def victim():
            rows = studio._backend.ledger.running()
            return rows[0] if rows and rows[0].id not in hit and rows[0].worker else None

        target = until(victim, timeout=120)
        hit.add(target.id)
        kill(int(target.worker.rpartition("/")[2]) if kind == "child" else worker_pid(studio))
        studio._backend.transport.check() if kind == "child" else until(lambda: not studio.describe()["alive"])
        studio._backend.transport.check()
    people = {job.wait(timeout=120).name for job in jobs}
    assert len(people) == 30 == len(studio.personas.list())
    for job in jobs:
        kinds = [e.kind for e in job.events()]
        assert kinds.count("succeeded") == 1 and kinds[-1] == "succeeded"
        assert row(studio, job).attempts <= 3


def test_a_cancelled_job_whose_worker_is_dead(studio, create):
    job = create(studio, steps=10_000, dt=0.05)
    running(studio, job)
    kill(worker_pid(studio))
    until(lambda: not studio.describe()["alive"])
    job.cancel()
    until(lambda: job.status == Cancelled())


def test_a_process_that_hangs_loses_its_lease(studio, create, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_LEASE_S", "2")
    job = create(studio, stop=1)
    assert job.wait(timeout=120).record.figures["starts"] == 2.0
    assert "stopped answering" in next(e.detail for e in job.events() if e.kind == "requeued")


def test_a_job_that_takes_too_long_fails(studio, create, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_LIMIT_TUNE_S", "5")  # a new process takes a while to its first step
    quick, slow = create(studio, steps=3), create(studio, steps=1000, dt=0.05)
    quick.wait(timeout=120)
    with pytest.raises(JobTimedOut, match="time limit of 5 s.*PORTRAITIST_LIMIT_TUNE_S") as caught:
        slow.wait(timeout=120)
    assert caught.value.stage == "work" and row(studio, slow).attempts == 1


def test_a_job_that_takes_too_long_and_does_not_notice_is_killed(studio, create, monkeypatch):
    """Once: a second attempt would take as long. The file that it was busy with is named, also where steps before it came too fast to be
    told at once."""
    monkeypatch.setenv("PORTRAITIST_LIMIT_TUNE_S", "5")
    job = create(studio, stuck=1)
    with pytest.raises(JobTimedOut, match="time limit of 5 s in stage 'intake', at the file 'b.jpg'") as caught:
        job.wait(timeout=120)
    assert (caught.value.stage, caught.value.param) == ("intake", "b.jpg") and "memory" not in str(caught.value)
    assert row(studio, job).attempts == 1 and [e.kind for e in job.events()].count("started") == 1
    deaf = create(studio, steps=1000, dt=0.05, deaf=1)
    with pytest.raises(JobTimedOut, match="before its first stage; choose"):
        deaf.wait(timeout=120)


@pytest.mark.slow
def test_a_job_longer_than_its_lease_is_started_once(studio, create, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_LEASE_S", "2")
    job = create(studio, steps=70, dt=0.1)
    assert job.wait(timeout=120).record.figures["starts"] == 1.0 and row(studio, job).attempts == 1


# -- one of everything -----------------------------------------------------------------------------------------------


def test_clients_that_race_start_one_worker_and_one_job(studio):
    home, jobs = studio._backend.home, []

    def submit():
        jobs.append(portraitist.connect(home=home).personas.create("ana", PHOTOS))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len({job.id for job in jobs}) == 1 and len(studio.jobs.list()) == 1
    jobs[0].wait(timeout=120)
    assert [e.kind for e in jobs[0].events()].count("started") == 1

    def workers():
        lines = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
        return [line for line in lines if "portraitist_workers.queue.embedded" in line and str(home) in line]

    until(lambda: len(workers()) == 1)  # those that came late find the lock taken, and end


def test_the_same_name_again(shared, create):
    job = create(shared, "twice")
    assert create(shared, "twice").id == job.id
    person = job.wait(timeout=120)
    assert create(shared, "twice").wait(timeout=1).id == person.id
    with pytest.raises(Conflict, match="twice") as caught:
        shared.personas.create("twice", PHOTOS[:2])
    assert caught.value.param == "name" and caught.value.details["job_id"] == job.id


def test_idle_workers_end_and_new_ones_start(tmp_path, create, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_IDLE_S", "0.3")
    studio = portraitist.connect(home=tmp_path)
    create(studio).wait(timeout=120)
    until(lambda: not studio.describe()["alive"])
    create(studio).wait(timeout=120)
    until(lambda: not studio.describe()["alive"])


def test_a_worker_that_cannot_start_is_told(tmp_path, create, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_IDLE_S", "not a number")
    studio = portraitist.connect(home=tmp_path)
    job = create(studio)
    with pytest.raises(QueueUnavailable, match="not a number"):
        job.wait(timeout=120)
    assert isinstance(job.status, Queued)  # not lost
    monkeypatch.setenv("PORTRAITIST_IDLE_S", "0.3")
    assert portraitist.connect(home=tmp_path).jobs.get(job.id).wait(timeout=120)


# -- deletion and damage ---------------------------------------------------------------------------------------------


def test_delete_removes_every_byte(studio, create):
    job = create(studio, "ana")
    ana = job.wait(timeout=120)
    picture = ana.edit(("p.png", b"a photo to edit"), yaw=3)
    other = studio.personas.create("other", [PHOTOS[0]]).wait(timeout=120)
    ana.delete()
    blobs = {p.name for p in (studio._backend.home / "blobs").glob("??/*")}
    photos = row(studio, studio.jobs.list()[0]).request["photos"]  # equal to one of the deleted, but another's
    assert blobs == {other.record.weights, *(photo["blob"] for photo in photos)}
    for call in (
        ana.synthesize,
        lambda: ana.edit(b"x", yaw=1),
        lambda: studio.personas.delete("ana"),
        lambda: studio.personas.get("ana"),
        job.wait,
    ):
        with pytest.raises(PersonaDeleted):
            call()
    with pytest.raises(NotFound):
        picture.read()
    assert [p.name for p in studio.personas.list()] == ["other"] and other.synthesize()
    assert create(studio, "ana").wait(timeout=120).id != ana.id


def test_delete_while_it_is_being_created(shared, create):
    job = create(shared, "unwanted", steps=10_000, dt=0.05)
    running(shared, job)
    shared.personas.delete("unwanted")
    with pytest.raises(PersonaDeleted):
        job.wait(timeout=120)
    assert create(shared).wait(timeout=120)


def test_the_store_is_removed_under_a_running_job(studio, create, tmp_path):
    job = create(studio, steps=10_000, dt=0.05)
    running(studio, job)
    for name in ("blobs", "checkpoints"):  # renamed first: the worker writes into them all the time
        (studio._backend.home / name).rename(tmp_path / name)
        shutil.rmtree(tmp_path / name)
    with pytest.raises(StorageError, match="gone"):
        job.wait(timeout=120)
    with pytest.raises(StorageError, match="gone"):
        create(studio)
    portraitist.connect(home=studio._backend.home)  # a new connection makes the folders again
    assert create(studio).wait(timeout=120)


def test_the_whole_home_is_removed_under_a_running_job(studio, create, tmp_path):
    job = create(studio, steps=10_000, dt=0.05)
    running(studio, job)
    main = worker_pid(studio)
    studio._backend.home.rename(tmp_path / "removed")  # first: the worker writes into it all the time
    shutil.rmtree(tmp_path / "removed")
    with pytest.raises(StorageError):
        job.wait(timeout=120)
    until(lambda: gone(main))
    assert not studio._backend.home.exists()


@pytest.fixture
def small_disk(tmp_path):
    """4 MB; needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("not allowed to mount a small disk")
    yield disk
    if (disk / "home").exists():
        embedded(disk / "home").transport.stop()
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk):
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
    return filler


def test_what_never_fits_on_the_disk_fails_in_the_end(small_disk, create, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_FULL_PATIENCE_S", "0.5")
    studio = portraitist.connect(home=small_disk / "home")
    with pytest.raises(StorageFull, match="free some space") as caught:
        create(studio, fill=8000).wait(timeout=120)
    assert caught.value.details["job_id"]
    assert (
        create(studio, "ana").wait(timeout=120).synthesize()
    )  # nothing half-written took the room; the worker is alive


def test_a_job_waits_for_room_on_a_full_disk_and_goes_on(small_disk, create, monkeypatch):
    """Longer than its lease, which cannot be renewed meanwhile. Whoever submits is told at once."""
    monkeypatch.setenv("PORTRAITIST_LEASE_S", "1.5")
    studio = portraitist.connect(home=small_disk / "home")
    ana = create(studio, "ana").wait(timeout=120)
    job = create(studio, steps=60, dt=0.05)
    running(studio, job)
    filler = fill(small_disk)
    with pytest.raises(StorageFull):
        create(studio, "bob")
    time.sleep(4.0)
    assert isinstance(job.status, Running)
    filler.unlink()
    first = job.wait(timeout=120).record.figures["first_step_of_last_attempt"]
    told = [(event.kind, event.detail) for event in job.events() if event.kind != "progress"]
    assert first == 0 and row(studio, job).attempts == 1, told
    assert ana.synthesize() and create(studio, "bob").wait(timeout=120)


def test_a_blob_that_was_damaged(shared, create):
    """Found when it is read, told, and mended by sending the photos again."""
    blocker = create(shared, steps=10_000, dt=0.05)
    running(shared, blocker)
    job = shared.personas.create("damaged", [("x.jpg", b"unique photo")])
    digest = row(shared, job).request["photos"][0]["blob"]
    embedded(shared._backend.home).store._blob(digest).write_bytes(b"unique phoTo")
    blocker.cancel()
    with pytest.raises(StorageError, match="damaged"):
        job.wait(timeout=120)
    assert shared.personas.create("damaged", [("x.jpg", b"unique photo")]).wait(timeout=120)


def test_sigterm_of_the_worker_ends_all_its_processes(studio, create):
    job = create(studio, steps=10_000, dt=0.05)
    running(studio, job)
    main = psutil.Process(worker_pid(studio))
    family = [main, *main.children(recursive=True)]
    os.kill(main.pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=120)
    assert not alive
    job.cancel()


def test_a_worker_in_the_foreground(studio, create):
    """`portraitist worker`, as in a container: serves, refuses a second one, and gives its job back when told to end."""
    command = [sys.executable, "-m", "portraitist", "worker", "--home", str(studio._backend.home)]
    worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until(lambda: studio.describe()["alive"])
    job = create(studio, steps=10_000, dt=0.05)
    running(studio, job)
    assert worker_pid(studio) == worker.pid
    second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 1 and "already running" in second.stderr
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=120) == 0
    assert isinstance(job.status, Queued) and row(studio, job).attempts == 0
    job.cancel()
