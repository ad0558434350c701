"""Backup and restore as docs/operations.md tells it: the ledger is copied first, then the store."""

import shutil

from .fleet import Fleet
from .processes import PHOTOS, until


def test_a_restored_copy_goes_on_where_the_ledger_was_copied(tmp_path, fake_operations):
    fleet, copy = Fleet(tmp_path, aof=True), tmp_path / "copy"
    try:
        fleet.add()
        ana = fleet.studio.personas.create("ana", PHOTOS).wait(timeout=120)
        picture = ana.synthesize(seed=1).read()
        fleet.alive()[0].terminate()
        until(lambda: not fleet.alive())
        ben = fleet.studio.personas.create("ben", PHOTOS)
        fleet.server.client.config_set("auto-aof-rewrite-percentage", 0)  # no file is replaced while it is copied
        shutil.copytree(tmp_path / "redis", copy / "redis")
        fleet.studio.personas.create("too late", PHOTOS)
        shutil.copytree(fleet.store, copy / "store")
    finally:
        fleet.stop()
    restored = Fleet(copy, aof=True)
    try:
        assert [job.id for job in restored.studio.jobs.list(status="queued")] == [ben.id]
        restored.add()
        assert restored.studio.jobs.get(ben.id).wait(timeout=120).name == "ben"
        assert restored.studio.personas.get("ana").synthesize(seed=1).read() == picture
        assert {p.name for p in restored.studio.personas.list()} == {"ana", "ben"}
    finally:
        restored.stop()
