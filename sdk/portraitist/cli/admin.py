"""personas, jobs, cancel, delete, doctor, worker, demo."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer

from ..backend import embedded, open_backend
from ..errors import InvalidRequest, QueueUnavailable, WaitTimeout, printable
from ..jobs import AnyJob, Event
from ..operations import operation
from ..persona import Persona
from ..picture import Output, Picture
from ..setting import setting
from ..studio import connect
from ..transport import EmbeddedTransport
from . import show
from .ending import write_recipe
from .options import AsJson, Force, Home, Monitor, Store, Tenant, Url
from .places import Places, check_free, write

_STATES = ("queued", "running", "succeeded", "failed", "cancelled")


def personas(
    name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """List the people it has learnt, or show one: photos, verdicts, reach, consent."""
    studio = connect(home=home, tenant=tenant)
    if name is not None:
        one = studio.personas.get(name)
        show.as_json(show.persona_data(one)) if json else show.persona(one)
        return
    people = studio.personas.list()
    show.as_json([show.persona_data(p) for p in people]) if json else show.personas(people)


def jobs(
    job_id: Annotated[str | None, typer.Argument(help="Show this one.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="With a job: watch it until it is over.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="With a job that is over, or --follow: write its pictures there.")
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            help="With a job that is over, or --follow: write there how they were made, for `portraitist replay`."
        ),
    ] = None,
    force: Force = False,
    status: Annotated[str | None, typer.Option(help=f"Only {', '.join(_STATES)} ones.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """List jobs, newest first, or show one, and fetch its pictures."""
    studio = connect(home=home, tenant=tenant)
    if job_id is None:
        for option, file in (("--out", out), ("--recipe", recipe)):
            if file is not None:
                raise InvalidRequest(f"{option} goes with a job: portraitist jobs ID {option} FILE", param=option)
        if status is not None and status not in _STATES:
            raise InvalidRequest(f"--status {status!r}: use {', '.join(_STATES)}", param="--status")
        items = studio.jobs.list(status=cast(Any, status), limit=limit)
        show.as_json([show.job_data(j) for j in items]) if json else show.jobs(items)
        return
    job = studio.jobs.get(job_id)
    if out is not None or recipe is not None:
        return _fetch(job, out, recipe, force, follow, json)
    if follow and not json:
        result = job.wait(progress=True)
        if isinstance(result, Persona):
            show.persona(result)
    elif follow:
        for event in job.events():
            print(_event_json(event), flush=True)
    if json:
        show.as_json(show.job_data(job))
    else:
        show.jobs([job])


def _fetch(job: AnyJob, out: Path | None, recipe: Path | None, force: bool, follow: bool, json: bool) -> None:
    """Write the pictures of a job, and how they were made. Raises InvalidRequest for one that makes none, WaitTimeout for one that is not
    over."""
    if not operation(job.operation).makes_pictures:
        option = "--recipe" if out is None else "--out"
        raise InvalidRequest(f"job {job.id} ({job.operation}) makes no pictures; leave {option} out", param=option)
    places = Places(out, job.id, force)
    if out is not None:
        places.check()
    check_free("--recipe", recipe, force, no_wait=False)
    if not follow and not job.done:
        raise WaitTimeout(
            f"job {job.id} is not over ({show.status(job.status)}); ask again later, or wait for it with --follow",
            job_id=job.id,
        )
    made: Output = job.wait(progress=follow and not json)
    if recipe is not None:
        write_recipe(made if isinstance(made, Picture) else next(iter(made)), recipe)
    if out is None:
        return show.as_json({"job": job.id, "recipe": str(recipe)}) if json else print(printable(str(recipe)))
    written = write(made, places.paths(len(made) if isinstance(made, list) else None))
    show.as_json({"job": job.id, "pictures": show.pictures_data(written)}) if json else show.pictures(written)


def cancel(job_id: str, home: Home = None, tenant: Tenant = None, json: AsJson = False) -> None:
    """Stop a job. One that is over stays as it is."""
    job = connect(home=home, tenant=tenant).jobs.get(job_id)
    now = job.cancel()
    show.as_json(show.job_data(job)) if json else print(show.status(now))


def delete(
    persona: Annotated[str, typer.Argument(help="Its name or id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    receipt: Annotated[Path | None, typer.Option(help="Write the signed receipt to this file.")] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Remove a persona with its photos, weights and every picture made from it. Asked again by id: the receipt again."""
    studio = connect(home=home, tenant=tenant)
    if not yes and not json:
        typer.confirm(f"Delete {persona!r} with its photos, weights and every picture made from it?", abort=True)
    signed = studio.personas.delete(persona)
    if receipt is not None:
        signed.save(receipt)
    show.as_json({"deleted": persona, "receipt": signed.model_dump(mode="json")}) if json else print(
        f"deleted {persona}"
    )


def doctor(
    home: Home = None,
    json: AsJson = False,
    start: Annotated[bool, typer.Option(help="Also start a worker and see whether it answers.")] = True,
) -> None:
    """Check this machine, and say what to do about what is missing."""
    from ..doctor import examine

    checks = examine(home, start=start)
    if json:
        show.as_json([vars(check) for check in checks])
    else:
        for check in checks:
            mark = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}[check.state]
            show.console.print(f"{mark} {check.name}: ", end="")
            show.console.print(check.detail, markup=False, highlight=False, soft_wrap=True)
            if check.remedy:
                show.console.print(f"       → {check.remedy}", markup=False, highlight=False, soft_wrap=True)
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(1)


def worker(
    home: Home = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the running one; its job goes back to the queue and resumes later.")
    ] = False,
    idle: Annotated[float, typer.Option(help="End after so many idle seconds; 0: never.")] = 0.0,
    url: Url = None,
    store: Store = None,
    queues: Annotated[str, typer.Option(help="Cluster: serve (seconds), tune (minutes), or both.")] = "serve,tune",
    device: Annotated[str, typer.Option(help="Cluster: cpu, cuda or cuda:N.")] = "cpu",
    memory: Annotated[
        str | None, typer.Option(help="Cluster: what it has for a job, like 24GB; default: as measured.")
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, help="Cluster: how many synthesize jobs may share a pass (docs/queue.md).")
    ] = 1,
    grace: Annotated[float, typer.Option(help="Cluster: seconds that a job may go on after SIGTERM.")] = 25.0,
    monitor: Monitor = None,
    log: Annotated[str | None, typer.Option(help="text or json lines; default: $PORTRAITIST_LOG, else text.")] = None,
) -> None:
    """Run a worker in the foreground. Embedded (the SDK starts one by itself when it needs one), or with --url: one of a
    cluster's, which SIGTERM drains."""
    if log not in (None, "text", "json"):
        raise InvalidRequest(f"--log {log!r}: use text or json", param="--log")
    os.environ["PORTRAITIST_LOG"] = log or os.environ.get("PORTRAITIST_LOG", "text")
    watched = ["--monitor", monitor] if monitor else []
    url = url or (setting("PORTRAITIST_URL") if home is None else None)
    if url:
        return _cluster_worker(url, store, queues, device, memory, batch, grace, watched, stop)
    backend = embedded(home)
    transport = backend.transport
    assert isinstance(transport, EmbeddedTransport)
    if stop:
        print("stopped" if transport.stop() else "there was no worker")
        return
    if transport.describe()["alive"]:
        raise QueueUnavailable(f"a worker is already running for {transport.home}; `portraitist worker --stop` ends it")
    become(["portraitist_workers.queue.embedded", "--home", str(transport.home), "--idle", str(idle), *watched])


def _cluster_worker(
    url: str,
    store: str | None,
    queues: str,
    device: str,
    memory: str | None,
    batch: int,
    grace: float,
    watched: list[str],
    stop: bool,
) -> None:
    if stop:
        raise InvalidRequest("--stop is for the embedded worker; send this one's process SIGTERM", param="--stop")
    lanes = [lane.strip() for lane in queues.split(",")]
    if not lanes or not set(lanes) <= {"serve", "tune"}:
        raise InvalidRequest(f"--queues {queues!r}: use serve, tune or serve,tune", param="--queues")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise InvalidRequest(f"--device {device!r}: use cpu, cuda or cuda:0", param="--device")
    open_backend(url, store=store).transport.check()
    os.environ["PORTRAITIST_URL"] = url  # not on the command line, where everybody could read its password
    if store is not None:
        os.environ["PORTRAITIST_STORE"] = store
    options = ["--queues", ",".join(lanes), "--device", device, "--batch", str(batch), "--grace", str(grace), *watched]
    options += ["--memory", memory] if memory else []
    become(["portraitist_workers.queue.cluster", *options])


def demo(context: typer.Context) -> None:
    """Personalise an example person, make, edit and restore pictures of them, and write a report. Options: `demo --help`."""
    become(["portraitist_workers.demo", *context.args])


def become(module: list[str]) -> NoReturn:
    """Run a module of the worker's package in this very process, so that signals and exit codes are its own."""
    if find_spec("portraitist_workers") is None or find_spec("celery") is None:
        raise QueueUnavailable("this needs the worker's packages; run `pip install 'portraitist[worker]'`")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", *module])


def _event_json(event: Event) -> str:
    import json as j

    data = {k: v for k, v in vars(event).items() if k != "progress"}
    return j.dumps({**data, "progress": None if event.progress is None else event.progress.model_dump(mode="json")})
