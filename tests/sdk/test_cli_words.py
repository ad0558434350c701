"""The command line speaks of commands and options, and explains its figures."""

import ast
import re
from pathlib import Path

import pytest
import typer

import portraitist
from portraitist.cli import show
from portraitist.cli.app import app
from portraitist.cli.words import spoken

ROOT = Path(__file__).parents[2]
PYTHON = re.compile(
    r"studio\.|\b[a-z_]+\(\)|(?<!--set )\b[a-z_]{2,}=(…|[\[({'\w])|(?<!-)\bstrict out|portraitist\.[A-Z]|\bconnect again"
)
# What no command can cause.
NOT_SAID = (
    "degradation=",
    "priority=",
    "attributes=",
    "events=",
    "secret is empty",
    "webhook=",
    "no blob",
    "PORTRAITIST_IDENTITY=",
)


def messages(path):
    """Texts that errors are made of, with Python's names in the place of what is filled in."""
    tree = ast.parse(path.read_text())
    for raised in ast.walk(tree):
        if isinstance(raised, ast.Raise) and isinstance(raised.exc, ast.Call):
            found = [text for argument in raised.exc.args for text in ast.walk(argument)]
            joined = [text.values for text in found if isinstance(text, ast.JoinedStr)]
            for parts in joined:
                yield "".join(
                    p.value if isinstance(p, ast.Constant) else "'x'" if p.conversion > 0 else "x" for p in parts
                )
            within = [part for parts in joined for part in parts]
            yield from (text.value for text in found if isinstance(text, ast.Constant) and text not in within)


def test_no_error_speaks_of_python_calls():
    texts = [text for folder in ("sdk/portraitist", "workers/portraitist_workers") for path in (ROOT / folder).rglob("*.py")
             if "priors/training" not in str(path) and "priors/engine" not in str(path) for text in messages(path)
             if isinstance(text, str)]  # fmt: skip
    left = [told for text in texts if PYTHON.search(told := spoken(text)) and not text.startswith(NOT_SAID)]
    assert len(texts) > 300 and sum(bool(PYTHON.search(text)) for text in texts) > 15 and left == []


@pytest.mark.parametrize(
    "said, told",
    [
        ("there is no job 'x'; studio.jobs.list() shows those there are", "there is no job 'x'; `portraitist jobs` shows those there are"),
        ("yaw=99 is outside -60 to 60 degrees", "--yaw 99 is outside -60 to 60 degrees"),
        ("create it with attributes=(..., 'roll')", "create it with --attributes …,roll"),
        ("Jpeg.quality='high': no", "--degradation jpeg: quality 'high': no"),
        ("used all the same: keep=['a b.jpg'], on the command line --keep 'a b.jpg'.", "used all the same: --keep 'a b.jpg'."),
        ("cannot make the folder x; choose another with home=… or PORTRAITIST_HOME",
         "cannot make the folder x; choose another with --home or PORTRAITIST_HOME"),
        ("eyes_open=2 is outside", "--eyes-open 2 is outside"),
        ("steps=8: input should be more", "--steps 8: input should be more"),
        ("expected 2 portraits, as in values=[{'yaw': -20}, {'yaw': 20}]", "expected 2 portraits, as in --set yaw=-20 --set yaw=20"),
    ],
)  # fmt: skip
def test_what_is_said_instead(said, told):
    assert spoken(said) == told


def test_ordinals_and_percentiles():
    assert [show.ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 92, 93, 101, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "92nd", "93rd", "101st", "111th"]  # fmt: skip
    assert "92nd percentile of the person's photos" in show.identity(92.4)
    assert "less like the person's photos than any of these" in show.identity(0.0) and "more like" in show.identity(
        100.0
    )


def commands(group, name=""):
    for one in group.registered_commands:
        yield (
            f"{name}{(one.name or one.callback.__name__).replace('_', '-')}".rstrip("-"),
            typer.main.get_command_from_info(one, pretty_exceptions_short=True, rich_markup_mode=None),
        )
    for other in group.registered_groups:
        yield from commands(other.typer_instance, f"{other.typer_instance.info.name} ")


def test_the_documents_name_the_commands_without_json_or_home(cli):
    lacks = {option: sorted(name for name, command in commands(app) if option not in {o for p in command.params for o in p.opts})
             for option in ("--json", "--home")}  # fmt: skip
    text = (ROOT / "docs" / "sdk.md").read_text()
    for option, names in lacks.items():
        listed = re.search(rf"Without `{option}`: (.*?)\.", text, re.DOTALL)
        assert listed and sorted(re.findall(r"`([a-z -]+)`", listed[1])) == names, names


def test_version(cli):
    assert cli("--version") == (0, f"portraitist {portraitist.__version__}\n", "")
