"""docker-compose.yml and the Dockerfile, as far as can be told without a container engine."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from ports import free_port

from portraitist.cli.admin import worker
from portraitist.errors import PortraitistError, QueueUnavailable
from portraitist.ledger import RedisLedger
from portraitist.vault.keyring import check

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


def test_secrets_are_files_and_stand_nowhere_else(compose, secret_files):
    """`make secrets` makes each file that a service reads, and no value of them is in the file."""
    used = {name for service in compose["services"].values() for name in service.get("secrets", [])}
    check((secret_files / "master_key").read_text().strip(), "master_key")
    assert used == compose["secrets"].keys() == {path.name for path in secret_files.iterdir()}
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"} and (secret_files / name).read_text()
    settings = [(n, v) for s in compose["services"].values() for n, v in s.get("environment", {}).items()]
    named = [(n, v) for n, v in settings if re.search("PASSWORD|SECRET|KEY|CREDENTIAL|_URL_FILE", n)]
    assert named and all(value.startswith("/run/secrets/") for _, value in named)


@pytest.fixture(scope="module")
def secret_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run(["make", "-f", ROOT / "Makefile", "secrets"], cwd=folder, check=True, capture_output=True)
    return folder / "secrets"


def test_services_have_no_rights_that_they_do_not_need(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name  # a proxy stands before it
        assert service["security_opt"] == ["no-new-privileges:true"] and service["pids_limit"], name
        assert name == "cli" or service["mem_limit"], name
    assert compose["services"]["queue"]["user"] == "valkey"
    assert re.search(r"^USER portraitist$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_a_worker_is_given_longer_than_its_grace(compose):
    grace = inspect.signature(worker).parameters["grace"].default
    for service in ours(compose):
        if "stop_grace_period" in service and service["command"][0] == "worker":
            assert int(service["stop_grace_period"].rstrip("s")) >= grace + 10


def test_builds_are_from_this_repository(compose):
    for service in ours(compose):
        assert (ROOT / service["build"]["context"] / "Dockerfile").is_file()
    (extras,) = re.findall(r"'\.\[(.+)\]'", (ROOT / "Dockerfile").read_text())
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= known.keys()


def test_commands_are_the_command_lines_own(compose):
    from portraitist.cli.app import app

    known = {(c.name or c.callback.__name__) for c in app.registered_commands}
    for service in ours(compose):
        if "command" in service:
            assert service["command"][0] in known


def test_the_queue_keeps_what_it_has_accepted(compose, secret_files, tmp_path):
    """Its command is run, with the server that is installed here."""
    program = shutil.which("valkey-server") or shutil.which("redis-server") or pytest.skip("there is no redis-server")
    (script,) = compose["services"]["queue"]["command"]
    here = {"$$": "$", "valkey-server": program, "/run/secrets": str(secret_files), "dir /data": f"dir {tmp_path}"}
    port = free_port()
    for there, value in {**here, "requirepass": f"port {port}\nbind 127.0.0.1\nrequirepass"}.items():
        script = script.replace(there, value)
    url = (secret_files / "queue_url").read_text().strip().replace("queue:6379", f"127.0.0.1:{port}")
    server = subprocess.Popen([*compose["services"]["queue"]["entrypoint"], script], stdout=subprocess.DEVNULL)
    try:
        ledger, deadline = RedisLedger(url), time.monotonic() + 60
        while True:
            try:
                assert ledger.risks() == []
                break
            except QueueUnavailable:
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.05)
        without = RedisLedger(f"redis://127.0.0.1:{port}/0")
        with pytest.raises(PortraitistError, match="(?i)auth"):
            without.depth("serve")
        assert (tmp_path / "appendonlydir").is_dir()
        assert (secret_files / "queue_password").read_text() not in Path(f"/proc/{server.pid}/cmdline").read_text()
    finally:
        server.terminate()  # of the server itself, since the shell has become it
        server.wait(timeout=60)


def test_every_queue_has_workers(compose):
    for profile in ("cpu", "gpu"):
        running = {name: s for name, s in compose["services"].items() if profile in s["profiles"]}
        served = {
            s["command"][s["command"].index("--queues") + 1]
            for s in running.values()
            if s.get("command", [""])[0] == "worker"
        }
        assert served == {"tune", "serve"} and {"queue", "store"} <= running.keys()


def test_addresses_and_files_that_workers_are_told_exist(compose):
    for service in ours(compose):
        told = service["environment"]
        assert told["AWS_ENDPOINT_URL"].split("/")[2].split(":")[0] in compose["services"]
        for name, path in told.items():
            if str(path).startswith("/run/secrets/"):
                assert path.rpartition("/")[2] in service["secrets"], name
    bucket = compose["services"]["tune"]["environment"]["PORTRAITIST_STORE"].removeprefix("s3://")
    assert f"mkdir -p /data/{bucket} " in compose["services"]["store"]["command"][0]


def ours(compose):
    """The services that run this project's image."""
    return [service for service in compose["services"].values() if service["image"] == "portraitist"]


def test_the_health_check_is_a_command_of_ours(compose):
    checks = [s["healthcheck"]["test"] for s in ours(compose) if "healthcheck" in s]
    assert checks and all(check == ["CMD", "portraitist", "health"] for check in checks)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert 'CMD ["portraitist", "health"]' in dockerfile and "PORTRAITIST_MONITOR=0.0.0.0:" in dockerfile


def test_everything_the_image_copies_exists():
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY") and "--from" not in line:
            *sources, _ = line.split()[1:]
            assert all((ROOT / source).exists() for source in sources), line
            ignored = (ROOT / ".dockerignore").read_text().split()
            assert all(f"!{source}" in ignored for source in sources), line
