"""The report's end: what it took, how to get the same again, what to be careful about."""

from __future__ import annotations

import html

from . import plots, words
from .content import Content
from .person import section, table

_STAGES = {
    "intake": "judging the photos", "invert": "finding them in the generator", "tune": "organising and tuning",
    "calibrate": "calibrating the controls", "evaluate": "measuring", "package": "packing",
}  # fmt: skip


def timings(content: Content) -> str:
    figures = content.record.figures
    stages = [(label, figures[f"seconds_{key}"]) for key, label in _STAGES.items() if f"seconds_{key}" in figures]
    legend = "".join(
        f'<li><i class="swatch s{index % 6}"></i>{label} <b>{words.seconds(v)}</b></li>'
        for index, (label, v) in enumerate(stages)
    )
    bar = f'{plots.shares(stages)}<ul class="legend">{legend}</ul>' if stages else ""
    rows = [
        [
            html.escape(t.what),
            str(t.pictures or ""),
            words.seconds(t.seconds),
            words.seconds(t.seconds / t.pictures) if t.pictures else "",
        ]
        for t in content.timings
    ]
    body = bar + table(["Job", "Pictures", "Took", "Per picture"], rows)
    where = ", ".join(f"{html.escape(v)}" for v in content.machine.values())
    lead = "Each line is one job on the local worker, from its start to its stored result" + (
        f", on {where}." if where else "."
    )
    return section("time", "What it took", lead, body)


def provenance(content: Content) -> str:
    record = content.record
    networks = " · ".join(f"{html.escape(k)}: {html.escape(v)}" for k, v in record.networks.items())
    versions = " · ".join(f"{html.escape(k)} {html.escape(v)}" for k, v in record.versions.items())
    rows = [
        ("Persona", f"<code>{html.escape(record.persona_id)}</code>"),
        (
            "Recipe",
            f"organizer {html.escape(record.organizer)}, preset {html.escape(record.preset)}, seed {record.seed}",
        ),
        ("Prior", f"<code>{html.escape(record.prior)}</code>"),
        ("Judges", networks),
        ("Versions", versions),
    ]
    body = table(["", ""], [[a, b] for a, b in rows if b]).replace("<table>", '<table class="plain">')
    return section(
        "again",
        "To get the same again",
        "The same photos, seed and versions give the same persona on one machine.",
        body,
    )


def limits() -> str:
    """Kept in step with the README's."""
    items = [
        "Pictures are 128 × 128 px faces with the default prior, 256 × 256 with default-256. In an edited photo the face is re-rendered at "
        "that size and blended in, so fine skin and hair detail is lost.",
        "The prior has seen mixes of 79 people, aged 18 to 54, mostly white, in synthetic light. Faces unlike them, children, old "
        "people, glasses, hats and full beards are reproduced poorly.",
        "Yaw beyond about 30° and pitch beyond about 20° are outside of what it was trained on.",
        "Achieved values are estimates of a network. Its median error, measured on people it never saw, is the band in the plots; a "
        "person unlike its training data may be off by more, in a constant direction.",
        "A restored picture shows what this person could look like. It is no evidence of what a damaged photo showed.",
        "Identity is judged by an embedding network, which hair and light can mislead. Look for yourself.",
    ]
    body = "<ul class='limits'>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"
    return section("limits", "What to be careful about", "Known limits of this version, as measured or seen.", body)


def licence(content: Content) -> str:
    body = (
        (f"<p>{html.escape(content.about)}</p>" if content.about else "")
        + "<p>Code and bundled weights: Apache-2.0. The prior was made from the <b>Face Research Lab London Set</b> (DeBruine, L. &amp; "
        "Jones, B., 2017, figshare, doi 10.6084/m9.figshare.5047666.v5, CC-BY 4.0; the people shown consented to use of their "
        "images in original or altered form in research and its illustration) and <b>ICT-FaceKit</b> (USC Institute for Creative "
        "Technologies, MIT). Faces are found by MTCNN from facenet-pytorch (MIT).</p>"
        "<p>Personalise people only with their consent: a persona is personal data, and its deletion removes photos, weights and every "
        "picture made from it.</p>"
    )
    return section("licence", "Licence, attribution, consent", "What travels with the pictures.", body)
