"""The store: bytes by content hash, and one checkpoint per job. `protocol` says what every adapter must do."""

from .folder import FolderStore
from .memory import MemoryStore
from .protocol import Store, digest_of, is_digest
from .remote import FsspecStore
from .sealed import SealedStore
from .tenant import TenantStore

__all__ = [
    "FolderStore",
    "FsspecStore",
    "MemoryStore",
    "SealedStore",
    "Store",
    "TenantStore",
    "digest_of",
    "is_digest",
]
