"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from ..attributes import ATTRIBUTES
from ..backend import home_folder
from ..consent import Consent
from ..degradations import DEGRADATIONS, Mask
from ..degradations import Degradation as AnyDegradation
from ..errors import InvalidImage, InvalidRequest, printable
from ..masks import EXPECTED
from ..picture import FORMATS
from ..targets import KEEP

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIRECTORY",
        parser=lambda text: home_folder(text, "--home"),
        help="Folder with everything; default: $PORTRAITIST_HOME or your data folder.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The cluster's bytes: s3://bucket/folder, or a folder mounted everywhere; default: $PORTRAITIST_STORE.",
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
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help=f"Where to write: a folder, or a file ({', '.join(FORMATS)}; several pictures: x-01.png, …).",
    ),
]
FRAMES = 12  # of a moving picture
Video = Annotated[
    Path | None, typer.Option(help="Also write the way there, as a moving picture: .webp, or .mp4 (AV1).")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the job's id and return.")]
Face = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y", help="A place in the face that is meant, whoever it is; else the one most like the person."
    ),
]
Set = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE for an attribute of your own; repeatable.")]


def _attribute(name: str, *, several: bool = True, keep: bool = False) -> Any:
    a = ATTRIBUTES[name]
    some = "-20,0,20" if a.low < 0 else "0,0.5,1"
    told = f"{a.low:g} to {a.high:g} {a.unit}".rstrip()
    told += f", or a list: {some}" * several + "; keep: it does not follow a smile" * keep
    return typer.Option(f"--{name.replace('_', '-')}", help=f"{told}.")


Yaw = Annotated[str | None, _attribute("yaw")]
Pitch = Annotated[str | None, _attribute("pitch")]
Roll = Annotated[str | None, _attribute("roll")]
Smile = Annotated[str | None, _attribute("smile")]
MouthOpen = Annotated[str | None, _attribute("mouth_open")]
EyesOpen = Annotated[str | None, _attribute("eyes_open")]
# Of an edit, in which mouth and eyes follow a smile.
HeldMouthOpen = Annotated[str | None, _attribute("mouth_open", keep=True)]
HeldEyesOpen = Annotated[str | None, _attribute("eyes_open", keep=True)]
# Of commands that make one picture.
OneYaw = Annotated[str | None, _attribute("yaw", several=False)]
OnePitch = Annotated[str | None, _attribute("pitch", several=False)]
OneRoll = Annotated[str | None, _attribute("roll", several=False)]
OneSmile = Annotated[str | None, _attribute("smile", several=False)]
OneMouthOpen = Annotated[str | None, _attribute("mouth_open", several=False)]
OneEyesOpen = Annotated[str | None, _attribute("eyes_open", several=False)]


def values(named: dict[str, str | None], own: list[str] | None) -> dict[str, float | list[float] | str]:
    """{"yaw": "-20,0,20"} and ["age=30"] as numbers and lists of numbers; "keep" stays a word."""
    texts = {name: text for name, text in named.items() if text is not None}
    for item in own or []:
        name, sign, text = item.partition("=")
        if not sign:
            raise InvalidRequest(f"--set {item!r}: expected NAME=VALUE", param="--set")
        texts[name.strip()] = text
    return {name: text if text == KEEP else _numbers(name, text) for name, text in texts.items()}


def place(text: str | None) -> tuple[float, float] | None:
    """'412,180' of --face. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        x, y = (float(number) for number in text.split(","))
    except ValueError:
        raise InvalidRequest(
            f"--face {printable(text[:60])!r}: expected X,Y in pixels of the photo, as in 412,180", param="--face"
        ) from None
    return x, y


def photo(text: str) -> str:
    """A photo's path or address, as it is. Raises InvalidImage for a file that is no picture; the SDK refuses what is no file."""
    from ..decoding.door import KINDS, is_picture

    head = b""
    with suppress(OSError, ValueError):
        if (path := Path(text).expanduser()).is_file():  # a pipe may never end
            with open(path, "rb") as file:
                head = file.read(4096)
    if head and not is_picture(head):
        raise InvalidImage(f"{printable(text)} is not a picture: expected a {KINDS} file", param=text)
    return text


def size(text: str | None) -> Any:
    """Of a portrait: px, or a word that the SDK knows."""
    return int(text) if text is not None and text.isdigit() else text


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
    if cls is Mask:
        return _mask(":".join(arguments))
    names = [name for name in cls.model_fields if name != "kind"]
    if len(arguments) > len(names):
        raise InvalidRequest(
            f"--degradation {text!r}: {word} takes {', '.join(names) or 'nothing'}", param="--degradation"
        )
    return cls.model_validate(dict(zip(names, arguments, strict=False)))  # reads the numbers


def _mask(file: str) -> Mask:
    if not Path(file).expanduser().is_file():
        raise InvalidRequest(
            f"--degradation mask:{printable(file)}: there is no such file; {EXPECTED}", param="--degradation"
        )
    return Mask(photo(file))
