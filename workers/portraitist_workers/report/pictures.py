"""The report's second half: pictures that were made, with what was measured on them."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PIL.Image import Image, Resampling

from portraitist.results import PictureReport

from . import plots, words
from .content import Content, Edited, Restored, Shown
from .embed import figure, img
from .person import identity_share, photo_values, requested_achieved, section, synthesised, table


def portraits(content: Content) -> str:
    """Single requests, as code and picture."""
    if not content.asked:
        return ""
    cards = "".join(
        f'<figure class="card">{img(p.image, f"Portrait made by {call}")}<figcaption><code>{html.escape(call)}</code>'
        f'<p class="figures">{words.achieved(p.report)}</p><p class="figures">{identity(p.report)}</p></figcaption></figure>'
        for call, p in content.asked
    )
    lead = "One line of code each. What is named is set; what is not is drawn at random from the person’s own space."
    return section("portraits", "Portraits on request", lead, f'<div class="cards four">{cards}</div>')


def identity(report: PictureReport) -> str:
    """In words."""
    if report.identity_percentile is None:
        return ""
    text = f"likeness {report.identity:.2f}, " if report.identity is not None else ""
    text += f"above {report.identity_percentile:.0f} % of their own photos"
    if report.nearest_photo_distance is not None:
        text += f" · nearest photo at {report.nearest_photo_distance:.2f}"
    return text


def grid(content: Content) -> str:
    if content.grid is None:
        return ""
    (across, xs), (down, ys) = content.grid.columns, content.grid.rows
    pictures = list(content.grid.pictures)
    head = "".join(f'<th scope="col">{words.value(across, x)}</th>' for x in xs)
    rows = []
    for r, y in enumerate(ys):
        cells = ""
        for c, x in enumerate(xs):
            alt = f"{words.name(across)} {words.value(across, x)}, {words.name(down).lower()} {words.value(down, y)}"
            cells += f"<td>{_cell(pictures[r * len(xs) + c], alt)}</td>"
        rows.append(f'<tr><th scope="row">{words.value(down, y)}</th>{cells}</tr>')
    lead = (
        f"{words.name(across)} across, {words.name(down).lower()} down, one random draw: everything but the two stays. Below "
        "each picture: requested → achieved, as measured on it."
    )
    body = (
        f'<div class="scroll"><table class="grid" style="--n:{len(xs)}"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    return section("grid", f"{words.name(across)} × {words.name(down).lower()}", lead, body)


def _cell(shown: Shown, alt: str) -> str:
    numbers = "".join(
        f"<span>{words.value(n, a)} → <b>{words.value(n, b)}</b></span>" for n, a, b in words.wanted(shown.report)
    )
    return f'<figure>{img(shown.image, alt)}<figcaption class="figures">{numbers}</figcaption></figure>'


def precision(content: Content) -> str:
    """Scatter per attribute, and what else moved over the same sweeps."""
    charts = []
    for attribute, pictures in content.sweeps.items():
        pairs = requested_achieved(attribute, pictures)
        if len(pairs) < 2:
            continue
        error = pictures[0].report.attributes[attribute].error
        rank = words.rank_correlation(*zip(*pairs, strict=True))
        off = words.median([abs(a - b) for a, b in pairs])
        caption = f"median error <b>{words.error(attribute, off)}</b>"
        caption += f" · rank correlation <b>{rank:.3f}</b>" if rank is not None else ""
        caption += f"<br>the estimator itself errs by {words.error(attribute, error)}"
        chart = plots.scatter(attribute, pairs, error, photo_values(content, attribute))
        charts.append(figure(f"<h3>{html.escape(words.name(attribute))}</h3>{chart}", caption, "chart"))
    if not charts:
        return ""
    share = identity_share(synthesised(content))
    lead = (
        "Each attribute was swept over its reach, everything else held. Dots on the line are exact; the band is the error of the "
        "network that measures the pictures, so nothing inside it can be told from exact. The same network steers the pictures: "
        "read these as how well requests are met by its measure. Short marks at the bottom are the person’s photos."
    )
    body = f'<div class="charts">{"".join(charts)}</div>{_side_effects(content)}'
    if share is not None:
        body += (
            f'<p class="note">{share:.0%} of the {len(synthesised(content))} portraits in this report lie above the 5th '
            "percentile of what the person’s own photos score against each other.</p>"
        )
    return section("precision", "Requested and achieved", lead, body)


def _side_effects(content: Content) -> str:
    """How far every other attribute moved over a sweep, as a share of its reach."""
    widths = {r.attribute: max(r.high - r.low, 1e-6) for r in content.record.reach}
    names = [n for n in content.sweeps if n in widths]
    if len(names) < 2:
        return ""
    rows = []
    for swept in names:
        cells = [f"<b>{html.escape(words.name(swept))}</b> over its reach"]
        for other in names:
            values = [
                p.report.attributes[other].achieved for p in content.sweeps[swept] if other in p.report.attributes
            ]
            if other == swept or not values:
                cells.append('<span class="faint">–</span>')
                continue
            moved = max(values) - min(values)
            cells.append(f"{words.value(other, moved)} <span class='faint'>({moved / widths[other]:.0%})</span>")
        rows.append(cells)
    head = ["While this is moved …", *(f"{html.escape(words.name(n))} moves by" for n in names)]
    return f"<h3>Side effects</h3>{table(head, rows)}<p class='figures'>In brackets: as a share of that attribute’s reach.</p>"


def edits(content: Content) -> str:
    if not content.edits:
        return ""
    photo = img(content.edits[0].before, "The photo as it was", side=480)
    badge = '<span class="badge plain">the photo</span>'
    cards = [f'<figure class="card">{photo}<figcaption>{badge}</figcaption></figure>']
    cards += [
        f'<figure class="card">{img(e.after.image, f"The photo after {e.call}", side=480)}<figcaption><code>{html.escape(e.call)}</code>'
        f'<p class="figures">{words.achieved(e.after.report)}</p></figcaption></figure>'
        for e in content.edits
    ]
    lead = (
        "A photo that the generator has never seen is found in the person’s space. The photo’s own pixels then move as the generator’s "
        "picture does. What was not named shall stay, and so shall what lies around the head."
    )
    return section(
        "edit",
        "A real photo, edited",
        lead,
        f'<div class="cards four whole">{"".join(cards)}</div>' + close_ups(content.edits) + _leakage(content),
    )


def close_ups(changes: Sequence[Edited]) -> str:
    """The faces of one photo before and after each change."""
    pairs = [
        (e.call, e.close_before, e.close_after)
        for e in changes
        if e.close_before is not None and e.close_after is not None
    ]
    if not pairs:
        return ""
    shown = [figure(img(pairs[0][1], "The face before"), "before")]
    for call, _, after in pairs:
        shown.append(figure(img(after, f"The face after {call}"), html.escape(arguments(call))))
    return f'<h3>Close up</h3><div class="row">{"".join(shown)}</div>'


def arguments(call: str) -> str:
    """ana.edit('new.jpg', yaw=-15) -> yaw=-15."""
    return call.split(", ", 1)[-1].removesuffix(")")


def _leakage(content: Content) -> str:
    names = [r.attribute for r in content.record.reach]
    rows = []
    for e in content.edits:
        cells = [f"<code>{html.escape(arguments(e.call))}</code>"]
        for n in names:
            row = e.after.report.attributes.get(n)
            if row is None or row.before is None:
                cells.append("")
            elif row.requested is not None:
                asked = f"<span class='faint'>asked {words.value(n, row.requested)}</span>"
                cells.append(f"{words.value(n, row.before)} → <b>{words.value(n, row.achieved)}</b> {asked}")
            else:
                share = e.after.report.leakage.get(n, 0.0)
                cells.append(f"{words.value(n, row.achieved - row.before)} <span class='faint'>({share:.0%})</span>")
        outside = e.after.report.outside_change
        rows.append([*cells, "" if outside is None else f"{outside:.2f}"])
    head = ["Edit", *(html.escape(words.name(n)) for n in names), "Change outside the face, of 255"]
    return (
        "<h3>What else moved</h3>"
        + table(head, rows)
        + (
            "<p class='figures'>Not named in the edit: by how much it moved all the same, and as a share of its reach.</p>"
        )
    )


def group(content: Content) -> str:
    if content.group is None:
        return ""
    e = content.group
    outside = e.after.report.outside_change
    before = figure(img(e.before, "Group photo before", side=760), "before")
    after = figure(img(e.after.image, "Group photo after", side=760), f"after {words.achieved(e.after.report)}")
    body = f'<div class="two">{before}{after}</div>{_difference(e)}'
    lead = (
        f"<code>{html.escape(e.call)}</code>: the person is found among the faces by identity, and only they are changed"
        + (f"; outside the face pixels differ by {outside:.2f} of 255 on average." if outside is not None else ".")
    )
    return section("group", "In company", lead, body)


def _difference(e: Edited) -> str:
    from PIL import ImageChops

    before, after = e.before.convert("RGB"), e.after.image.convert("RGB")
    if before.size != after.size:
        return ""
    change = ImageChops.difference(before, after).convert("L").point(lambda v: min(255, 4 * v))
    picture = img(change, "Where the two photos differ, four times amplified", side=760)
    return figure(picture, "where the two differ, four times amplified: black is untouched", "half")


def restorations(content: Content) -> str:
    if not content.restorations:
        return ""
    lead = (
        "What the photo still shows is kept. The rest is of a picture of the person which, <i>degraded</i>, gives the photo: "
        "plausible, not what was truly there. The truth is shown for comparison; the program never saw it."
    )
    return section("restore", "Damaged photos, restored", lead, "".join(_restored(r) for r in content.restorations))


def _restored(r: Restored) -> str:
    labels = ("as it came", "restored", "truth")
    versions = [r.damaged, r.after.image, *([r.truth] if r.truth else [])]
    width = max(picture.width for picture in versions)
    whole = [
        img(_enlarged(p, width), f"{r.title}: {label}", side=420) for p, label in zip(versions, labels, strict=False)
    ]
    faces = [img(p, f"{r.title}, the face {label}") for p, label in zip(r.close or (), labels, strict=False)]
    shown = "".join(
        f'<div class="triple">{"".join(figure(p, label) for p, label in zip(row, labels, strict=False))}</div>'
        for row in (whole, faces)
        if row
    )
    report = r.after.report
    facts = [
        f"assumed: {html.escape(report.degradation)}" if report.degradation else "",
        f"degrading the result gives back the photo at <b>{report.consistency:.1f} dB</b>"
        if report.consistency is not None
        else "",
        identity(report),
        "against the truth: " + ", ".join(_improved(name, *pair) for name, pair in r.figures.items())
        if r.figures
        else "",
        f"{words.seconds(report.seconds)}" if report.seconds else "",
    ]
    return (
        f'<div class="restored"><h3>{html.escape(r.title)}</h3><p><code>{html.escape(r.call)}</code></p>'
        f'<div class="split">{shown}</div><p class="figures">{" · ".join(filter(None, facts))}</p></div>'
    )


def _enlarged(picture: Image, width: int) -> Image:
    """To `width` px if it is smaller, its pixels shown as they are."""
    if picture.width >= width:
        return picture
    return picture.resize((width, round(width * picture.height / picture.width)), Resampling.NEAREST)


def _improved(name: str, before: float, after: float) -> str:
    digits, unit = (1, " dB") if name == "PSNR" else (3, "")
    return f"{html.escape(name)} {before:.{digits}f} → <b>{after:.{digits}f}</b>{unit}"
