"""A real Redis or Valkey server of the test's own: on a free port, in a folder of its own, stopped when the test ends."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import pytest
import redis
from ports import free_port

PROGRAMS = ("redis-server", "valkey-server")


def program():
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip(
            "there is no redis-server on the PATH; install it (Debian: apt-get install redis-server) to run this test"
        )
    return found


class RedisServer:
    """aof: it keeps what it has accepted, through `kill` and `start`."""

    def __init__(self, folder, *, aof=False, password=""):
        self._folder, self._aof, self._password, self._program = folder, aof, password, program()
        for _ in range(3):  # another program may take a port that was free
            self.port = free_port()
            secret = f":{password}@" if password else ""
            self.url = f"redis://{secret}127.0.0.1:{self.port}/0"
            self.client = redis.Redis.from_url(self.url, decode_responses=True)
            self._launch()
            if self._answers():
                return
        raise AssertionError("redis-server did not start")

    def start(self):
        """Again, on the same port."""
        self._launch()
        assert self._answers(), "redis-server did not start"

    def _launch(self):
        options = ["--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self._folder]
        options += ["--rdbcompression", "no"]  # so that a test can search its files
        options += ["--appendonly", "yes" if self._aof else "no", "--appendfsync", "always"]
        options += ["--maxmemory-policy", "noeviction", "--logfile", self._folder / "redis.log"]
        options += ["--requirepass", self._password] if self._password else []
        self.process = subprocess.Popen([self._program, *map(str, options)])

    def _answers(self):
        """Wait until it does. False when it has ended, as it does where its port is taken; whoever took it may answer, too."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            with suppress(redis.RedisError):
                if self.client.info("server")["process_id"] == self.process.pid:
                    return True
            time.sleep(0.02)
        return False

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        self.process.wait(timeout=120)
