"""`portraitist`: the SDK's verbs on the command line.

One line per error, with the remedy, on stderr. Exit codes: 0 done, 1 it failed, 2 the call was wrong, 130 interrupted.
"""

from .app import main

__all__ = ["main"]
