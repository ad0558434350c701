"""Text from elsewhere, as it is shown: names of files, licences, certificates, what a decoder says."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` on one line, without what a terminal would obey instead of showing it: control characters, with them escape sequences,
    and marks that hide text or turn its direction."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
