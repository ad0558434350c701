"""Nobody is taken for dead because a full disk keeps leases from being renewed."""

import os
import socket
from dataclasses import replace
from types import SimpleNamespace

import pytest

from portraitist.backend import embedded
from portraitist.ledger import MemoryLedger
from portraitist_workers.queue import supervisor as supervising
from portraitist_workers.settings import Settings

from .test_ledger_conformance import creation

FULL, ROOM = 8192, 2**30  # bytes; writes succeed in both


@pytest.fixture
def status_after(tmp_path, monkeypatch, clock):
    """status_after(free, seconds): of a silent job of a living process, looked at twice a second."""
    backend = replace(embedded(tmp_path / "home"), ledger=MemoryLedger(clock=clock))
    backend.ledger.submit(creation(1))
    backend.ledger.claim("job_1", worker=f"{socket.gethostname()}/{os.getpid()}", lease_s=2.0)
    monkeypatch.setattr(supervising.settings, "current", lambda: Settings(lease_s=2.0))
    monkeypatch.setattr(supervising, "time", SimpleNamespace(time=clock, monotonic=clock))
    monkeypatch.setattr(supervising, "_kill", lambda row: None)
    supervisor = supervising.Supervisor(backend, None, idle_s=0, processes=lambda: [os.getpid()])

    def look(free, seconds):
        monkeypatch.setattr(supervising.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
        for _ in range(int(2 * seconds)):
            clock.now += 0.5
            supervisor.look()
        return backend.ledger.job("job_1").status

    return look


def test_a_write_that_goes_through_on_a_full_disk_shows_nothing(status_after):
    assert status_after(FULL, 30) == "running"


def test_once_there_is_room_a_process_gets_a_lease_to_show_that_it_lives(status_after):
    assert status_after(FULL, 30) == "running"
    assert status_after(ROOM, 2) == "running"
    assert status_after(ROOM, 30) == "queued"


def test_with_room_a_silent_process_is_given_up(status_after):
    """The negative control."""
    assert status_after(ROOM, 2) == "running"
    assert status_after(ROOM, 4) == "queued"
