"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..attributes import ATTRIBUTES
from ..consent import Consent
from ..degradations import DEGRADATIONS
from ..degradations import Degradation as AnyDegradation
from ..errors import InvalidRequest

Home = Annotated[
    Path | None, typer.Option("--home", help="Folder with everything; default: $PORTRAITIST_HOME or your data folder.")
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store", help="The cluster's bytes: s3://bucket/folder, or a folder mounted everywhere; default: $PORTRAITIST_STORE."
    ),
]
Url = Annotated[str | None, typer.Option("--url", help="The cluster's Redis server; default: $PORTRAITIST_URL.")]
Monitor = Annotated[
    str | None,
    typer.Option(
        "--monitor",
        metavar="[HOST:]PORT",
        envvar="PORTRAITIST_MONITOR",
        help="Where a worker answers /live, /ready and /metrics; default: nowhere.",
    ),
]
Tenant = Annotated[
    str | None, typer.Option("--tenant", help="Whose personas and jobs; default: $PORTRAITIST_TENANT or 'default'.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same pictures.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse what lies outside the person's reach, instead of clamping it.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write; a folder for several pictures.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the job's id and return.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE for an attribute of your own; repeatable.")]


def _attribute(name: str) -> Any:
    a = ATTRIBUTES[name]
    return typer.Option(
        f"--{name.replace('_', '-')}", help=f"{a.low:g} to {a.high:g} {a.unit}".rstrip() + ", or a list: -20,0,20."
    )


Yaw = Annotated[str | None, _attribute("yaw")]
Pitch = Annotated[str | None, _attribute("pitch")]
Roll = Annotated[str | None, _attribute("roll")]
Smile = Annotated[str | None, _attribute("smile")]
MouthOpen = Annotated[str | None, _attribute("mouth_open")]
EyesOpen = Annotated[str | None, _attribute("eyes_open")]


def values(named: dict[str, str | None], own: list[str] | None) -> dict[str, float | list[float]]:
    """{"yaw": "-20,0,20"} and ["age=30"] as numbers and lists of numbers."""
    texts = {name: text for name, text in named.items() if text is not None}
    for item in own or []:
        name, sign, text = item.partition("=")
        if not sign:
            raise InvalidRequest(f"--set {item!r}: expected NAME=VALUE", param="--set")
        texts[name.strip()] = text
    return {name: _numbers(name, text) for name, text in texts.items()}


def degradation(text: str) -> Any:
    """'auto', or a chain such as 'gaussian-blur:1.5,downsample:4,jpeg:30', 'mask:hole.png', 'motion-blur:9:45'."""
    if text == "auto":
        return text
    return [_degradation(part) for part in text.split(",") if part.strip()]


def labels(path: Path | None) -> dict[str, dict[str, float]] | None:
    """A JSON file {"a.jpg": {"age": 34}, ...}."""
    if path is None:
        return None
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"--labels {path}: {error}; expected a JSON file", param="--labels") from error
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise InvalidRequest(f'--labels {path}: expected {{"a.jpg": {{"age": 34}}, ...}}', param="--labels")
    return found


def consent(path: Path | None) -> Consent | None:
    """A JSON file {"subject": "Ana", "by": "Ana", "text": "I agree that …", "expires": "2027-12-31"}."""
    if path is None:
        return None
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"--consent {path}: {error}; expected a JSON file", param="--consent") from error
    if not isinstance(found, dict):
        raise InvalidRequest(f'--consent {path}: expected {{"subject": …, "by": …, "text": …}}', param="--consent")
    return Consent(**found)


def _numbers(name: str, text: str) -> float | list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidRequest(
            f"{name}={text!r}: expected a number, or numbers with commas between", param=name
        ) from None
    return numbers if "," in text else numbers[0]


def _degradation(text: str) -> AnyDegradation:
    word, *arguments = text.strip().split(":")
    by_kind = {str(cls.model_fields["kind"].default): cls for cls in DEGRADATIONS}
    cls = by_kind.get(word.replace("-", "_"))
    if cls is None:
        kinds = ", ".join(kind.replace("_", "-") for kind in by_kind)
        raise InvalidRequest(f"--degradation {word!r} is not known; use auto, {kinds}", param="--degradation")
    names = [name for name in cls.model_fields if name != "kind"]
    if len(arguments) > len(names):
        raise InvalidRequest(
            f"--degradation {text!r}: {word} takes {', '.join(names) or 'nothing'}", param="--degradation"
        )
    return cls.model_validate(dict(zip(names, arguments, strict=False)))  # reads the numbers
