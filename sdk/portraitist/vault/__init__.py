"""Keys, and what depends on them: a data key per persona, and signed receipts of deletions. docs/storage.md tells the whole."""

from .keyring import Keyring, in_file, in_memory, new_secret

__all__ = ["Keyring", "in_file", "in_memory", "new_secret"]
