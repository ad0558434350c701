"""What errors say, in the words of the command line: commands and options in place of calls and arguments."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..attributes import ATTRIBUTES
from ..degradations import DEGRADATIONS

_KINDS = {cls.__name__: str(cls.model_fields["kind"].default).replace("_", "-") for cls in DEGRADATIONS}
_OPTIONS = (
    "home store url tenant attributes preset organizer prior grid seed size background space layout retain_days strict mask "
    "region strength scope part like shape texture style base steps samples"
).split()

_SAID: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"\w+=(\['[^']*'\]|'[^']*'), on the command line (?=--)", ""),  # that says both
    (r"studio\.(jobs|personas)\.list\(\)", r"`portraitist \1`"),
    (r"studio\.jobs\.get\('(\w+)'\)", r"`portraitist jobs \1 --follow`"),
    (r"wait\(\) for it", "wait for it with --follow"),
    (r"as in edit\(photo, yaw=-15\)", "as in --yaw -15"),
    (r"as in edit\(photo, part='hair', like=other\)", "as in --part hair --like OTHER"),
    (r"write portraitist\.Part\('hair', like=\.\.\.\)", "write --part hair --like OTHER"),
    (r"give a list, as in points=\S+ \S+ \S+ \S+", "use --move HANDLE:TARGET, as in --move 212,180:230,180"),
    (r"as in drag\(…, frames=12\)", "as drag --video makes them"),
    (r"is given as By\(x, y\)", "has signs, as in +8,-4"),
    (r"say in how many pictures, as in compose\(…, frames=12\)", "write them with --video"),
    (r"as in values=.*", "as in --set yaw=-20 --set yaw=20"),
    (r"\b(edit|enhance|drag|move|strip|extend|restyle)\(\)", r"\1"),
    (r"\bsynthesize\(\)", "`portraitist synthesize`"),
    (r"connect\(url, store='([^']*)'\) or PORTRAITIST_STORE", r"set PORTRAITIST_STORE, as in \1"),
    (r"connect\(home=…\)", "--home"),
    (r"connect again", "try again"),
    (r"pass consent=portraitist\.Consent\(.*?\)", "give it with --consent FILE"),
    (r"\(text=…\)", '("text": …)'),
    (r"pass labels=\{.*\} for every photo", "give one for every photo with --labels FILE"),
    (r" \(accept_licence=True\)", ""),
    (r"attributes=\(\.\.\., '(\w+)'\)", r"--attributes …,\1"),
    (r"attributes=\(\.\.\.\) that include", "--attributes that include"),
    (r"grid=\('(\w+)', '(\w+)'\)", r"--grid \1,\2"),
    (r"leave strict out", "leave --strict out"),
    (r"\bn=(\S)", r"-n \1"),
    (rf"\b({'|'.join(_KINDS)})\.(\w+)=", lambda found: f"--degradation {_KINDS[found[1]]}: {found[2]} "),
    (
        rf"(?<!-)(?<!--set )\b({'|'.join(_OPTIONS)}|{'|'.join(ATTRIBUTES)})=…?",
        lambda found: f"--{found[1].replace('_', '-')} ",
    ),
    (r" {2,}(?=\S)", " "),
]


def spoken(message: str) -> str:
    """An error's message as the command line says it."""
    for pattern, words in _SAID:
        message = re.sub(pattern, words, message)
    return message
