"""The storm of promise 1, for whatever fleet it falls on: workers and children killed, workers told to quit, the server killed
and started again, Celery's messages deleted."""

import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress

import psutil
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from portraitist.errors import PortraitistError

from .processes import until

WORKERS = 4


def submitter(submit, count, *, scale):
    """A thread that calls submit(number) for each of `count` jobs, spread over about the time of the storm, and again whenever
    the server refuses."""

    def all_of_them():
        began, seconds = time.monotonic(), 75.0 * scale
        for number in range(count):
            time.sleep(max(0.0, began + seconds * number / count - time.monotonic()))
            while True:
                try:
                    submit(number)
                    break
                except (PortraitistError, KombuError, RedisError):
                    time.sleep(0.2)

    return threading.Thread(target=all_of_them)


def storm(fleet, *, scale, seed=0, without=()):
    """Blows at random times, as many workers alive as before after each. Returns how often each kind fell."""
    choose = random.Random(seed)
    numbers = {"worker": 50, "child": 50, "quit": 10, "server": 5, "messages": 3}
    blows = [
        kind for kind, number in numbers.items() if kind not in without for _ in range(max(1, round(number * scale)))
    ]
    choose.shuffle(blows)
    for blow in blows:
        time.sleep(choose.uniform(0.2, 1.0) if scale >= 1 else 0.5)
        until(lambda: len(fleet.alive()) > 0)
        victim = choose.choice(fleet.alive())
        if blow == "worker":
            victim.kill()
        elif blow == "quit":
            victim.send_signal(signal.SIGQUIT)
        elif blow == "child":
            with suppress(psutil.Error, ProcessLookupError):  # it is ending already
                [c.kill() for c in psutil.Process(victim.pid).children() if "spawn_main" in " ".join(c.cmdline())]
        elif blow == "server":
            fleet.server.kill()
            time.sleep(choose.uniform(0.1, 2.0))
            fleet.server.start()
        else:
            fleet.forget_messages()
        fleet.add(WORKERS - len(fleet.alive()))
    return dict(Counter(blows))
