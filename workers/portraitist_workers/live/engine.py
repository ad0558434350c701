"""What a session needs of whatever draws its pictures. `touched` is the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from portraitist.requests import DragStep, SetStep

from ..provenance.origin import MarkedImage

Json = dict[str, Any]
Steps = Sequence[SetStep | DragStep]


class Interrupted(Exception):
    """A command has come, so what was being made is stale."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture, marked, at the size of a frame. `points`: of a running drag, {"at", "to", "left", "confidence"}. `parts`: where parts of
    the face are, at rest."""

    picture: MarkedImage
    points: list[Json] = field(default_factory=list)
    step: int = 0
    parts: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Settled:
    """The picture as `save` makes it, and what there is to say of a drag that has landed (None: there was none)."""

    shot: Shot
    landed: Json | None = None


class Engine(Protocol):
    """Raises PortraitistErrors for steps that cannot be done."""

    def about(self) -> Json:
        """width, height, corners, faces, start: docs/http.md."""

    def check(self, step: SetStep | DragStep) -> None:
        """Raises what is wrong with a step, as far as it can be told at once."""

    def check_places(self, places: Sequence[tuple[float, float]]) -> None:
        """Raises InvalidRequest for one that no point can be pulled to."""

    def preview(self, steps: Steps, *, anew: bool = True, held: bool = False) -> Iterator[Shot]:
        """Quick pictures of the last step on its way. Not `anew`: a drag goes on from where it is, to the targets that the step has now.
        `held`: a drag is shown by the quickest method there is, whatever its own."""

    def settle(self, steps: Steps, listen: Callable[[], None]) -> Settled:
        """What all steps lead to. `listen` may raise Interrupted."""

    def before(self) -> Shot:
        """The picture without any step."""

    def close(self) -> None: ...
