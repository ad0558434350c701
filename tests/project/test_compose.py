"""docker-compose.yml and the Dockerfile, as far as can be told without a container engine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def schema():
    return json.loads(Path(__file__).with_name("compose.schema.json").read_text())


def test_it_fits_the_compose_specification(compose, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(compose, schema)


@pytest.mark.parametrize(
    "wrong",
    [{"services": {"worker": {"imgae": "x"}}}, {"services": {"worker": {"stop_grace_period": "30"}}}, {"volumes": {}}],
)
def test_the_schema_refuses_mistakes(wrong, schema):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_named_volumes_are_declared(compose):
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith((".", "/")) or source in compose["volumes"], f"{name} uses {source!r}"


def test_builds_are_from_this_repository(compose):
    arguments = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    for service in ours(compose):
        assert (ROOT / service["build"]["context"] / "Dockerfile").is_file()
        assert set(service["build"]["args"]) <= arguments


def test_commands_are_the_command_lines_own(compose):
    from portraitist.cli.app import app

    known = {(c.name or c.callback.__name__) for c in app.registered_commands}
    for service in ours(compose):
        if "command" in service:
            assert service["command"][0] in known


def test_the_queue_keeps_what_it_has_accepted(compose):
    command = compose["services"]["queue"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes" and options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"


def test_every_queue_has_workers(compose):
    for profile in ("cluster", "cluster-gpu"):
        running = [s for s in compose["services"].values() if profile in s["profiles"]]
        served = {s["command"][s["command"].index("--queues") + 1] for s in running if "build" in s}
        assert served == {"tune", "serve"} and any("valkey" in s["image"] for s in running)


def ours(compose):
    """The services that run this project's image."""
    return [service for service in compose["services"].values() if service["image"].startswith("portraitist:")]


def test_the_health_check_is_valid_python(compose):
    for service in ours(compose):
        if "healthcheck" in service:
            kind, program, option, code = service["healthcheck"]["test"]
            assert (kind, program, option) == ("CMD", "python", "-c")
            compile(code, "healthcheck", "exec")
            assert json.dumps(code)[1:-1] in (ROOT / "Dockerfile").read_text()


def test_everything_the_image_copies_exists():
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY"):
            *sources, _ = line.split()[1:]
            assert all((ROOT / source).exists() for source in sources), line
            ignored = (ROOT / ".dockerignore").read_text().split()
            assert all(f"!{source}" in ignored for source in sources), line
