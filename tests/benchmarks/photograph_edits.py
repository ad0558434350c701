"""Edits of photographs by the package that is imported, for `bench_photographs`.

    python photograph_edits.py TASKS.pickle OUT.pickle THREADS

It is run for each arm in a process of its own, so that another commit's package can take part. It keeps to what all of them have: the
operation, its request and its report.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

import torch

from portraitist.requests import Edit, Photo
from portraitist.results import PersonaRecord
from portraitist_workers import operations
from portraitist_workers.operations import MemoryContext
from portraitist_workers.persona.warm import PERSONAS


def main() -> None:
    torch.set_num_threads(int(sys.argv[3]))
    tasks = pickle.loads(Path(sys.argv[1]).read_bytes())
    done, context = [], MemoryContext()
    for task in tasks:
        context.blobs |= task["blobs"]
        record = PersonaRecord(**{k: v for k, v in task["record"].items() if k in PersonaRecord.model_fields})
        context.personas[record.persona_id] = record
        photo = Photo(name=task["name"], blob=context.put(task["photo"]))
        judge = PERSONAS.load(record, context.blob, context.priors).judge  # a person who is held ready, as by a worker
        assert judge.photos
        begun, busy = time.monotonic(), time.process_time()
        request = Edit(persona_id=record.persona_id, photo=photo, values=[task["values"]], seed=0, **task["more"])
        picture = operations.run(request, context).pictures[0]
        done.append(
            {
                "seconds": time.monotonic() - begun,
                "busy": time.process_time() - busy,
                "picture": context.blob(picture.blob),
                "report": picture.report.model_dump(),
            }
        )
        print(task["name"], task["values"], f"{done[-1]['busy']:.1f} s", flush=True)
    Path(sys.argv[2]).write_bytes(pickle.dumps(done))


if __name__ == "__main__":
    main()
