"""Keys of whoever asks over HTTP: made, listed, revoked and looked up."""

from .protocol import SCOPES, ApiKeyRow, ApiKeys, Scope

__all__ = ["SCOPES", "ApiKeyRow", "ApiKeys", "Scope"]
