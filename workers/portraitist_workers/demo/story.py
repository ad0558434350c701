"""What the demonstration does, in order. Everything is made through the SDK, as an app would."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

import portraitist
from portraitist import By, Downsample, GaussianBlur, Job, Mask, Persona, PortraitistError, Succeeded

from ..report import Content, Edited, Restored, Timing, write
from ..report.content import Lattice
from .closeups import closeup, compare, face_frame
from .setting import ABOUT, home_of, machine, renew, stop_worker
from .sheets import save_sheets

NAME = "ana"
STEPS = 11  # pictures per sweep over an attribute's reach
ASKED: tuple[dict[str, Any], ...] = (
    {"yaw": 20, "smile": 0.8, "seed": 7},
    {"yaw": -18, "pitch": 5, "smile": 0.1, "seed": 3},
    {"pitch": -8, "smile": 1.0, "seed": 5},
    {"yaw": 0, "pitch": 0, "smile": 0.4, "seed": 2},
)
EDITS: tuple[dict[str, Any], ...] = ({"yaw": -10}, {"yaw": 20}, {"smile": 0.6})
PULLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("drag", {"points": [("mouth_left", By(-3, -4)), ("mouth_right", By(3, -4))]}),
    ("drag", {"points": [("nose", By(8, 0))]}),
    ("move", {"at": "chin", "by": (0, 5)}),
)
GROUP_EDIT = {"smile": 0.0}


@dataclass
class Demo:
    """`run` returns 0, or 1 when some part failed; the report is written in both cases and says which."""

    examples: Path
    out: Path
    preset: str = "balanced"
    seed: int = 0
    images: Path | None = None  # where to put the README's pictures
    timings: list[Timing] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def run(self) -> int:
        self.out = renew(self.out)
        try:
            studio = portraitist.connect(home=home_of(self.out))
            _say(f"Learning a person from the photos in {self.examples / 'photos'}")
            job = studio.personas.create(NAME, self.examples / "photos", preset=self.preset, seed=self.seed)
            person = self._done("learn the person", job)
            _say(f"\n{person.photos}\n\n{person.reach}\n")
            content = self._content(person)
            path = write(content, self.out / "report.html")
            if self.images is not None:
                save_sheets(content, self.images)
        finally:
            stop_worker(self.out)
        for what, why in self.failures:
            _say(f"failed: {what}: {why}")
        _say(f"\nGo on with {NAME}: portraitist synthesize {NAME} --yaw 20 --smile 0.8 --home {home_of(self.out)}")
        _say(f"The report is in {path}")
        _say(f"In the browser, on {NAME}: portraitist studio --home {home_of(self.out)} --person {NAME}")
        return 1 if self.failures else 0

    def _content(self, person: Persona) -> Content:
        _say("Synthesising")
        portraits = self._try("6 random portraits", lambda: person.synthesize(n=6, seed=1, wait=False), 6) or []
        asked = [(call, p) for call, p in (self._portrait(person, values) for values in ASKED) if p is not None]
        grid = self._try("a grid of 25", lambda: person.synthesize(grid=("yaw", "smile"), seed=11, wait=False), 25)
        sweeps = {name: self._sweep(person, name) for name in person.reach}
        _say("Editing")
        edits = self._changes("new.jpg", [("edit", values) for values in EDITS], person)
        group = self._group(person)
        _say("Pulling points")
        pulls = self._changes("new.jpg", PULLS, person)
        _say("Restoring")
        restorations = self._restorations(person)
        return Content(
            record=person.record,
            photos={p.name: p.read_bytes() for p in sorted((self.examples / "photos").iterdir()) if p.is_file()},
            preview=None if person.preview is None else Image.open(BytesIO(person.preview)),
            portraits=portraits,
            asked=asked,
            grid=None if grid is None else Lattice(grid.columns, grid.rows, list(grid)),
            sweeps={name: pictures for name, pictures in sweeps.items() if pictures},
            edits=edits,
            pulls=pulls,
            group=group,
            restorations=restorations,
            timings=self.timings,
            machine=machine(),
            failures=self.failures,
            about=ABOUT,
        )

    def _portrait(self, person: Persona, values: dict[str, Any]) -> tuple[str, Any]:
        call = f"{NAME}.synthesize({_arguments(values)})"
        return call, self._try(call, lambda: person.synthesize(**values, wait=False), 1)

    def _sweep(self, person: Persona, name: str) -> Any:
        reach = person.reach[name]
        values: Any = {name: [reach.low + (reach.high - reach.low) * i / (STEPS - 1) for i in range(STEPS)]}
        return self._try(f"a sweep of {name}", lambda: person.synthesize(seed=4, wait=False, **values), STEPS)

    def _changes(self, file: str, asked: Sequence[tuple[str, dict[str, Any]]], person: Persona) -> list[Edited]:
        """Each verb's picture of the photo, with what it was asked for."""
        path = self.examples / file
        photo = Image.open(path).convert("RGB")
        frame = face_frame(photo)
        made = []
        for verb, values in asked:
            call = f"{NAME}.{verb}('{path.name}', {_arguments(values)})"
            after = self._try(call, partial(getattr(person, verb), path, wait=False, **values), 1)
            if after is not None:
                close = [None if frame is None else closeup(p, frame, width=photo.width) for p in (photo, after.image)]
                made.append(Edited(call, photo, after, close[0], close[1]))
        return made

    def _group(self, person: Persona) -> Edited | None:
        path, values = self.examples / "group.jpg", dict[str, Any](GROUP_EDIT)
        call = f"{NAME}.edit('{path.name}', {_arguments(values)})"
        after = self._try(call, lambda: person.edit(path, wait=False, **values), 1)
        return None if after is None else Edited(call, Image.open(path).convert("RGB"), after)

    def _restorations(self, person: Persona) -> list[Restored]:
        folder = self.examples / "damaged"
        hole: Any = Mask(folder / "hole-mask.png")
        cases: list[tuple[str, str, Any, str]] = [
            ("Eight times too small", "tiny.jpg", Downsample(8), "Downsample(8)"),
            ("A hole over the mouth", "hole.jpg", hole, "Mask('hole-mask.png')"),
            ("Out of focus", "blurred.jpg", GaussianBlur(3), "GaussianBlur(3)"),
            ("Out of focus, kind and strength unknown", "blurred.jpg", "auto", "'auto'"),
        ]
        return [r for r in (self._restored(person, folder, *case) for case in cases) if r is not None]

    def _restored(
        self, person: Persona, folder: Path, title: str, file: str, degradation: Any, code: str
    ) -> Restored | None:
        call = f"{NAME}.enhance('{file}', {code})"
        after = self._try(call, lambda: person.enhance(folder / file, degradation, wait=False), 1)
        if after is None:
            return None
        damaged, truth = Image.open(folder / file).convert("RGB"), Image.open(folder / "truth" / file).convert("RGB")
        frame = face_frame(truth)
        if frame is None:
            return Restored(title, call, damaged, after, truth)
        was, found, true = (closeup(p, frame, width=truth.width) for p in (damaged, after.image, truth))
        before, now = compare(was, true), compare(found, true)
        figures = {name: (before[name], now[name]) for name in before}
        return Restored(title, call, damaged, after, truth, (was, found, true), figures)

    def _try(self, what: str, submit: Callable[[], Any], pictures: int) -> Any:
        """The job's result; None when it failed, which the report will say."""
        try:
            return self._done(what, submit(), pictures)
        except PortraitistError as error:
            self.failures.append((what, error.message))
            return None

    def _done(self, what: str, job: Job[Any], pictures: int = 0) -> Any:
        result = job.wait(progress=job.operation != "synthesize")  # those take a second
        status = job.status
        assert isinstance(status, Succeeded)
        self.timings.append(Timing(what, status.seconds, pictures))
        _say(f"  {what}: {status.seconds:.1f} s")
        return result


def _arguments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)
