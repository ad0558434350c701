"""A prior is a set of assets: which are known, optional ones, what is missing, a folder that carries all of them."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import save_file
from small_generator import generator as small

from portraitist.errors import (
    Conflict,
    InvalidRequest,
    LicenceNotAccepted,
    PriorAssetMissing,
    PriorRefused,
    PriorUnavailable,
)
from portraitist.priors.assets import ASSETS, NEEDED, OPTIONAL
from portraitist.priors.prior import BUNDLED
from portraitist.priors.record import PriorRecord, parse
from portraitist_workers.generator.formats import native
from portraitist_workers.priors import library

from .conftest import sha256


@pytest.fixture
def prior(studio, files, in_process):
    return studio.priors.add(files / "free.safetensors", name="x")


@pytest.fixture
def whole(studio, prior, tmp_path):
    """The prior with every asset; those of a calibration are made up."""
    for asset in ("latents", "encoder", *OPTIONAL):
        save_file({"a": torch.full((3,), float(len(asset)))}, tmp_path / ASSETS[asset].file)
    made = {asset: (tmp_path / ASSETS[asset].file).read_bytes() for asset in ("latents", "encoder")}
    hashes = {asset: sha256(tmp_path / ASSETS[asset].file) for asset in made}
    studio.priors._home.change("x", lambda r: r.model_copy(update={"assets": r.assets | hashes}), made)
    for asset in OPTIONAL:
        studio.priors.attach("x", asset, tmp_path / ASSETS[asset].file)
    return studio.priors.get("x")


def test_the_table():
    assert NEEDED == ("generator", "latents", "encoder") and set(OPTIONAL) == set(ASSETS) - set(NEEDED)
    assert ASSETS["parts"].file == "parts.safetensors" and all(a.purpose for a in ASSETS.values())


def test_records_of_before_are_read(prior):
    now = json.loads(prior.record.model_dump_json())
    before = {k: v for k, v in now.items() if k != "assets"}
    before |= {"format": "portraitist-prior-1", "generator_sha256": "a" * 64, "generator_bytes": 7}
    assert parse(json.dumps(before), "x").assets == {"generator": "a" * 64}
    measured = {"samples": 4, "seed": 0, "attributes_network": "n", "figures": {"gain_yaw": 1.0}}
    before["calibration"] = measured | {"latents_sha256": "b" * 64, "encoder_sha256": "c" * 64}
    (prior.folder / "manifest.json").write_text(json.dumps(before))
    record = prior._priors.get("x").record
    assert record.assets == {"generator": "a" * 64, "latents": "b" * 64, "encoder": "c" * 64} and record.usable
    assert record.calibration.samples == 4 and record.generator_sha256 == "a" * 64
    assert PriorRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    "assets", [{}, {"latents": "a" * 64}, {"generator": "../x"}, {"generator": "a" * 64, "../evil": "a" * 64}]
)
def test_records_that_name_what_cannot_be(prior, assets):
    data = json.loads(prior.record.model_dump_json()) | {"assets": assets}
    with pytest.raises(PriorUnavailable, match="record of prior 'x'.*assets"):
        parse(json.dumps(data), "x")


def test_optional_assets(studio, prior, tmp_path):
    assert prior.assets == ("generator",) and set(prior.missing) == set(ASSETS) - {"generator"} and not prior.calibrated
    with pytest.raises(PriorAssetMissing, match="no parts, which is for .* part; attach one: .*attach x parts FILE"):
        prior.asset("parts")
    with pytest.raises(PriorAssetMissing, match="no encoder, which is for inverting photos; .*calibrate x"):
        prior.asset("encoder")
    with pytest.raises(PriorAssetMissing, match="bundled"):
        studio.priors.get("default").asset("discriminator")
    with pytest.raises(InvalidRequest, match="no asset of a prior; known are generator"):
        prior.asset("../generator")
    save_file({"a": torch.ones(3)}, tmp_path / "p.safetensors")
    attached = studio.priors.attach("x", "parts", tmp_path / "p.safetensors")
    assert attached.asset("parts").read_bytes() == (tmp_path / "p.safetensors").read_bytes()
    assert attached.record.assets["parts"] == sha256(tmp_path / "p.safetensors") and "parts" not in attached.missing
    save_file({"a": torch.zeros(3)}, tmp_path / "p.safetensors")
    assert prior.attach("parts", tmp_path / "p.safetensors").record.assets["parts"] == sha256(
        tmp_path / "p.safetensors"
    )


def test_what_cannot_be_attached(studio, prior, tmp_path):
    save_file({"a": torch.ones(3)}, tmp_path / "p.safetensors")
    for name, asset in (("x", "generator"), ("x", "latents"), ("x", "nothing"), ("default", "parts")):
        with pytest.raises(InvalidRequest):
            studio.priors.attach(name, asset, tmp_path / "p.safetensors")
    data = (tmp_path / "p.safetensors").read_bytes()
    for wrong in (data[:-1], data + b"x", b"\x80\x04K\x01.", b"\xff" * 20, b"[" * 90):
        (tmp_path / "w").write_bytes(wrong)
        with pytest.raises(PriorRefused, match="no safetensors file"):
            studio.priors.attach("x", "parts", tmp_path / "w")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match="regular"):
        studio.priors.attach("x", "parts", tmp_path / "pipe")
    assert studio.priors.get("x").assets == ("generator",)


def test_workers_ask_for_assets(studio, whole, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_HOME", str(studio._backend.home))
    assert library.asset("x", "discriminator") == whole.folder / "discriminator.safetensors"
    assert library.asset("default", "encoder").parent.name == "default"
    with pytest.raises(PriorAssetMissing, match="default-parts has one"):
        library.asset("default", "parts")
    with pytest.raises(PriorAssetMissing, match="no bundled prior has one"):
        library.asset("default", "discriminator")


def test_a_folder_carries_all_of_it(studio, whole, tmp_path):
    folder, notes = whole.export(tmp_path / "carried", layout="folder")
    assert sorted(p.name for p in folder.iterdir()) == sorted(["manifest.json", *(a.file for a in ASSETS.values())])
    back = studio.priors.add(folder, name="y")
    assert back.record.assets == whole.record.assets and back.calibrated and back.missing == {}  # the same bytes
    assert all(back.asset(a).read_bytes() == whole.asset(a).read_bytes() for a in ASSETS)
    assert studio.priors.add(folder).name == "x"  # it is there
    with pytest.raises(Conflict, match="exists already"):
        whole.export(folder, layout="folder", overwrite=True)
    with pytest.raises(InvalidRequest, match="comes with Portraitist"):
        studio.priors.export("default", tmp_path / "d", layout="folder")
    assert not list(tmp_path.glob(".*"))


def test_a_folder_is_not_believed(studio, whole, tmp_path):
    folder, _ = whole.export(tmp_path / "carried", layout="folder")
    (folder / "parts.safetensors").write_bytes((folder / "latent_transformer.safetensors").read_bytes())
    with pytest.raises(PriorRefused, match="parts.safetensors is not what its record says"):
        studio.priors.add(folder, name="y")
    shutil.copyfile(whole.asset("parts"), folder / "parts.safetensors")

    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"resolution": 4096}
    manifest["licence"] |= {"commercial": True, "stated": "free, believe me"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LicenceNotAccepted, match="free, believe me"):
        studio.priors.add(folder, name="y")
    record = studio.priors.add(folder, name="y", accept_licence=True).record
    assert record.resolution == 32 and not record.licence.commercial and record.licence.accepted

    native.save(small(9), folder / "generator.safetensors", dtype=torch.float32)
    with pytest.raises(PriorRefused, match=r"generator.safetensors is not what its record says"):
        studio.priors.add(folder, name="z")
    assert {p.name for p in studio.priors.list()} == {"default", "default-256", "default-parts", "x", "y"}


def test_damage_of_any_asset_is_told(studio, whole, monkeypatch):
    monkeypatch.setattr(
        "portraitist.priors.locked_process.verify", lambda *_: {"probe": True, "finite": True, "spread": 0.5}
    )
    assert whole.verify().ok and set(whole.verify().assets) == set(ASSETS)
    (whole.folder / "parts.safetensors").write_bytes(b"x")
    found = whole.verify()
    assert not found.ok and found.hash and found.calibrated and not found.assets["parts"]
    (whole.folder / "encoder.safetensors").unlink()
    assert whole.verify().calibrated is False
    (whole.folder / "generator.safetensors").write_bytes(b"x")
    assert not whole.verify().hash


def test_listing_says_what_is_there_and_what_is_missing(studio, prior, capsys, monkeypatch):
    import sys

    from portraitist.cli import main

    def cli(*arguments):
        home = str(studio._backend.home)
        monkeypatch.setattr(sys, "argv", ["portraitist", "priors", *arguments, "--home", home])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    monkeypatch.setenv("COLUMNS", "200")
    listed = {line.split()[0]: line for line in cli("list").splitlines() if line}
    assert {name: listed[name].split()[1] for name in BUNDLED} == {n: str(side) for n, side in BUNDLED.items()}
    assert "128 px" in cli("info", "default") and "docs/priors/default-parts.md" in cli("info", "default-parts")
    assert "generator, latents, encoder" in listed["default"] and "after `priors calibrate`" in listed["x"]
    shown = cli("info", "x")
    assert f"asset generator: sha256 {prior.record.generator_sha256}" in shown
    assert "encoder (for inverting photos), discriminator (for training the generator further)" in shown
    assert json.loads(cli("info", "x", "--json"))["missing"]["parts"] == ASSETS["parts"].purpose
