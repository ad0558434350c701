"""Where the signing secrets come from. None is ever written into the ledger.

One *master* secret belongs to the operator: PORTRAITIST_WEBHOOK_SECRET in the workers' environment, or a file in the embedded
studio's home, made when it is first needed. Each tenant's secret is derived from it, so there is nothing to store or look
up per tenant, and knowing one tenant's says nothing about another's.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError
from .wire import key_of, secret_of

VARIABLE = "PORTRAITIST_WEBHOOK_SECRET"  # one `whsec_…`; while it is replaced two, with a space between, the new one first
_FILE = "webhook.key"


def masters(home: Path | None) -> list[str]:
    """The newest first; empty in a cluster whose operator has set none. Raises InvalidRequest, StorageError."""
    given = os.environ.get(VARIABLE, "").split()
    found = given or ([] if home is None else [_in_home(home / _FILE)])
    for one in found:
        key_of(one)
    return found


def of_tenant(master: str, tenant: str) -> str:
    """The `whsec_…` that signs the tenant's webhooks: HMAC-SHA256 of its name under the master."""
    return secret_of(hmac.digest(key_of(master), b"portraitist webhooks of " + tenant.encode(), "sha256"))


def _in_home(path: Path) -> str:
    """Of two processes that make it at once, one wins and both read the winner's."""
    try:
        if not path.exists():
            mine = path.with_name(f".{_FILE}-{secrets.token_hex(8)}")
            mine.touch(mode=0o600)
            mine.write_text(secret_of(secrets.token_bytes(32)))
            with suppress(FileExistsError):
                os.link(mine, path)
            mine.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise StorageError(f"cannot use {path}: {error.strerror}; check the folder's permissions", param=str(path)) from error
