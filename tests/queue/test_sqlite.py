"""What is particular to the SQLite ledger: several processes, a full disk, a file that goes away."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from portraitist.errors import StorageError, StorageFull
from portraitist.ledger import NewJob, SqliteLedger
from portraitist.ledger import sqlite_turns as turns
from portraitist.ledger.api_keys import ApiKeyRow

RACER = """
import sys, time
from portraitist.ledger import NewJob, SqliteLedger
ledger = SqliteLedger(sys.argv[1])
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
made = 0
for number in range(60):
    request = {"operation": "create", "persona_id": f"per_{number}", "name": f"p{number}"}
    made += ledger.submit(NewJob(f"job_{number}", request, "same", creates=f"p{number}", key=f"k{number}"))[1]
print(made)
"""


def test_processes_that_race_to_create_make_each_job_once(tmp_path):
    path, start = tmp_path / "l.sqlite3", time.time() + 1.5
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(path), str(start)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert sum(int(racer.communicate(timeout=120)[0]) for racer in racers) == 60
    assert len(SqliteLedger(path).jobs(limit=1000)) == 60


def test_a_job_that_is_claimed_while_its_place_is_looked_up(tmp_path, monkeypatch):
    ledger, worker = SqliteLedger(tmp_path / "l.sqlite3"), SqliteLedger(tmp_path / "l.sqlite3")
    request = {"operation": "create", "persona_id": "per_1", "name": "ana"}
    ledger.submit(NewJob("job_1", request, "same", creates="ana", lane="tune"))
    lines = turns.lines

    def claimed_meanwhile(db, *arguments, **more):
        if db is ledger._connection():  # not when the worker itself looks
            worker.claim("job_1", worker="host/1", lease_s=10.0)
        return lines(db, *arguments, **more)

    monkeypatch.setattr(turns, "lines", claimed_meanwhile)
    assert ledger.ahead("job_1") == 0
    assert ledger.job("job_1").status == "running"


def test_a_removed_file_is_an_error_not_a_new_ledger(tmp_path, monkeypatch):
    ledger = SqliteLedger(tmp_path / "l.sqlite3")
    for file in tmp_path.iterdir():
        file.unlink()
    ledger._local.checked = 0.0  # it looks once a second
    with pytest.raises(StorageError, match="removed"):
        ledger.jobs()


def test_no_folder_and_no_database(tmp_path):
    with pytest.raises(StorageError, match="folder exists"):
        SqliteLedger(tmp_path / "none" / "l.sqlite3")
    (tmp_path / "text").write_text("this is not a database, however long it is" * 50)
    with pytest.raises(StorageError):
        SqliteLedger(tmp_path / "text")


def test_a_full_disk_is_typed_and_undoes_the_transaction(tmp_path):
    ledger = SqliteLedger(tmp_path / "l.sqlite3")
    pages = ledger._connection().execute("PRAGMA page_count").fetchone()[0]
    ledger._connection().execute(f"PRAGMA max_page_count = {pages + 2}")
    big = {"operation": "create", "persona_id": "per_1", "name": "x" * 100_000}
    with pytest.raises(StorageFull, match="free some space"):
        ledger.submit(NewJob("job_1", big, "h", creates="x"))
    ledger._connection().execute("PRAGMA max_page_count = 100000")
    assert ledger.jobs() == [] and ledger.submit(NewJob("job_1", big, "h", creates="x"))[1]


def test_deletion_reaches_the_bytes_of_the_file(tmp_path):
    path = tmp_path / "l.sqlite3"
    ledger = SqliteLedger(path)
    request = {"operation": "create", "persona_id": "per_1", "name": "Secretname", "photos": ["Secretfile.jpg"]}
    ledger.submit(NewJob("job_1", request, "h", creates="Secretname"))
    row = ledger.claim("job_1", worker="w", lease_s=1)
    ledger.finish("job_1", row.token, "succeeded", result={"name": "Secretname"})
    ledger.delete_persona("per_1")
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir() if not file.name.endswith("-shm"))
    assert b"Secret" not in raw
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_home_of_an_earlier_version_goes_on_as_the_default_tenants(tmp_path):
    """Before there were tenants: the schema of version 0.1.0, with a persona and a queued job in it."""
    path = tmp_path / "l.sqlite3"
    db = sqlite3.connect(path)
    db.executescript("""
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY, operation TEXT NOT NULL, persona_id TEXT NOT NULL, status TEXT NOT NULL, request TEXT NOT NULL,
            body_hash TEXT NOT NULL, shape TEXT NOT NULL, key TEXT, lane TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
            token INTEGER NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '', lease_until REAL NOT NULL DEFAULT 0,
            cancel_requested REAL, result TEXT, error TEXT, created REAL NOT NULL, started REAL, finished REAL);
        CREATE UNIQUE INDEX jobs_by_key ON jobs (key) WHERE key IS NOT NULL;
        CREATE TABLE personas (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, record TEXT, job_id TEXT NOT NULL);
        CREATE UNIQUE INDEX personas_by_name ON personas (name) WHERE status != 'deleted';
        INSERT INTO personas VALUES ('per_1', 'ana', 'active', '{"name": "ana"}', 'job_1');
        INSERT INTO jobs (id, operation, persona_id, status, request, body_hash, shape, key, lane, created) VALUES
            ('job_1', 'create', 'per_1', 'succeeded', '{}', 'x', '{}', 'k', 'tune', 1.0),
            ('job_2', 'synthesize', 'per_1', 'queued', '{}', 'x', '{}', NULL, 'serve', 2.0);
    """)
    db.commit()
    db.close()
    for _ in range(2):  # opening it again changes nothing more
        ledger = SqliteLedger(path).of("default")
    assert ledger.persona("ana").id == "per_1" and ledger.persona("ana").tenant == "default"
    assert ledger.claim("job_2", worker="w", lease_s=1).priority == 0
    other = ledger.of("acme")
    assert other.jobs() == other.personas() == []
    job = NewJob("job_3", {"operation": "create", "persona_id": "per_3", "name": "ana"}, "x", creates="ana", key="k")
    assert other.submit(job)[1]  # name and key are free there


def test_a_home_whose_keys_had_no_jobs_a_day_yet(tmp_path):
    """Its keys are there, without a limit, and new ones have theirs."""
    path = tmp_path / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE api_keys (id TEXT, tenant TEXT, name TEXT, scope TEXT, digest TEXT, created REAL, expires REAL, rate REAL)"
        )
        db.execute("INSERT INTO api_keys VALUES ('key_1', 'default', 'old', 'make', 'd1', 1.0, NULL, NULL)")
    keys = SqliteLedger(path).api_keys
    keys.add(ApiKeyRow("key_2", "default", "new", "make", "d2", 2.0, jobs=3))
    assert [(row.id, row.jobs) for row in keys.list()] == [("key_1", None), ("key_2", 3)]
    assert keys.spend("key_2", 1, 3) and keys.spent(1) == {"key_2": 1}
