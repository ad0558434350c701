"""New portraits of a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from ..errors import InvalidRequest
from ..jobs import Job
from ..parts import Part
from ..picture import Grid, Output, Picture
from ..requests import Background, Strict, Synthesize
from ..submission import build
from ..targets import Number, expanded
from ..webhooks.wire import Webhook
from .compositions import Compositions


class Portraits(Compositions):
    @overload
    def synthesize(
        self,
        *,
        n: None = None,
        grid: None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: float,
    ) -> Picture: ...
    @overload
    def synthesize(
        self,
        *,
        n: int,
        grid: None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: float,
    ) -> list[Picture]: ...
    @overload
    def synthesize(
        self,
        *,
        n: None = None,
        grid: tuple[str, str],
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: Number,
    ) -> Grid: ...
    @overload
    def synthesize(
        self,
        *,
        n: int | None = None,
        grid: tuple[str, str] | None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: Number,
    ) -> Output: ...
    @overload
    def synthesize(
        self,
        *,
        n: int | None = None,
        grid: tuple[str, str] | None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[False],
        **values: Number,
    ) -> Job[Output]: ...
    def synthesize(
        self,
        *,
        n: int | None = None,  # so many pictures, each with its own random draw
        grid: tuple[str, str] | None = None,  # two attributes over their reach: the first across, the second down
        size: Literal["native", 512]
        | None = None,  # 512: with the photos' fine detail, if few pictures are asked the default
        background: Background = "plain",  # "generated": all that the generator drew behind the person
        parts: Mapping[str, int] | None = None,  # part -> seed of a face that nobody has (a persona of "default-parts")
        seed: int = 0,  # the same seed gives the same pictures
        strict: Strict = False,  # outside the person's reach refuse (OutOfRange), don't clamp; "photos": outside what photos show
        webhook: Webhook | None = None,  # whom to tell when it is over, in place of the studio's
        wait: bool = True,
        **values: Any,  # attribute=number, or =list of numbers (one list: a list of pictures, two: a Grid)
    ) -> Any:
        """New portraits of this person. `synthesize(yaw=20, smile=0.8)`; what is not named is drawn at random."""
        if parts is not None:
            if n is not None or grid is not None:
                raise InvalidRequest("parts= makes one picture; leave n and grid out", param="parts")
            drawn = [Part(name, draw=number) for name, number in parts.items()]
            return self.compose(None, *drawn, strict=strict, seed=seed, webhook=webhook, wait=wait, **values)
        batch = expanded(values, persona=self.name, reach=self.reach, n=n, grid=grid, strict=strict)
        request = build(
            Synthesize,
            persona_id=self.id,
            values=batch.values,
            columns=batch.columns,
            same_person_state=batch.varies,
            size=size,
            background=background,
            strict=strict,
            seed=seed,
        )
        return self._submit(request, None, batch.shape, wait, webhook)
