"""Learnt styles in a cluster: in its store, a tenant's own, gone when they are removed, left alone by sweeping."""

import json

import pytest

import portraitist
from portraitist.errors import NotFound, StorageError
from portraitist.styles.record import HEADER, StyleRecord
from portraitist_workers.queue import sweeping


def file_of(name, more=b""):
    """A style's file without weights."""
    record = StyleRecord(name=name, base="default", base_sha256="0" * 64, pictures=9)
    header = json.dumps({"__metadata__": {HEADER: record.model_dump_json()}})
    return len(header).to_bytes(8, "little") + header.encode() + more


@pytest.fixture
def studio(redis_server, tmp_path):
    """studio(tenant)"""
    return lambda tenant: portraitist.connect(redis_server.url, store=tmp_path / "store", tenant=tenant)


def blobs(folder):
    return {path.name for path in (folder / "store" / "blobs").glob("??/*")}


def test_each_tenant_has_styles_of_its_own(studio, tmp_path):
    one, two = studio("one"), studio("two")
    assert one.styles._home.keep("mine", file_of("mine")) and not one.styles._home.keep("mine", file_of("mine", b"x"))
    assert [style.name for style in one.styles.list()] == ["toon", "pencil", "clay", "mine"]
    assert one.styles.get("mine").bases == ("default",) and "mine" not in two.styles
    assert one.priors.list()[3:] == [] and one.priors._home.names() == []  # a style is no prior
    with pytest.raises(NotFound, match="no style 'mine'"):
        two.styles.remove("mine")
    assert two.styles._home.keep("mine", file_of("mine"))
    one.styles.remove("mine")
    assert "mine" not in one.styles and two.styles.get("mine").record.pictures == 9
    two.styles.remove("mine")


def test_sweeping_leaves_styles(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "SWEEP_AGE_S", -1.0)
    one = studio("one")
    one.styles._home.keep("mine", file_of("mine"))
    one._backend.store.put(b"nobody's")
    before = blobs(tmp_path)
    sweeping.sweep(portraitist.backend.cluster(one._backend.ledger.url, tmp_path / "store"))
    assert len(before) == 2 and len(blobs(tmp_path)) == 1 and one.styles.get("mine").record.pictures == 9


def test_a_damaged_style_is_left_out_of_the_list(studio):
    one = studio("one")
    one.styles._home.keep("bad", b"no style")
    assert [style.name for style in one.styles.list()] == ["toon", "pencil", "clay"]
    with pytest.raises(StorageError, match="learn it again"):
        one.styles.get("bad")
