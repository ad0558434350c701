"""A worker that takes several synthesize jobs at once (`--batch`): each has its own lease, and none spoils the others."""

import pytest

from portraitist.errors import JobCancelled, JobFailed

from .fake_operations import BRIEF, POISON, SLOW
from .fleet import Fleet, starts
from .processes import row, running, until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, fake_operations):
    """One worker that takes up to four."""
    fleet = Fleet(tmp_path_factory.mktemp("batches"))
    fleet.add(more=("--batch", "4"))
    fleet.ready()
    yield fleet
    fleet.stop()


@pytest.fixture
def submit(fleet, create):
    """submit(seed, ...) -> jobs, each about a person of its own, queued before the worker looks."""

    def synthesize(*seeds):
        people = [create(fleet.studio).wait(timeout=120) for _ in seeds]
        blocker = create(fleet.studio, steps=10_000, dt=0.05)
        running(fleet.studio, blocker)
        jobs = [person.synthesize(wait=False, seed=seed) for person, seed in zip(people, seeds, strict=True)]
        blocker.cancel()
        return jobs

    return synthesize


def test_waiting_jobs_run_at_the_same_time(fleet, submit):
    jobs = submit(*[BRIEF] * 6)
    [job.wait(timeout=120) for job in jobs]
    began = sorted(row(fleet.studio, job).started for job in jobs)
    ended = sorted(row(fleet.studio, job).finished for job in jobs)
    assert began[3] < ended[0] and began[4] > ended[0]  # four, then two
    assert all(starts(job) == 1 for job in jobs)


def test_a_job_that_must_be_stopped_does_not_charge_its_companion(fleet, submit):
    stuck, other = submit(SLOW, SLOW)
    until(lambda: [row(fleet.studio, job).status for job in (stuck, other)] == ["running"] * 2)
    stuck.cancel()
    with pytest.raises(JobCancelled):
        stuck.wait(timeout=120)
    until(lambda: row(fleet.studio, other).attempts == 1 and starts_so_far(fleet, other) == 2, timeout=120)
    other.cancel()


def test_a_poison_job_takes_nobody_with_it(fleet, submit):
    poison, *others = submit(POISON, BRIEF, BRIEF)
    for job in others:
        assert job.wait(timeout=120) and row(fleet.studio, job).attempts <= 2
    with pytest.raises(JobFailed, match="3 attempts"):
        poison.wait(timeout=120)


def starts_so_far(fleet, job):
    return [event.kind for event in fleet.ledger.events(job.id)].count("started")
