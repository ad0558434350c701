"""Points of a photo that were pulled elsewhere: the faces before and after, and how far each point got."""

from __future__ import annotations

import html

from .content import Content, Edited
from .person import section, table
from .pictures import arguments, close_ups


def pulls(content: Content) -> str:
    if not content.pulls:
        return ""
    lead = (
        "Points of the face are pulled to other places, and the face follows. <code>drag</code> solves for the cheapest change of the "
        "face that brings them there, <code>move</code> asks a trained network. Places are in the photo’s own pixels."
    )
    head = ["Asked", "Point", "Target", "Reached", "Pixels left", "How it ended", "Seconds"]
    rows = [row for change in content.pulls for row in _rows(change)]
    return section("pull", "Points, pulled", lead, close_ups(content.pulls) + table(head, rows))


def _rows(change: Edited) -> list[list[str]]:
    report, rows = change.after.report, []
    for number, point in enumerate(report.points):
        places = [f"{x:.0f}, {y:.0f}" for x, y in (point.handle, point.target, point.reached)]
        ended = html.escape(f"{point.end}: {point.reason}" if point.reason else point.end)
        asked = "" if number else f"<code>{html.escape(arguments(change.call))}</code>"
        seconds = f"{report.seconds:.1f}" if report.seconds and not number else ""
        rows.append([asked, *places, f"{point.left:.2f}", ended, seconds])
    return rows
