"""Promise 13, second half: of all hostile names, none makes us read or write outside of what is ours."""

import io
import os
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import portraitist
from portraitist.backend import Backend, embedded
from portraitist.cli import make
from portraitist.cli.app import app
from portraitist.errors import Conflict, InvalidRequest, NotFound, PortraitistError
from portraitist.photos import gather
from portraitist.store import FolderStore
from portraitist.studio import Studio
from portraitist.testing import fake_studio

from .hostile_paths import PATHS

PROGRAM = [
    Path(p).resolve()
    for p in (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), Path(portraitist.__file__).parents[2])
]
TOUCHING = ("open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.listdir",
            "os.scandir", "os.chmod", "os.utime", "sqlite3.connect", "shutil.rmtree", "shutil.copyfile")  # fmt: skip
_watched = []


def _watch(event, arguments):
    if _watched and event in TOUCHING:
        _watched[-1].extend(a for a in arguments[:2] if isinstance(a, (str, bytes, os.PathLike)))


sys.addaudithook(_watch)  # it sees every file that this process opens, renames, lists, ..., by whatever library


class Idle:
    """A transport without workers."""

    capabilities = frozenset()

    def wake(self, *_):
        pass

    check = describe = wake


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A home, a working folder, and secrets outside of both; `strayed()` tells what else was touched."""
    home, here = tmp_path / "deep" / "er" / "home", tmp_path / "deep" / "er" / "here"
    here.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "deep", tmp_path / "deep" / "er"):
        (folder / "secret.txt").write_text("secret")
    before = snapshot(tmp_path)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path))
    backend = embedded(home)
    studio = Studio(Backend(backend.ledger, backend.store, Idle(), home, backend.keyring).of())
    _watched.append([])

    def strayed():
        ours = [home, here, *PROGRAM]
        touched = {Path(os.path.realpath(os.fsdecode(p))) for p in _watched[-1] if "\0" not in os.fsdecode(p)}
        outside = {p for p in touched if not any(p.is_relative_to(root) for root in ours)} - {
            Path("/dev/urandom"),
            Path(os.devnull),
        }
        assert snapshot(tmp_path) == before, "something outside was changed"
        return outside

    yield studio, home, here, strayed
    _watched.pop()


def snapshot(folder):
    """What lies outside of home and working folder."""
    return {
        p: p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and not {"home", "here"} & set(p.relative_to(folder).parts)
    }


def attempts(studio, home):
    """Every way in for a name, as functions of the name."""
    store, photos = FolderStore(home), [("a.jpg", b"1"), ("b.jpg", b"2"), ("c.jpg", b"3")]

    def named_file(path):
        file = io.BytesIO(b"1")
        file.name = path
        return file

    yield "photo's name", lambda path: studio.personas.create("p", [(path, b"1")])
    yield "open file's name", lambda path: studio.personas.create("q", [named_file(path)])
    yield "label's file", lambda path: studio.personas.create("r", photos, labels={path: {"age": 3}})
    yield "persona's name", lambda path: studio.personas.create(path, photos)
    yield "persona asked for", lambda path: studio.personas.get(path)
    yield "persona deleted", lambda path: studio.personas.delete(path)
    yield "prior to create with", lambda path: studio.personas.create("s", photos, prior=path)
    yield "prior asked for", lambda path: studio.priors.get(path)
    yield "prior verified", lambda path: studio.priors.verify(path)
    yield "prior removed", lambda path: studio.priors.remove(path, force=True)
    yield "prior calibrated", lambda path: studio.priors.calibrate(path)
    yield "job", lambda path: studio.jobs.get(path).result()
    yield "job cancelled", lambda path: studio.jobs.cancel(path)
    yield "idempotency key", lambda path: studio.with_idempotency_key(path).personas.create("t", photos)
    yield "tenant", lambda path: portraitist.connect(home=home, tenant=path)
    yield "webhook", lambda path: studio.webhooks.resend(path)
    yield "address", lambda path: studio.personas.create("u", [portraitist.Link(path)])
    yield "address in a webhook", lambda path: portraitist.Webhook(path)
    yield "blob read", lambda path: store.get(path)
    yield "blob looked for", lambda path: store.has(path)
    yield "blob erased", lambda path: store.erase(path)
    yield "checkpoint written", lambda path: store.save_checkpoint(path, b"x")
    yield "checkpoint read", lambda path: store.load_checkpoint(path)
    yield "checkpoint dropped", lambda path: store.drop_checkpoint(path)


def test_no_name_leads_outside(world):
    studio, home, _, strayed = world
    assert len(set(PATHS)) == len(PATHS) >= 60
    for what, attempt in attempts(studio, home):
        for path in PATHS:
            try:
                attempt(path)
            except PortraitistError:
                pass
            except (UnicodeEncodeError, ValueError) as error:
                assert "\udcff" in path, (what, path, error)  # no text at all
    assert strayed() == set()
    kept = [p.relative_to(home).parts for p in home.rglob("*") if p.is_file()]
    assert all("secret" not in part and ".." not in part for parts in kept for part in parts)


def test_a_careless_store_would_be_noticed(world):
    """One that joins names to its folder, as ours must not."""
    _, home, _, strayed = world
    noticed = set()
    for path in PATHS:
        if path.startswith("/dev/"):
            continue  # would read what is typed
        try:
            (home / "blobs" / path).read_bytes()
        except (OSError, ValueError):
            pass
        noticed |= {path} if strayed() else set()
        _watched[-1].clear()
    assert len(noticed) >= 10


def test_names_of_photos_are_bare(world):
    for path in PATHS:
        ((name, data),) = gather([(path, b"1")])
        assert "/" not in name and "\\" not in name and name and data == b"1"


def test_outputs_named_after_people_stay_in_the_working_folder(world, monkeypatch):
    _, _, here, strayed = world
    studio = fake_studio()
    monkeypatch.setattr(make, "connect", lambda **_: studio)
    accepted = 0
    for path in PATHS:
        try:
            person = studio.personas.create(path, [b"1", b"2", b"3"]).wait()
        except (InvalidRequest, Conflict, UnicodeEncodeError):
            continue
        accepted += 1
        for words in ([], ["--yaw=-1,1"], ["--grid", "yaw,pitch"]):
            CliRunner().invoke(app, ["synthesize", person.id, *words], catch_exceptions=False)
    assert accepted >= 5 and len(list(here.rglob("*.png"))) >= 2 * accepted and strayed() == set()


@pytest.mark.filterwarnings("ignore:Duplicate name")  # what follows a null byte is cut off
def test_an_archive_with_hostile_members_is_refused(world, tmp_path):
    """A prior to import may be a zip (PyTorch's .pt)."""
    studio, _, here, strayed = world
    with zipfile.ZipFile(here / "evil.pt", "w") as archive:
        for path in PATHS:
            if "\udcff" not in path and len(path) < 5000:
                archive.writestr(zipfile.ZipInfo(path or "x"), b"evil")
    with pytest.raises(PortraitistError):
        studio.priors.add(here / "evil.pt", name="evil", accept_licence=True)
    assert strayed() <= {Path(p) for p in ("/dev/null",)}
    with pytest.raises(NotFound):
        studio.priors.get("evil")


@pytest.mark.parametrize("home", ["\0", "a\0b", "/dev/null/x", "/proc/self/nothing"])
def test_a_home_that_cannot_be(home):
    with pytest.raises((PortraitistError, ValueError)):
        portraitist.connect(home=home).personas.list()
