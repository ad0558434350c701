"""A worker's children are started and buried by one thread at a time."""

import threading
import time
from types import SimpleNamespace

import pytest

from portraitist_workers.queue.children import maintained_by_one

from .processes import children_of, kill


class Pool:
    """Counts how many threads are in `_maintain_pool` at once."""

    def __init__(self):
        self.inside = self.most = 0

    def _maintain_pool(self):
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.05)
        self.inside -= 1


@pytest.mark.parametrize("guarded", [True, False])
def test_one_thread_at_a_time(guarded):
    pool = Pool()
    if guarded:
        maintained_by_one(SimpleNamespace(pool=SimpleNamespace(_pool=pool)))
    threads = [threading.Thread(target=lambda: pool._maintain_pool()) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert (pool.most == 1) == guarded  # unguarded: the negative control


def test_a_child_that_is_killed_while_it_waits_holds_nobody_up(studio, create):
    """It takes the lock of the queue to the children with it."""
    create(studio).wait(timeout=120)
    (child,) = children_of(studio)
    time.sleep(0.5)  # it waits for work
    kill(child)
    assert create(studio).wait(timeout=120).record.figures["starts"] == 1.0
