"""A session's history, as its worker tells it in `state`: the steps that are in effect, and those that can be done again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..requests import DragStep, Retouch, SetStep

Step = SetStep | DragStep


def steps_of(state: Mapping[str, Any]) -> list[Step]:
    """Those in effect, the first one first."""
    return Retouch.model_validate({"persona_id": "", "steps": state["steps"][: state["at"]]}).steps


def shown(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state as docs/http.md says it: masks stay in the store."""
    history: list[dict[str, Any]] = []
    for step in state["steps"]:
        told = {name: value for name, value in step.items() if name != "mask"}
        history.append({**told, "masked": step["mask"] is not None} if step["do"] == "drag" else told)
    values: dict[str, Any] = {}
    for step in history[: state["at"]]:
        values |= step.get("values", {})
    asked = {name: value for name, value in values.items() if value is not None and value != "keep"}
    known = ("is", "status", "width", "height", "corners", "faces", "start", "at")
    return {**{name: state[name] for name in known if name in state}, "values": asked, "history": history}
