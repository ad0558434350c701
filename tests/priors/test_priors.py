"""`studio.priors`: adding, refusing, exporting, removing. The converter runs in this process, except where the walls matter."""

from __future__ import annotations

import errno
import json
import os
import sys

import pytest
import torch
from safetensors.torch import load_file
from small_generator import generator as small

import portraitist
from portraitist.cli import main
from portraitist.errors import (
    Conflict,
    DownloadFailed,
    InvalidRequest,
    LicenceNotAccepted,
    NotFound,
    PriorNotCalibrated,
    PriorRefused,
    PriorUnavailable,
    StorageFull,
)
from portraitist.priors import anybody, locked_process, official
from portraitist.results import PersonaRecord
from portraitist.testing import fake_studio
from portraitist_workers.generator.formats import native, nvidia

from .conftest import sha256
from .malicious import families
from .test_download import Server


def names(studio):
    return [p.name for p in studio.priors.list()]


def test_add_recognises_by_content(studio, files, in_process):
    for file, layout in (("nvidia.pkl", "nvidia"), ("rosinality.pt", "rosinality"), ("own.safetensors", "native")):
        os.rename(files / file, files / "Weights (1).bin")
        prior = studio.priors.add(files / "Weights (1).bin", name=layout, accept_licence=True)
        record = prior.record
        assert (record.source.layout, record.resolution, record.z_dim, record.num_ws) == (layout, 32, 16, 8)
        assert record.source.sha256 == sha256(files / "Weights (1).bin") and record.source.file == "Weights (1).bin"
        assert record.generator_sha256 == sha256(prior.generator) and record.licence.accepted and not prior.calibrated
    assert (
        names(studio) == ["default", "default-256", "default-parts", "native", "nvidia", "rosinality"]
        and "nvidia" in studio.priors
    )
    a, b = (load_file(studio.priors.get(n).generator) for n in ("nvidia", "rosinality"))
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert studio.priors.add(files / "free.safetensors").record.licence.commercial  # nothing to accept


def test_names(studio, files, in_process):
    os.rename(files / "nvidia.pkl", files / "StyleGAN2 FFHQ..1024.pkl")
    assert studio.priors.add(files / "StyleGAN2 FFHQ..1024.pkl", accept_licence=True).name == "stylegan2-ffhq.1024"
    for name in (
        "default",
        "default-256",
        "default-parts",
        "../x",
        "a/b",
        "",
        ".hidden",
        "A",
        "x" * 65,
        "a..b",
        "con\n",
    ):
        with pytest.raises(InvalidRequest):
            studio.priors.add(files / "other.pkl", name=name, accept_licence=True)
    for name in ("../../etc", "a/b"):
        for verb in (studio.priors.get, studio.priors.verify, studio.priors.remove):
            with pytest.raises(InvalidRequest):
                verb(name)
        assert name not in studio.priors


def test_terms_must_be_accepted(studio, files, in_process):
    for file, words in (
        ("nvidia.pkl", "no commercial use"),
        ("rosinality.pt", "not known"),
        ("own.safetensors", "no licence"),
    ):
        with pytest.raises(LicenceNotAccepted, match=words) as caught:
            studio.priors.add(files / file)
        assert "--accept-licence" in str(caught.value) and caught.value.details["note"]
    assert (
        names(studio) == ["default", "default-256", "default-parts"]
        and [p.name for p in (studio._backend.home / "priors").iterdir()] == []
    )


@pytest.mark.parametrize(
    "stated",
    [
        "Apache-2.0 WITH nothing of the kind: pay me",
        "MIT, but not for you",
        "Apache-2.0\n",
        " Apache-2.0",
        "Apache-2.0\x1b[2J",
        "CC0, mine",
        "apache-2.0",
        "BSD-",
        "CC-BY-4.0-NC",
        "Apache-2.0\u200b",
    ],
)
def test_only_a_licences_exact_name_is_free(stated, studio, files, in_process):
    native.save(small(1), files / "x.safetensors", dtype=torch.float32, metadata={"licence": stated})
    with pytest.raises(LicenceNotAccepted, match="The file itself says"):
        studio.priors.add(files / "x.safetensors")
    record = studio.priors.add(files / "x.safetensors", accept_licence=True).record
    assert not record.licence.commercial and record.licence.accepted


def test_our_own_texts_are_free(studio, tmp_path, in_process):
    """The bundled priors' files, and what `export` writes of them."""
    path, _ = studio.priors.export("default", tmp_path / "twin.safetensors", layout="safetensors")
    assert studio.priors.add(path).record.licence.commercial
    for name in ("default", "default-256", "default-parts"):
        stated = native.load(studio.priors.get(name).generator)[1]["licence"]
        assert official.licence_of("native", stated, None) == (stated, True)
    for layout in ("nvidia", "rosinality", "mystyle"):
        assert not official.licence_of(layout, "Apache-2.0", None)[1]


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\r\u202egpj"


def test_no_escape_of_a_file_reaches_the_terminal(cli, files, tmp_path, in_process):
    """A licence, and a file's name may hold what a terminal obeys."""
    native.save(
        small(1),
        files / "x.safetensors",
        dtype=torch.float32,
        metadata={"licence": f"free {ESCAPES} as beer\nsecond line"},
    )
    hostile = files / f"w{ESCAPES}.safetensors"
    os.rename(files / "x.safetensors", hostile)
    shown = [
        cli("add", hostile),
        cli("add", hostile, "--json"),
        cli("add", hostile, "--accept-licence", "--name", "x"),
        cli("list"),
        cli("info", "x"),
        cli("info", "x", "--json"),
        cli("add", tmp_path / f"{ESCAPES}.pkl"),
        cli("export", "x", tmp_path / f"{ESCAPES}.pt"),
        cli("add", files / "other.pkl", "--name", "x", "--accept-licence"),
    ]
    assert [code for code, _, _ in shown] == [2, 2, 0, 0, 0, 0, 2, 0, 1]
    assert "as beer second line" in shown[0][2] and "as beer second line" in shown[4][1]
    for _, out, err in shown:
        assert not [c for c in out + err if not c.isprintable() and c != "\n"]


def test_only_regular_files(cli, studio, files, tmp_path):
    """A pipe or a device would be read for ever; a sparse file for a day."""
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "pipe", tmp_path / "link.pkl")
    for path in (tmp_path / "pipe", tmp_path / "link.pkl", "/dev/zero", "/dev/null"):
        with pytest.raises(InvalidRequest, match="not a regular file"):
            studio.priors.add(path, accept_licence=True)
    code, _, err = cli("add", "/dev/zero", "--accept-licence")
    assert code == 2 and "not a regular file" in err
    with open(tmp_path / "sparse.pkl", "wb") as file:
        file.truncate(2**43)
    with pytest.raises(PriorRefused, match="GiB"):
        studio.priors.add(tmp_path / "sparse.pkl", accept_licence=True)
    (tmp_path / "empty.pkl").touch()
    with pytest.raises(PriorRefused, match="is empty"):
        studio.priors.add(tmp_path / "empty.pkl", accept_licence=True)


def test_the_same_again_and_another_of_that_name(studio, files, in_process):
    first = studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)
    again = studio.priors.add(files / "nvidia.pkl", name="x")  # accepted before
    assert again.record == first.record
    with pytest.raises(Conflict, match="nvidia.pkl"):
        studio.priors.add(files / "other.pkl", name="x", accept_licence=True)
    assert sha256(studio.priors.add(files / "nvidia.pkl", name="y", accept_licence=True).generator) == sha256(
        first.generator
    )


def test_nothing_half_made_is_seen(studio, files, in_process, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("portraitist.priors.folder_home.sync_file", full)
    with pytest.raises(StorageFull):
        studio.priors.add(files / "nvidia.pkl", accept_licence=True)
    assert (
        names(studio) == ["default", "default-256", "default-parts"]
        and list((studio._backend.home / "priors").iterdir()) == []
    )


def test_what_is_no_file(studio, files, tmp_path):
    with pytest.raises(InvalidRequest, match="ffhq-1024"):
        studio.priors.add(tmp_path / "nowhere.pkl")
    with pytest.raises(InvalidRequest, match="folder"):
        studio.priors.add(files)
    for verb in (studio.priors.get, studio.priors.verify, studio.priors.remove, studio.priors.calibrate):
        with pytest.raises(NotFound, match="priors list"):
            verb("nobody")
    with pytest.raises(InvalidRequest, match="bundled"):
        studio.priors.remove("default")
    with pytest.raises(InvalidRequest, match="memory"):
        fake_studio().priors.add(files / "nvidia.pkl")
    assert names(fake_studio()) == ["default", "default-256", "default-parts"]


def test_a_persona_needs_a_calibrated_prior(studio, files, in_process):
    studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)
    with pytest.raises(PriorNotCalibrated, match="priors calibrate x"):
        studio.personas.create("ana", [b"1", b"2", b"3"], prior="x")
    with pytest.raises(NotFound):
        studio.personas.create("ana", [b"1", b"2", b"3"], prior="nobody")
    assert studio.jobs.list() == []


def test_a_damaged_manifest(studio, files, in_process):
    prior = studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)
    (prior.folder / "manifest.json").write_text('{"name": "x"}')
    with pytest.raises(PriorUnavailable, match="remove the prior"):
        studio.priors.get("x")
    assert names(studio) == ["default", "default-256", "default-parts"]
    studio.priors.remove("x")
    with pytest.raises(NotFound):
        studio.priors.get("x")


def test_removing_what_personas_need(studio, files, in_process, monkeypatch):
    studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)

    class Row:
        name, record = "ana", {"prior": "x@0123"}

    monkeypatch.setattr(studio._backend.ledger, "personas", lambda: [Row])
    with pytest.raises(Conflict, match="ana"):
        studio.priors.remove("x")
    studio.priors.remove("x", force=True)
    assert list((studio._backend.home / "priors").iterdir()) == []


def test_what_was_made_of_anybodys_photos_goes_with_the_prior(studio, files, in_process, monkeypatch):
    """It is refused before the calibration; and it is no reason to keep the prior."""
    prior = studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)
    with pytest.raises(PriorNotCalibrated, match="priors calibrate x"):
        prior.edit(b"a photo", yaw=1)
    assert studio.jobs.list() == []
    backend = studio._backend
    monkeypatch.setattr(backend.transport, "wake", lambda *_: None)  # we are the worker
    job = anybody._made(backend, "x")
    row = backend.ledger.claim(job.id, worker="w/1", lease_s=60.0)
    made = PersonaRecord(
        persona_id=row.persona_id, name="prior:x", prior="x@0123", organizer="", preset="", attributes=[], photos=[], reach=[]
    )  # fmt: skip
    backend.ledger.finish(row.id, row.token, "succeeded", result=made.model_dump(mode="json"))
    assert studio.priors["x"].anybody().id == row.persona_id and "prior:x" in studio.personas
    studio.priors.remove("x")
    assert "prior:x" not in studio.personas and backend.ledger.deletion(row.persona_id).receipt


def test_known_by_name(studio, files, in_process, monkeypatch):
    server = Server()
    try:
        server.body, server.cuts = (files / "nvidia.pkl").read_bytes(), [1000]
        monkeypatch.setattr("portraitist.priors.download.time.sleep", lambda _: None)
        entry = official.Official(
            "ffhq-1024", "", server.url, 32, official.NVIDIA, sha256(files / "nvidia.pkl"), len(server.body)
        )
        monkeypatch.setitem(official.OFFICIAL, "ffhq-1024", entry)
        with pytest.raises(LicenceNotAccepted, match="NVIDIA Source Code License"):
            studio.priors.add("ffhq-1024")
        assert server.seen == []  # asked before anything is fetched
        told = []
        prior = studio.priors.add("ffhq-1024", accept_licence=True, on_bytes=lambda *a: told.append(a))
        assert server.seen == [None, "bytes=1000-"] and told[-1] == (len(server.body), len(server.body))
        assert prior.name == prior.record.source.official == "ffhq-1024" and prior.record.source.url == server.url
        assert [p.name for p in (studio._backend.home / "priors" / ".downloads").iterdir()] == [".lock"]
        assert studio.priors.add("ffhq-1024", accept_licence=True).record == prior.record and len(server.seen) == 2
        assert (
            studio.priors.add(files / "nvidia.pkl", name="y", accept_licence=True).record.source.official == "ffhq-1024"
        )
        server.body = server.body[:-1] + b"x"
        with pytest.raises(DownloadFailed, match="SHA-256"):
            studio.priors.add("ffhq-1024", name="z", accept_licence=True)
        assert "z" not in studio.priors
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_known_is_plausible():
    for known in official.OFFICIAL.values():
        assert known.url.startswith("https://") and known.url.endswith(".pkl") and "no commercial use" in known.licence
        assert known.sha256 is None or len(known.sha256) == 64
    assert (
        official.by_hash(official.OFFICIAL["ffhq-1024"].sha256).resolution == 1024
        and official.by_hash("0" * 64) is None
    )


@pytest.fixture
def cli(tmp_path, capsys, monkeypatch):
    """cli("add", ...) -> (exit code, stdout, stderr)"""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["portraitist", "priors", *map(str, arguments), "--home", str(tmp_path / "home")]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


def test_on_the_command_line_behind_real_walls(cli, tmp_path, files):
    """add (locked process), verify, export (both their own processes), info, list, remove."""
    canary = tmp_path / "canary"
    (tmp_path / "evil.pkl").write_bytes(families(canary)["call os.system"])
    code, _, err = cli("add", tmp_path / "evil.pkl", "--accept-licence")
    assert code == 1 and "evil.pkl cannot be imported: it names 'os.system'" in err and not canary.exists()
    code, out, _ = cli("add", files / "nvidia.pkl", "--accept-licence")
    assert code == 0 and "32 px, z 16" in out and "next: portraitist priors calibrate nvidia" in out
    assert "audit hook" in out and ("network namespace" in out or sys.platform != "linux" or "nofile" in out)
    code, out, _ = cli("export", "nvidia", tmp_path / "again.pkl", "--layout", "nvidia")
    assert code == 0 and "reads back equal" in out
    before, after = nvidia.load(files / "nvidia.pkl").state_dict(), nvidia.load(tmp_path / "again.pkl").state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert cli("export", "nvidia", tmp_path / "again.pkl")[0] == 1
    assert cli("export", "nvidia", tmp_path / "x", "--layout", "tf")[0] == 2
    code, out, _ = cli("verify", "nvidia", "--json")
    assert code == 0 and json.loads(out)["ok"]
    weights = tmp_path / "home" / "priors" / "nvidia" / "generator.safetensors"
    data = bytearray(weights.read_bytes())
    data[-2000:] = os.urandom(2000)
    weights.write_bytes(data)
    code, out, err = cli("verify", "nvidia", "--json")
    assert code == 1
    assert json.loads(cli("info", "nvidia", "--json")[1])["source"]["layout"] == "nvidia"
    assert [p["name"] for p in json.loads(cli("list", "--json")[1])["priors"]] == [
        "default",
        "default-256",
        "default-parts",
        "nvidia",
    ]
    assert "ffhq-1024" in cli("list")[1] and "bundled" in cli("info", "default")[1]
    assert cli("remove", "nvidia", "--yes")[1] == "removed nvidia\n" and cli("info", "nvidia")[0] == 1


def test_a_reader_that_dies_is_a_refusal(files, studio, monkeypatch):
    monkeypatch.setattr(locked_process, "_command", lambda *_: [sys.executable, "-S", "-c", "import os; os.abort()"])
    with pytest.raises(PriorRefused, match="SIGABRT"):
        studio.priors.add(files / "nvidia.pkl", accept_licence=True)
    monkeypatch.setattr(
        locked_process, "_command", lambda *_: [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    )
    monkeypatch.setattr(locked_process, "CONVERT_S", 0.5)
    with pytest.raises(PriorRefused, match="longer than"):
        studio.priors.add(files / "nvidia.pkl", accept_licence=True)
    monkeypatch.setattr(locked_process, "_command", lambda *_: [sys.executable, "-S", "-c", "import torch"])
    with pytest.raises(portraitist.QueueUnavailable, match="doctor"):
        studio.priors.add(files / "nvidia.pkl", accept_licence=True)


def test_the_reader_sees_no_secrets(files, studio, monkeypatch):
    seen = {}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr(
        locked_process.subprocess, "run", lambda *a, **k: seen.update(k) or (_ for _ in ()).throw(RuntimeError)
    )
    with pytest.raises(RuntimeError):
        studio.priors.add(files / "nvidia.pkl", accept_licence=True)
    assert "AWS_SECRET_ACCESS_KEY" not in seen["env"] and seen["timeout"] and len(seen["pass_fds"]) == 2


def test_the_module_works_on_the_default_folder(files, in_process, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_HOME", str(tmp_path / "elsewhere"))
    assert portraitist.priors.add(files / "nvidia.pkl", accept_licence=True).name == "nvidia"
    assert [p.name for p in portraitist.priors.list()] == ["default", "default-256", "default-parts", "nvidia"]
    assert portraitist.priors.info("nvidia").record == portraitist.priors.get("nvidia").record
    portraitist.priors.remove("nvidia")
    assert set(portraitist.priors.__all__) <= set(dir(portraitist.priors))
