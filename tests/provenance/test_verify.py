"""Signed metadata and the verdict on a file: what is valid, what was tampered with, who signed."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import c2pa
import numpy as np
import pillow_heif
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from faces.profiles import encoded_in, profile
from PIL import Image
from typer.testing import CliRunner

import portraitist
from portraitist import verify
from portraitist.cli.app import app
from portraitist.doctor import _certificate
from portraitist.provenance import certificate
from portraitist_workers.provenance import signing
from portraitist_workers.provenance.marking import mark_part, mark_portrait
from portraitist_workers.provenance.origin import Origin
from portraitist_workers.provenance.signing import signed_png


@pytest.fixture
def portrait():
    rng = np.random.default_rng(1)
    rough = rng.integers(0, 256, (16, 16, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(rough).resize((128, 128), Image.Resampling.BICUBIC))
    return mark_portrait(np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8))


@pytest.fixture
def operators(tmp_path, monkeypatch):
    """Settings of an operator whose certificate is no test certificate."""
    monkeypatch.setattr(certificate, "TEST_ISSUER", "Example Ltd")
    key, chain = certificate._made()
    monkeypatch.undo()
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "chain.pem").write_bytes(chain)
    return {"PORTRAITIST_C2PA_CERT": str(tmp_path / "chain.pem"), "PORTRAITIST_C2PA_KEY": str(tmp_path / "key.pem")}


def test_valid_and_found(portrait, tmp_path):
    path = tmp_path / "p.png"
    path.write_bytes(signed_png(portrait, Origin("synthesize")))
    verdict = verify(path)
    assert verdict.generated and verdict.mark.found and verdict.mark.false_positive < 1e-6
    told = verdict.credentials
    assert (told.state, told.made, told.trust) == ("valid", "created", "test")
    assert told.tool == f"portraitist {portraitist.__version__}" and told.signer.startswith(certificate.TEST_ISSUER)
    assert np.array_equal(np.asarray(Image.open(path)), portrait.pixels)


@pytest.mark.parametrize("photo", [b"the photo", None])
def test_photos_that_something_was_taken_from(portrait, photo):
    data = signed_png(portrait, Origin("restyle", photo, (b"one", b"two")))
    assert verify(data).credentials.state == "valid"
    told = json.loads(c2pa.Reader("image/png", io.BytesIO(data)).json())
    manifest = told["manifests"][told["active_manifest"]]
    files = {one["instance_id"]: one["relationship"] for one in manifest["ingredients"]}
    wanted = {b"one": "componentOf", b"two": "componentOf"} | ({} if photo is None else {photo: "parentOf"})
    assert files == {f"sha256:{hashlib.sha256(file).hexdigest()}": kind for file, kind in wanted.items()}
    [actions] = [a["data"]["actions"] for a in manifest["assertions"] if a["label"].startswith("c2pa.actions")]
    assert [action["action"] for action in actions].count("c2pa.placed") == 2


def test_a_photo_in_which_nothing_was_changed_is_said_to_be_one(portrait):
    """With the control: one pixel that was."""
    nothing = np.zeros(portrait.pixels.shape[:2], np.float32)
    told = verify(signed_png(mark_part(portrait.pixels, nothing), Origin("enhance", b"photo"))).credentials
    assert (told.state, told.made) == ("valid", "")
    nothing[60, 60] = 1
    assert (
        verify(signed_png(mark_part(portrait.pixels, nothing), Origin("enhance", b"photo"))).credentials.made
        == "edited"
    )


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
def test_a_changed_file_is_invalid(portrait, where):
    data = bytearray(signed_png(portrait, Origin("edit", b"the photo")))
    pixels = data.index(b"IDAT") + 4
    data[pixels + int(where * (len(data) - pixels - 20))] ^= 1
    try:
        assert verify(bytes(data)).credentials.state == "invalid"
    except portraitist.InvalidImage:
        pass  # no longer a picture at all


def test_metadata_of_another_picture_is_invalid(portrait):
    """Cut out of one file and put into another."""
    signed = signed_png(portrait, Origin("synthesize"))
    start = signed.index(b"caBX") - 4
    chunk = signed[start : start + 12 + int.from_bytes(signed[start : start + 4], "big")]
    file = io.BytesIO()
    Image.fromarray(255 - portrait.pixels).save(file, "PNG")
    other = file.getvalue()
    assert verify(other[:33] + chunk + other[33:]).credentials.state == "invalid"


def test_saved_anew_the_mark_stays(portrait):
    file = io.BytesIO()
    Image.open(io.BytesIO(signed_png(portrait, Origin("synthesize")))).save(file, "JPEG", quality=80)
    verdict = verify(file.getvalue())
    assert verdict.credentials.state == "missing" and verdict.mark.found and verdict.generated


def test_metadata_elsewhere_is_not_fetched(portrait):
    """The address is the file's choice: a way into the network of whoever verifies."""
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file, plain = io.BytesIO(), io.BytesIO()
        Image.fromarray(portrait.pixels).save(plain, "PNG")
        with c2pa.Builder(json.dumps({"claim_generator_info": [{"name": "x"}]}), context=signing._context()) as builder:
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{server.server_port}/elsewhere.c2pa")
            builder.sign(signing._signer(certificate.in_use()), "image/png", plain, file)
        told = verify(file.getvalue()).credentials
        assert told.state == "missing" and told.problems and not asked
        with pytest.raises(c2pa.C2paError):  # the library left to itself goes there
            c2pa.Reader("image/png", io.BytesIO(file.getvalue()))
        assert asked == ["/elsewhere.c2pa"]
        server.shutdown()


def test_who_signed(portrait, operators, monkeypatch):
    for name, path in operators.items():
        monkeypatch.setenv(name, path)
    data = signed_png(portrait, Origin("synthesize"))
    assert verify(data).credentials.trust == "trusted"  # those who signed know their own
    for name in operators:
        monkeypatch.delenv(name)
    told = verify(data).credentials
    assert (told.state, told.trust, told.signer) == ("valid", "unknown", "Example Ltd, signer")
    monkeypatch.setenv("PORTRAITIST_C2PA_TRUST", operators["PORTRAITIST_C2PA_CERT"])
    assert verify(data).credentials.trust == "trusted"
    monkeypatch.setenv("PORTRAITIST_C2PA_TRUST", "/nowhere.pem")
    with pytest.raises(portraitist.CertificateUnusable, match="/nowhere.pem"):
        verify(data)


def test_the_test_certificate_is_made_once_and_is_private(own_home):
    first = certificate.in_use()
    file = own_home / "c2pa-test.pem"
    assert _certificate(own_home).state == "ok" and "nobody vouches" in _certificate(own_home).detail
    assert (
        first.test
        and stat.S_IMODE(file.stat().st_mode) == 0o600
        and [p.name for p in own_home.iterdir()] == [file.name]
    )
    code = "from portraitist.provenance import certificate; print(certificate.in_use().chain.decode())"
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert again.strip() == first.chain.decode().strip()


def test_without_a_home_folder_it_stays_in_memory(tmp_path):
    used = certificate.in_use(tmp_path / "none")
    assert used.test and not (tmp_path / "none").exists() and certificate.in_use(tmp_path / "none") == used


def test_unusable_certificates_are_told(operators, monkeypatch, tmp_path):
    cert, key = operators.values()

    def refused(match, cert, key):
        monkeypatch.setenv("PORTRAITIST_C2PA_CERT", cert)
        monkeypatch.setenv("PORTRAITIST_C2PA_KEY", key)
        with pytest.raises(portraitist.CertificateUnusable, match=match):
            certificate.in_use()
        assert _certificate(tmp_path).state == "fail"

    refused("KEY is not set", cert, "")
    refused("cannot be read", str(tmp_path / "no.pem"), key)
    refused("not PEM", key, key)
    other, _ = certificate._made()
    (tmp_path / "other.pem").write_bytes(other)
    refused("not that of the first certificate", cert, str(tmp_path / "other.pem"))
    loaded = serialization.load_pem_private_key(open(key, "rb").read(), None)
    name = x509.Name([])
    begins = datetime.now(UTC) - timedelta(days=9)
    for match, days in (("renew it", 2), ("C2PA does not sign", 20)):  # expired; for no purpose and by itself
        odd = x509.CertificateBuilder(name, name, loaded.public_key(), days, begins, begins + timedelta(days=days))
        path = tmp_path / f"{days}.pem"
        path.write_bytes(odd.sign(loaded, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        refused(match, str(path), key)


def test_the_command(portrait, tmp_path):
    def call(*files):
        result = CliRunner().invoke(app, ["verify", "--json", *map(str, files)])
        return result.exit_code, json.loads(result.stdout)

    ours, plain = tmp_path / "ours.png", tmp_path / "plain.png"
    ours.write_bytes(signed_png(portrait, Origin("enhance", b"photo")))
    Image.new("RGB", (64, 64), "olive").save(plain)
    code, (one,) = call(ours)
    assert code == 0 and one["generated"] and one["credentials"]["made"] == "edited" and one["mark"]["found"]
    code, (_, two) = call(ours, plain)
    assert code == 1 and not two["generated"] and two["credentials"]["state"] == "missing"
    shown = CliRunner().invoke(app, ["verify", str(ours)]).stdout
    assert "valid" in shown and "nobody vouches" in shown and "found" in shown


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_what_is_no_picture(data, tmp_path):
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(portraitist.InvalidImage):
        verify(tmp_path / "x.png")
    with pytest.raises(portraitist.InvalidImage, match=r"no\.png"):
        verify(tmp_path / "no.png")


def test_what_is_no_regular_file(tmp_path):
    """A pipe would be waited for, a device read for ever."""
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero", tmp_path):
        with pytest.raises(portraitist.InvalidImage, match="not a regular file"):
            verify(path)


def test_the_mark_is_found_in_other_formats_and_colours(portrait, tmp_path):
    wide = Image.fromarray(encoded_in(portrait.pixels, "Display P3"))
    for name, image in (
        ("p.avif", Image.fromarray(portrait.pixels)),
        ("p.heic", Image.fromarray(portrait.pixels)),
        ("wide.png", wide),
    ):
        if name == "p.heic":
            pillow_heif.from_pillow(image).save(tmp_path / name, quality=90)
        else:
            image.save(tmp_path / name, icc_profile=profile("Display P3") if image is wide else None)
        verdict = verify(tmp_path / name)
        assert verdict.mark.found and verdict.credentials.state == "missing"


def test_heic_without_its_package(portrait, tmp_path, monkeypatch):
    pillow_heif.from_pillow(Image.fromarray(portrait.pixels)).save(tmp_path / "p.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(portraitist.InvalidImage, match=r"p\.heic.*portraitist\[heic\]"):
        verify(tmp_path / "p.heic")


def test_verifying_needs_no_torch(portrait, tmp_path):
    path = tmp_path / "p.png"
    path.write_bytes(signed_png(portrait, Origin("synthesize")))
    code = f"import sys, portraitist; print(portraitist.verify({str(path)!r}).generated, 'torch' in sys.modules, 'cv2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "False", "False"]
