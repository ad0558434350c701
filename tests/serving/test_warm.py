"""Warm personas: bounded by bytes, least recently used ones first, and gone when they are deleted."""

import gc
import weakref

import torch

from portraitist.backend import Backend
from portraitist.ledger import MemoryLedger, NewJob
from portraitist.requests import Synthesize
from portraitist.store import MemoryStore
from portraitist.transport import InlineTransport
from portraitist_workers import operations
from portraitist_workers.persona.judge import judge_for
from portraitist_workers.persona.warm import WarmPersonas, nbytes, warm
from portraitist_workers.queue import warm_models

from .people import context, persona_id, record


def test_as_many_stay_as_fit():
    world = context(1, 2, 3)
    held = WarmPersonas(limit=10**9)
    first = held.load(record(1), world)
    assert held.load(record(1), world) is first
    held.load(record(2), world)
    held.load(record(1), world)
    held.limit = 2 * nbytes(first)
    held.load(record(3), world)
    assert held.ids() == (persona_id(1), persona_id(3))
    held.limit = 1
    held.load(record(2), world)
    assert held.ids() == (persona_id(2),)


def test_new_weights_are_loaded():
    world = context(1, 2)
    held = WarmPersonas()
    first = held.load(record(1), world)
    newer = record(1).model_copy(update={"weights": record(2).weights})
    assert held.load(newer, world) is not first and held.load(newer, world) is held.load(newer, world)


def test_nothing_of_a_forgotten_persona_stays():
    world = context(1)
    operations.run(Synthesize(persona_id=persona_id(1), values=[{"yaw": 5}]), world)
    assert persona_id(1) in warm.ids()
    model = warm.load(record(1), world)
    traces = [weakref.ref(model), weakref.ref(judge_for(model)), weakref.ref(model.generator)]
    gc.collect()
    gc.disable()  # what is forgotten must not wait for the collector
    try:
        assert warm.forget(persona_id(1)) and not warm.forget(persona_id(1))
        del model
        assert [trace() for trace in traces] == [None, None, None]
    finally:
        gc.enable()


def test_the_size_is_what_serving_takes():
    world = context(1)
    model = WarmPersonas().load(record(1), world)
    weights = 4 * sum(p.numel() for p in model.generator.synthesis.parameters())
    assert (
        weights < nbytes(model) < 2.2 * weights
    )  # on a CPU with kernels transformed for fp32 (generator.winograd, upsampling)
    before = nbytes(model)
    model.generator.synthesis(model.anchors[:1], dtype=torch.bfloat16)
    assert nbytes(model) > before + 0.4 * weights  # the kernels in the other format are counted


def test_a_worker_forgets_who_was_deleted():
    here = Backend(MemoryLedger(), MemoryStore(), InlineTransport(print))
    for number in (1, 2):
        job, _ = here.ledger.submit(
            NewJob(f"job_{number}", {"operation": "create", "persona_id": persona_id(number)}, "", creates=f"{number}")
        )
        token = here.ledger.claim(job.id, worker="w", lease_s=60).token
        here.ledger.finish(job.id, token, "succeeded", result=record(number).model_dump(mode="json"))
        warm.load(record(number), context(number))
    here.ledger.delete_persona(persona_id(1))
    warm_models.look(here, operations)
    assert persona_id(1) not in warm.ids() and persona_id(2) in warm.ids()
