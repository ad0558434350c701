"""Personas that were made with another identity network go on working, and reports say by what they were judged."""

import dataclasses

import torch
from serving.people import context, persona_id, weights

from portraitist.requests import Synthesize
from portraitist.results import AttributeReport, PictureReport
from portraitist_workers import operations
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.persona.judge import _cut_short
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render


def report_on(data: bytes, **values: float) -> PictureReport:
    """Of one picture by the persona in the file `data`."""
    world = context(3)
    world.personas[persona_id(3)] = world.personas[persona_id(3)].model_copy(update={"weights": world.put(data)})
    return operations.run(Synthesize(persona_id=persona_id(3), values=[values], seed=1), world).pictures[0].report


def test_vectors_of_another_network_are_made_anew_from_the_anchors_pictures():
    here = PersonaModel.from_bytes(weights(3))
    assert here.identity_network == load_identity().name  # control: its own are kept
    vectors = torch.nn.functional.normalize(torch.randn(6, 192, generator=torch.Generator().manual_seed(0)), dim=1)
    data = dataclasses.replace(here, identity_network="portraitist-identity@1a2b3c4d", embeddings=vectors).to_bytes()
    before = PersonaModel.from_bytes(data)
    assert torch.allclose(before.embeddings, load_identity()(render(before.generator, before.anchors)), atol=1e-5)
    assert report_on(data).networks["identity"] == f"{load_identity().name} on the anchors' pictures"


def test_a_picture_says_where_it_was_cut_short_and_what_a_second_opinion_is():
    report = report_on(weights(3), yaw=60)  # its reach ends at 25
    assert report.clamped and len(report.warnings) == 1
    assert report.warnings[0].startswith("yaw: 60 was asked, and 25 is as far as this person goes")
    assert report.attributes["yaw"].by_points is not None and report.networks["by_points"] == "face-mesh-geometry"
    for name in ("smile", "mouth_open", "eyes_open"):
        assert 0 <= report.attributes[name].achieved <= 1 and 0 <= report.attributes[name].by_points <= 1
    assert report_on(weights(3), yaw=28).warnings == []  # clamped by a little


def test_an_edit_is_cut_short_against_where_the_photo_began():
    def row(before: float | None) -> AttributeReport:
        return AttributeReport(requested=30, target=20, achieved=20, before=before, error=1, clamped=True)

    assert _cut_short("yaw", row(None)) == "" and _cut_short("yaw", row(5.0)) == ""
    assert "less than half" in _cut_short("yaw", row(15.0))
