"""The command line: same words as the SDK, one line per error, exit codes, JSON."""

import json

import pytest
import typer
from PIL import Image

import portraitist
from portraitist import testing
from portraitist.cli import keys, receipts, show
from portraitist.doctor import Check
from portraitist.requests import Synthesize
from portraitist.testing import plain_pictures


def test_the_way_through(cli, tmp_path):
    code, out, err = cli("create", "ana", "photos", "--seed", "3")
    assert code == 0 and "a.jpg" in out and "yaw (deg)" in out and "personalise" in err
    code, out, _ = cli("synthesize", "ana", "--yaw", "-20", "--smile", "0.8", "-o", "p.png")
    assert code == 0 and "yaw -20 ± 0 (asked -20)" in out and Image.open("p.png").size == (64, 64)
    assert cli("synthesize", "ana", "--yaw=-20,0,20")[0] == 0
    assert sorted(p.name for p in (tmp_path / "ana").iterdir()) == ["ana-01.png", "ana-02.png", "ana-03.png"]
    assert (
        cli("synthesize", "ana", "--grid", "yaw,smile", "-o", "grid.jpg")[0] == 0 and Image.open("grid.jpg").width > 300
    )
    assert cli("synthesize", "ana", "-n", "2", "-o", "two")[0] == 0 and len(list((tmp_path / "two").iterdir())) == 2
    assert cli("edit", "ana", "photos/a.jpg", "--yaw", "15", "--relative")[0] == 0 and (tmp_path / "a-ana.png").exists()
    chain = "gaussian-blur:1.5,motion-blur:9:45,greyscale,downsample:4,jpeg:30"
    assert (
        cli("enhance", "ana", "photos/b.jpg", "--degradation", chain)[0] == 0 and (tmp_path / "b-restored.png").exists()
    )
    asked = cli.studio._backend.ledger.job(cli.studio.jobs.list(limit=1)[0].id).request["degradation"]
    assert [d["kind"] for d in asked] == ["gaussian_blur", "motion_blur", "greyscale", "downsample", "jpeg"]
    assert asked[1]["angle"] == 45.0
    assert "3 of 3" in cli("personas")[1] and "a.jpg" in cli("personas", "ana")[1]
    assert "succeeded" in cli("jobs")[1] and "no jobs" in cli("jobs", "--status", "failed")[1]
    assert cli("delete", "ana", "--yes")[1] == "deleted ana\n" and "no personas" in cli("personas")[1]


def test_json(cli):
    made = json.loads(cli("create", "ana", "photos", "--json")[1])
    assert made["persona"]["name"] == "ana" and made["job"].startswith("job_")
    code, out, err = cli("synthesize", "ana", "--yaw=0,5", "--json")
    pictures = json.loads(out)["pictures"]
    assert [p["report"]["attributes"]["yaw"]["achieved"] for p in pictures] == [0, 5] and err == ""
    assert json.loads(cli("personas", "--json")[1])[0]["name"] == "ana"
    assert json.loads(cli("personas", "ana", "--json")[1])["attributes"] == ["yaw", "pitch", "smile"]
    jobs = json.loads(cli("jobs", "--json")[1])
    assert {j["status"] for j in jobs} == {"succeeded"} and jobs[0]["operation"] == "synthesize"
    assert json.loads(cli("jobs", made["job"], "--json")[1])["id"] == made["job"]
    code, out, _ = cli("synthesize", "ana", "--yaw", "99", "--json")
    assert code == 2 and json.loads(out)["error"]["code"] == "out_of_range"
    deleted = json.loads(cli("delete", "ana", "--json")[1])
    assert deleted["deleted"] == "ana" and deleted["receipt"]["signature"]
    code, out, _ = cli("personas", "ana", "--json")
    assert code == 1 and json.loads(out)["error"]["code"] == "persona_deleted"


def test_who_is_meant_and_what_is_kept(cli):
    assert cli("create", "ana", "photos", "--person", "b.jpg", "--keep", "a.jpg", "--keep", "c.jpg")[0] == 0
    row = cli.studio._backend.ledger.job(cli.studio.jobs.list(limit=1)[0].id)
    asked = cli.studio._backend.readable(row.persona_id, row.request)
    assert asked["person"] == "b.jpg" and asked["keep"] == ["a.jpg", "c.jpg"]
    code, _, err = cli("create", "eva", "photos", "--keep", "photos/a.jpg")
    assert code == 2 and "keep names 'photos/a.jpg'" in err


def test_a_request_that_was_cut_short_says_so(cli, monkeypatch):
    def cut_short(request, context):
        made = plain_pictures(request, context)
        if isinstance(request, Synthesize):
            made.pictures[0].report.warnings = ["yaw: 60 was asked, and 25 is as far as this person goes"]
        return made

    assert cli("create", "ana", "photos")[0] == 0
    assert "as far as this person goes" not in cli("synthesize", "ana", "--yaw", "60", "-o", "p.png")[1]
    monkeypatch.setattr(testing, "plain_pictures", cut_short)
    code, out, _ = cli("synthesize", "ana", "--yaw", "60", "--seed", "1", "-o", "q.png")
    assert code == 0 and "yaw: 60 was asked, and 25 is as far as this person goes" in out
    data = json.loads(cli("synthesize", "ana", "--yaw", "60", "--seed", "2", "-o", "r.png", "--json")[1])
    assert "as far as this person goes" in json.dumps(data)


def test_jobs_that_are_not_waited_for(cli):
    code, out, _ = cli("create", "ana", "photos", "--no-wait")
    job = out.strip()
    assert code == 0 and cli.studio.jobs.get(job).wait(timeout=10)
    code, out, _ = cli("jobs", job, "--follow")
    assert code == 0 and "a.jpg" in out and "succeeded" in out
    events = [json.loads(line) for line in cli("jobs", job, "--follow", "--json")[1].splitlines() if '"seq"' in line]
    assert [e["kind"] for e in events] == ["queued", "started", "progress", "succeeded"]
    assert "succeeded" in cli("cancel", job)[1]


def test_labels(cli, tmp_path):
    (tmp_path / "labels.json").write_text('{"a.jpg": {"age": 30}}')
    assert cli("create", "ana", "photos", "--labels", "labels.json", "--attributes", "yaw, age")[0] == 0
    assert "age 31" in cli("synthesize", "ana", "--set", "age=31")[1]
    (tmp_path / "labels.json").write_text("[1]")
    assert cli("create", "bob", "photos", "--labels", "labels.json")[0] == 2


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (("create", "x", "nowhere"), 2, "no file nowhere"),
        (("create", "x", "photos", "--preset", "bst"), 2, "--preset 'bst'"),
        (("synthesize", "nobody"), 1, "no persona 'nobody'"),
        (("synthesize", "ana", "--yaw", "abc"), 2, "--yaw 'abc'"),
        (("synthesize", "ana", "--yaw", "99"), 2, "-60 to 60"),
        (("synthesize", "ana", "--set", "age"), 2, "NAME=VALUE"),
        (("synthesize", "ana", "--roll", "3"), 2, "not organised by 'roll'"),
        (("enhance", "ana", "photos/a.jpg", "--degradation", "rain"), 2, "auto, downsample"),
        (("enhance", "ana", "photos/a.jpg", "--degradation", "jpeg:high"), 2, "--degradation jpeg: quality 'high'"),
        (("enhance", "ana", "photos/a.jpg", "--degradation", "jpeg:1:2"), 2, "jpeg takes quality"),
        (("jobs", "job_none"), 1, "no job"),
        (("personas", "--home", ""), 2, "--home is empty"),
        (("jobs", "--status", "odd"), 2, "queued, running"),
    ],
)
def test_errors_are_one_line(cli, arguments, code, words):
    cli("create", "ana", "photos", "--json")
    got, out, err = cli(*arguments)
    last = err.strip().splitlines()[-1]
    assert got == code and words in last and last.startswith("portraitist: ") and "Traceback" not in err


def test_unusable_photos_are_told_one_by_one(cli, tmp_path):
    code, _, err = cli("create", "ana", "photos/a.jpg", "photos/b.jpg")
    assert code == 1 and "  a.jpg: ok\n  b.jpg: ok\nportraitist: only 2 photos" in err


def test_lines_are_kept_and_control_characters_are_not(capsys):
    show.Console(width=20).print("\none two three four s\x1b[2J\x9b31m\u202e\nfive")
    assert capsys.readouterr().out == "\none two three four \ns?[2J?31m?\nfive\n"
    assert str(portraitist.NotFound("no\x1b[2J such\nthing")) == "no?[2J such\nthing"


def test_unknown_options_are_usage_errors(cli):
    assert cli("synthesize", "ana", "--nonsense")[0] == 2
    assert cli()[0] in (0, 2) and "create" in cli("--help")[1]


def test_delete_asks(cli, monkeypatch):
    cli("create", "ana", "photos", "--json")
    monkeypatch.setattr("typer.confirm", lambda *a, **k: (_ for _ in ()).throw(typer.Abort()))
    assert cli("delete", "ana")[0] == 1 and "ana" in cli.studio.personas


def test_doctor_says_what_to_do(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "portraitist.doctor._torch_pair", lambda: Check("torch", "warn", "mixed", "take one")
    )  # takes seconds
    code, out, _ = cli("doctor", "--home", tmp_path / "h", "--no-start", "--json")
    checks = {c["name"]: c for c in json.loads(out)}
    assert checks["home"]["state"] == "ok" and checks["celery"]["state"] == "ok" and "worker" not in checks
    assert code == (1 if any(c["state"] == "fail" for c in checks.values()) else 0)
    assert all(c["remedy"] for c in checks.values() if c["state"] != "ok")
    (tmp_path / "file").write_text("")
    code, out, _ = cli("doctor", "--home", tmp_path / "file" / "h", "--no-start")
    assert code == 1 and "PORTRAITIST_HOME" in out


def test_doctor_recognises_a_mixed_pair(monkeypatch):
    from portraitist import doctor

    class Run:
        returncode, stdout, stderr = 1, "", "RuntimeError: operator torchvision::nms does not exist"

    monkeypatch.setattr(doctor.subprocess, "run", lambda *a, **k: Run)
    check = doctor._torch_pair()
    assert check.state == "warn" and "one place" in check.remedy
    Run.returncode, Run.stdout = 0, "2.13.0 0.28.0 True\n"
    assert (
        "GPU found, not in use" in doctor._torch_pair().detail and "PORTRAITIST_DEVICE" in doctor._torch_pair().remedy
    )
    monkeypatch.setenv("PORTRAITIST_DEVICE", "cuda:0")
    assert doctor._torch_pair().detail.endswith("GPU found") and not doctor._torch_pair().remedy
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    assert doctor._torch_pair().state == "fail" and "portraitist[worker]" in doctor._torch_pair().remedy


def test_stopping_a_worker_that_is_not_there(cli, tmp_path):
    assert cli("worker", "--stop", "--home", tmp_path / "h")[1] == "there was no worker\n"


def test_workers_and_queues_of_an_embedded_studio(cli, tmp_path):
    home = tmp_path / "h"
    assert "no workers" in cli("workers", "--home", home)[1] and cli("workers", "--home", home, "--json")[1] == "[]\n"
    assert "waiting" in cli("queues", "--home", home)[1]
    empty = {"waiting": 0, "oldest_s": None, "running": 0, "workers": 0}
    assert json.loads(cli("queues", "--home", home, "--json")[1]) == {"serve": empty, "tune": empty, "live": empty}


def test_a_cluster_worker_refuses_what_is_wrong(cli, tmp_path):
    address = ("--url", "redis://127.0.0.1:1/0", "--store", tmp_path / "store")
    for wrong in (("--queues", "x"), ("--device", "gpu"), ("--stop",)):
        code, _, err = cli("worker", *address, *wrong)
        assert code == 2 and wrong[0] in err
    code, _, err = cli("worker", *address)
    assert code == 1 and "cannot be reached" in err


def test_adding_photos(cli, tmp_path):
    cli("create", "ana", "photos")
    (tmp_path / "d.jpg").write_bytes((tmp_path / "photos" / "a.jpg").read_bytes())
    code, out, err = cli("add", "ana", "d.jpg", "--keep", "d.jpg")
    assert (
        code == 0 and "d.jpg" in out and "a.jpg" not in out and "the reach is as it was" in out and "add photos" in err
    )
    told = json.loads(cli("add", "ana", "photos/a.jpg", "d.jpg", "--json")[1])
    assert len(told["persona"]["photos"]) == 6 and told["job"].startswith("job_")
    assert "job_" in cli("add", "ana", "d.jpg", "--no-wait")[1]
    code, _, err = cli("add", "ana", "d.jpg", "--keep", "e.jpg")
    assert code == 2 and "keep names 'e.jpg'" in err
    assert cli("add", "nobody", "d.jpg")[0] == 1


def test_what_adding_changed_in_the_reach(cli, capsys, monkeypatch):
    monkeypatch.setattr(show, "console", show.Console(width=160))
    cli("create", "ana", "photos")
    before = cli.studio.personas.get("ana")
    further = [r.model_copy(update={"high": 22.0}) if r.attribute == "yaw" else r for r in before.record.reach]
    show.added(before, type(before)(before._backend, before.record.model_copy(update={"reach": further})))
    out = capsys.readouterr().out
    assert "-60 to 60" in out and "22" in out and "smile" not in out


def test_tenants(cli):
    assert cli("create", "ana", "photos", "--tenant", "acme")[0] == 0
    assert "ana" in cli("personas", "--tenant", "acme")[1] and "no personas" in cli("personas")[1]
    code, _, err = cli("synthesize", "ana")
    assert code == 1 and "there is no persona 'ana'" in err
    assert cli("tenants", "set-quota", "acme", "--queued", "0", "--personas", "5") == (
        0,
        "acme: running any, queued 0, personas 5\n",
        "",
    )
    code, _, err = cli("synthesize", "ana", "--tenant", "acme")
    assert code == 1 and "0 queued jobs, and its quota is 0" in err
    assert cli("tenants", "set-quota", "acme", "--queued", "none")[1] == "acme: running any, queued any, personas 5\n"
    assert "1 of 5" in cli("tenants", "list")[1]
    assert [row["name"] for row in json.loads(cli("tenants", "list", "--json")[1])] == ["acme"]
    assert cli("tenants", "set-quota", "acme", "--running", "-1")[0] == 2
    assert cli("personas", "--tenant", "a/b")[0] == 2


def test_help_offers_what_the_command_takes(cli):
    edited, restored, composed = (cli(command, "--help")[1] for command in ("edit", "enhance", "compose"))
    assert "or a list: 0,0.5,1" in edited and "keep: it does not follow" in edited and "prior:default:" in edited
    assert "or a list" not in restored + composed and "keep:" not in restored + composed
    assert "prior:default-parts:" in composed
    assert cli("create", "ana", "photos")[0] == 0
    assert cli("edit", "ana", "photos/a.jpg", "--smile", "0,0.5", "--mouth-open", "keep")[0] == 0
    assert cli("enhance", "ana", "photos/a.jpg", "--smile", "0,1")[0] == 2


def test_a_narrow_terminal_cuts_no_name_and_no_id(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli("create", "the customer of order 17", "photos", "--attributes", "yaw,mouth_open,eyes_open")[0] == 0
    shown = cli("personas")[1]
    persona = cli.studio.personas.list()[0]
    assert persona.id in shown and "mouth_open" in shown and "…" not in shown, shown


def test_consent_and_retention(cli, tmp_path):
    consent = {"subject": "Ana", "by": "Ana", "text": "I agree.", "expires": "2099-12-31"}
    (tmp_path / "consent.json").write_text(json.dumps(consent))
    assert cli("create", "ana", "photos", "--consent", "consent.json", "--retain-days", "30")[0] == 0
    assert cli("create", "bob", "photos")[0] == 0
    assert "by Ana, until 20" in cli("personas")[1] and "none recorded" in cli("personas")[1]
    assert "Ana, given by Ana on" in cli("personas", "ana")[1] and "you answer for it" in cli("personas", "bob")[1]
    told = json.loads(cli("personas", "ana", "--json")[1])
    assert told["consent"]["subject"] == "Ana" and told["expires"].startswith("20")
    (tmp_path / "consent.json").write_text("[]")
    assert cli("create", "cy", "photos", "--consent", "consent.json")[0] == 2


def test_receipts_and_master_keys(cli, tmp_path, monkeypatch):
    backend = cli.studio._backend
    for module in (keys, receipts):
        monkeypatch.setattr(module, "open_backend", lambda url, home, store: backend)
    cli("create", "ana", "photos")
    assert cli("keys", "rewrap")[1].startswith("1 data key")
    assert cli("delete", "ana", "--yes", "--receipt", "receipt.json")[0] == 0
    key = cli("receipts", "key")[1].strip()
    for own in ((), ("--key", key)):
        code, out, _ = cli("receipts", "verify", "receipt.json", *own)
        assert code == 0 and "genuine" in out
    code, _, err = cli("receipts", "verify", "receipt.json", "--key", "another")
    assert code == 1 and "another key" in err
    (tmp_path / "forged.json").write_text((tmp_path / "receipt.json").read_text().replace("default", "others"))
    code, _, err = cli("receipts", "verify", "forged.json")
    assert code == 1 and "changed" in err
    assert len(cli("keys", "new")[1].strip()) == 44 and cli("receipts", "verify", "photos/a.jpg")[0] == 2
