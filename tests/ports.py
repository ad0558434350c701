"""A port for a server that a test starts."""

import random
import socket


def free_port():
    """Free on 127.0.0.1, and not of the range from which the system gives a port to whoever asks for any. Before the
    server starts, or while it is away, a connection of another program would take one of those."""
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is no free port")
