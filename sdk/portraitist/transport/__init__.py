"""The transport: how a queued job gets a worker's attention. `protocol` says what every adapter must do."""

from .embedded import EmbeddedTransport
from .inline import InlineTransport
from .protocol import Capability, Transport
from .redis import RedisTransport, WorkerInfo

__all__ = ["Capability", "EmbeddedTransport", "InlineTransport", "RedisTransport", "Transport", "WorkerInfo"]
