"""Warm personas: bounded by bytes, least recently used ones first, and gone when they are deleted."""

import gc
import weakref

import pytest
import torch

from portraitist.backend import Backend
from portraitist.errors import PersonaDeleted
from portraitist.ledger import MemoryLedger, NewJob
from portraitist.requests import Synthesize
from portraitist.store import MemoryStore
from portraitist.transport import InlineTransport
from portraitist_workers import operations
from portraitist_workers.persona.warm import PERSONAS, WarmPersonas
from portraitist_workers.queue import warm_models

from .people import context, persona_id, record


def test_as_many_stay_as_fit():
    world = context(1, 2, 3)
    held = WarmPersonas(limit=10**9)
    first = held.load(record(1), world.blob)
    assert held.load(record(1), world.blob) is first
    held.load(record(2), world.blob)
    held.load(record(1), world.blob)
    held.limit = 2 * first.nbytes()
    held.load(record(3), world.blob)
    assert held.ids() == (persona_id(1), persona_id(3))
    held.limit = 1
    held.load(record(2), world.blob)
    assert held.ids() == (persona_id(2),)


def test_new_weights_are_loaded():
    world = context(1, 2)
    held = WarmPersonas()
    first = held.load(record(1), world.blob)
    newer = record(1).model_copy(update={"weights": record(2).weights})
    assert held.load(newer, world.blob) is not first and held.load(newer, world.blob) is held.load(newer, world.blob)


def test_nothing_of_a_forgotten_persona_stays():
    world = context(1)
    operations.run(Synthesize(persona_id=persona_id(1), values=[{"yaw": 5}]), world)
    assert persona_id(1) in PERSONAS.ids()
    person = PERSONAS.load(record(1), world.blob)
    traces = [weakref.ref(person.model), weakref.ref(person.judge), weakref.ref(person.model.generator)]
    gc.collect()
    gc.disable()  # what is forgotten must not wait for the collector
    try:
        assert PERSONAS.forget(persona_id(1)) and not PERSONAS.forget(persona_id(1))
        assert [trace() for trace in traces] == [None, None, None]
    finally:
        gc.enable()


def test_the_size_is_what_serving_takes():
    world = context(1)
    person = WarmPersonas().load(record(1), world.blob)
    model = person.model
    assert person.judge.photos  # a persona that has served has a judge
    weights = 4 * sum(p.numel() for p in model.generator.synthesis.parameters())
    assert (
        weights < person.nbytes() < 2.2 * weights
    )  # on a CPU with kernels transformed for fp32 (generator.winograd, upsampling)
    before = person.nbytes()
    model.generator.synthesis(model.anchors[:1], dtype=torch.bfloat16)
    assert person.nbytes() > before + 0.4 * weights  # the kernels in the other format are counted


def test_a_pinned_persona_stays_until_it_is_deleted():
    world = context(1, 2)
    held = WarmPersonas(limit=1)
    with held.pinned(record(1), world.blob) as person:
        held.load(record(2), world.blob)
        assert held.load(record(1), world.blob) is person
        held.load(record(2), world.blob)
        assert held.forget(persona_id(1)) and person.nbytes() == 0
        with pytest.raises(PersonaDeleted):
            person.model  # noqa: B018
    held.load(record(1), world.blob)
    held.load(record(2), world.blob)
    assert held.ids() == (persona_id(2),)  # negative control: without a pin the limit holds


def test_a_worker_forgets_who_was_deleted():
    here = Backend(MemoryLedger(), MemoryStore(), InlineTransport(print))
    for number in (1, 2):
        job, _ = here.ledger.submit(
            NewJob(f"job_{number}", {"operation": "create", "persona_id": persona_id(number)}, "", creates=f"{number}")
        )
        token = here.ledger.claim(job.id, worker="w", lease_s=60).token
        here.ledger.finish(job.id, token, "succeeded", result=record(number).model_dump(mode="json"))
        PERSONAS.load(record(number), context(number).blob)
    here.ledger.delete_persona(persona_id(1))
    warm_models.look(here, operations)
    assert persona_id(1) not in PERSONAS.ids() and persona_id(2) in PERSONAS.ids()
