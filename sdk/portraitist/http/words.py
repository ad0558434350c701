"""What errors say, in the words of the HTTP API: routes and JSON in place of calls and arguments. (`cli/words.py` is its sister.)"""

from __future__ import annotations

import re

_SAID: list[tuple[str, str]] = [
    (r"studio\.(jobs|personas|priors)\.list\(\)", r"GET /v1/\1"),
    (r"studio\.jobs\.get\('(\w+)'\)", r"GET /v1/jobs/\1"),
    (r"studio\.webhooks\.secret\(\)", "GET /v1/webhooks/secret"),
    (r"wait\(\) for it", "follow it, or ask again with `Prefer: wait`"),
    (r"as in edit\(photo, yaw=-15\)", 'as in {"values": {"yaw": -15}}'),
    (r"\b(edit|enhance|synthesize)\(\)", r"\1"),
    (r"pass consent=portraitist\.Consent\(.*?\)", 'send "consent": {"subject": …, "by": …, "text": …}'),
    (
        r"a degradation such as portraitist\.Downsample\(8\)",
        'a degradation such as {"kind": "downsample", "factor": 8}',
    ),
    (r"\(text=…\)", '("text")'),
    (r"pass labels=\{.*\} for every photo", 'give one for every photo in "labels"'),
    (r"create it with attributes=\(\.\.\., '(\w+)'\)", r'create it with "\1" among its "attributes"'),
    (r"grid=\('(\w+)', '(\w+)'\)", r'"grid": ["\1", "\2"]'),
    (r"\bstrict=True\b", '"strict": true'),
]


def spoken(message: str) -> str:
    """An error's message as the API says it."""
    for pattern, words in _SAID:
        message = re.sub(pattern, words, message)
    return message
