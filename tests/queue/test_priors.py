"""Imported priors in a cluster: one store, workers on hosts that have never seen them, tenants, sweeping, damage."""

import hashlib
from pathlib import Path

import pytest
from small_generator import generator as small

import portraitist
from portraitist.errors import Conflict, NotFound, PriorAssetMissing, PriorNotCalibrated, PriorUnavailable
from portraitist.priors.assets import ASSETS
from portraitist.priors.record import PriorRecord
from portraitist_workers.generator.formats import native
from portraitist_workers.queue import sweeping

from .fleet import Fleet

EXAMPLES = Path(__file__).parents[2] / "examples"
PHOTOS = sorted((EXAMPLES / "photos").glob("photo-*.jpg"))[:4]


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Host:
    """A client of the cluster with a cache of its own; `keep` stores a prior of made-up assets."""

    def __init__(self, server, folder, cache, monkeypatch, tenant=None):
        monkeypatch.setenv("PORTRAITIST_CACHE", str(cache))
        self.studio = portraitist.connect(server.url, store=folder / "store", tenant=tenant)
        self.home, self.store = self.studio.priors._home, self.studio._backend.store

    def keep(self, name, **assets):
        folder = self.home.workspace() / f".adding-{name}"
        folder.mkdir(exist_ok=True)
        for asset, data in assets.items():
            (folder / ASSETS[asset].file).write_bytes(data)
        record = made_up(name, **assets)
        return record if self.home.keep(record, folder) else None


def made_up(name, **assets):
    return PriorRecord(
        name=name,
        source={"file": "x", "sha256": "0" * 64, "bytes": 1, "layout": "native"},
        licence={"note": "", "commercial": True},
        **dict.fromkeys(("resolution", "z_dim", "w_dim", "num_ws", "mapping_layers", "parameters"), 1),
        assets={asset: digest(data) for asset, data in assets.items()},
    )


@pytest.fixture
def host(redis_server, tmp_path, monkeypatch):
    """host(cache="a", tenant=None)"""
    return lambda cache="a", tenant=None: Host(redis_server, tmp_path, tmp_path / cache, monkeypatch, tenant)


def blobs(folder):
    return {path.name for path in (folder / "store" / "blobs").glob("??/*")}


def test_another_host_fetches_what_it_needs(host, tmp_path):
    record = host("a").keep("x", generator=b"g", latents=b"l", encoder=b"e")
    there = host("b")
    assert there.home.read("x") == record and [p.name for p in there.studio.priors.list()][3:] == ["x"]
    prior = there.studio.priors.get("x")
    assert prior.calibrated and prior.folder is None and prior.asset("latents").read_bytes() == b"l"
    assert [p.read_bytes() for p in (tmp_path / "b" / "assets").iterdir()] == [b"l"]  # nothing else
    assert host("a").keep("x", generator=b"other") is None
    with pytest.raises(PriorAssetMissing, match=r"no parts, which is for generating.*priors attach x parts FILE"):
        prior.asset("parts")


def test_each_tenant_has_priors_of_its_own(host, tmp_path):
    one, two = host("a", "one"), host("b", "two")
    one.keep("x", generator=b"g", parts=b"p")
    assert two.home.names() == [] and "x" not in two.studio.priors
    with pytest.raises(NotFound, match="no prior 'x'"):
        two.studio.priors.remove("x")
    with pytest.raises(NotFound):  # by a digest that is known from elsewhere
        two.store.get(digest(b"p"))
    two.keep("x", generator=b"g", parts=b"q")
    assert one.studio.priors.get("x").asset("parts").read_bytes() == b"p"
    one.studio.priors.remove("x")
    assert blobs(tmp_path) == {digest(b"g"), digest(b"q")}  # what the other names stays
    two.studio.priors.remove("x")
    assert blobs(tmp_path) == set()


def test_sweeping_leaves_what_a_prior_names(host, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "SWEEP_AGE_S", -1.0)
    one = host("a", "one")
    record = one.keep("x", generator=b"g", parts=b"old")
    one.home.change(
        "x", lambda r: r.model_copy(update={"assets": r.assets | {"parts": digest(b"new")}}), {"parts": b"new"}
    )
    one.store.put(b"nobody's")
    sweeping.sweep(portraitist.backend.cluster(one.studio._backend.ledger.url, tmp_path / "store"))
    assert blobs(tmp_path) == {record.generator_sha256, digest(b"new")}


def test_a_tampered_asset_is_refused_by_its_name(host, tmp_path):
    record = host("a").keep("x", generator=b"g", latents=b"l", encoder=b"e")
    there = host("b")
    cached = there.home.asset(record, "encoder")
    cached.write_bytes(b"changed here")
    assert there.home.asset(record, "encoder").read_bytes() == b"e"  # fetched again
    sha256 = record.assets["latents"]
    blob = tmp_path / "store" / "blobs" / sha256[:2] / sha256
    for damage in (lambda: blob.write_bytes(b"L"), blob.unlink):
        damage()
        with pytest.raises(PriorUnavailable, match="prior 'x': its latents in the store is gone or not what") as caught:
            there.home.asset(record, "latents")
        assert caught.value.param == "latents" and not (tmp_path / "b" / "assets" / f"{sha256}.safetensors").exists()


def test_records_that_change_meanwhile(host):
    one = host("a")
    one.keep("x", generator=b"g")
    seen = []

    def add_parts(record):
        if not seen:  # another client is faster
            one.home.change("x", lambda r: r.model_copy(update={"added": "now"}), {})
        seen.append(record.added)
        return record.model_copy(update={"assets": record.assets | {"parts": digest(b"p")}})

    changed = one.home.change("x", add_parts, {"parts": b"p"})
    assert seen == ["", "now"] and changed.added == "now" and one.home.read("x") == changed


def test_bytes_that_were_erased_for_somebody_else_are_put_again(host, monkeypatch):
    one = host("a")
    replace = one.home._rows.replace

    def erased_just_now(name, seen, text, named):
        one.store.erase(digest(b"g"))
        return replace(name, seen, text, named)

    monkeypatch.setattr(one.home._rows, "replace", erased_just_now)
    record = one.keep("x", generator=b"g")
    assert one.store.get(record.generator_sha256) == b"g"


def test_learnt_on_a_host_that_has_never_seen_the_prior(s3, tmp_path, monkeypatch):
    """Added here; calibrated, learnt from and drawn with there. A third host gets a tampered asset."""
    monkeypatch.setenv("PORTRAITIST_TEST_OPERATIONS", "short_operations")
    fleet = Fleet(tmp_path, store=s3.bucket() + "/folder", lease_s=15.0)

    def worker(host):
        monkeypatch.setenv("PORTRAITIST_CACHE", str(tmp_path / host))
        fleet.add()
        monkeypatch.setenv("PORTRAITIST_CACHE", str(tmp_path / "here"))

    try:
        worker("there")
        native.save(small(3), tmp_path / "small.safetensors", metadata={"licence": "CC0-1.0"})
        priors = fleet.studio.priors
        prior = priors.add(tmp_path / "small.safetensors")
        with pytest.raises(PriorNotCalibrated):
            fleet.studio.personas.create("ana", PHOTOS, prior="small")
        prior = prior.calibrate(samples=32).wait(timeout=900)
        assert prior.calibrated and set(prior.assets) == {"generator", "latents", "encoder"} and prior.verify().ok
        keep = [path.name for path in PHOTOS]  # whoever 32 px seem to show
        job = fleet.studio.personas.create("ana", PHOTOS, prior="small", preset="fast", keep=keep)
        ana = job.wait(timeout=900)
        assert ana.record.prior == f"small@{prior.record.generator_sha256[:16]}"
        assert ana.synthesize(yaw=3.0, size="native").image.size == (32, 32)
        assert ana.edit(EXAMPLES / "new.jpg", smile=0.5).image.size
        held = {path.stem for path in (tmp_path / "there" / "assets").iterdir()}
        assert held == set(prior.record.assets.values())

        fleet.workers[0].kill()
        fleet.workers[0].wait()
        sha256 = prior.record.assets["latents"]
        s3.files().pipe_file(f"{fleet.store}/blobs/{sha256[:2]}/{sha256}", b"tampered")
        worker("elsewhere")
        with pytest.raises(PriorUnavailable, match="its latents in the store") as caught:
            ana.synthesize(yaw=3.0)
        assert caught.value.param == "latents"
        with pytest.raises(Conflict, match="ana"):
            priors.remove("small")
        priors.remove("small", force=True)
        with pytest.raises(NotFound, match="no prior 'small'"):
            ana.synthesize(yaw=3.0)
    finally:
        fleet.stop()
