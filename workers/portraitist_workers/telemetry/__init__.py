"""How a worker tells what it does: logs, metrics, traces, health. All of it is told about jobs by their ids, never by content."""

from .attempt import Attempt

__all__ = ["Attempt"]
