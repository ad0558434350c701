"""The SDK's surface, on the fake studio that ships with it: no worker, real jobs, errors and deletion."""

import io
import threading

import pytest
from PIL import Image

import portraitist
from portraitist import Cancelled, Failed, Grid, Picture, Queued, Running, Succeeded
from portraitist.decoding.colour import srgb_bytes
from portraitist.errors import (
    Conflict,
    InvalidImage,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    NotFound,
    OutOfRange,
    PersonaDeleted,
    PhotosUnusable,
    UnknownAttribute,
    WaitTimeout,
)
from portraitist.testing import fake_studio, plain_pictures

PHOTOS = [("a.jpg", b"1"), ("b.jpg", b"2"), ("c.jpg", b"3")]


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def ana(studio):
    return studio.personas.create("ana", PHOTOS, wait=True)


# -- create ----------------------------------------------------------------------------------------------------------


def test_create_get_list_delete(studio, ana):
    assert ana.name == "ana" and ana.id.startswith("per_") and "ana" in studio.personas and ana.id in studio.personas
    assert studio.personas.get("ana").id == studio.personas.get(ana.id).id == ana.id
    assert [p.name for p in studio.personas.list()] == ["ana"]
    assert str(ana.photos) == "ok      a.jpg\nok      b.jpg\nok      c.jpg"
    assert ana.reach["yaw"].low == -60 and "yaw: -60 to 60 deg" in str(ana.reach)
    studio.personas.delete("ana")
    assert "ana" not in studio.personas and studio.personas.list() == []
    with pytest.raises(PersonaDeleted):
        studio.personas.get("ana")
    with pytest.raises(NotFound) as caught:
        studio.personas.get("nobody")
    assert type(caught.value) is NotFound


def test_create_from_every_kind_of_photo(studio, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    (tmp_path / "two.jpg").write_bytes(b"jpeg")
    (tmp_path / "notes.txt").write_text("not a photo")
    (tmp_path / ".hidden.jpg").write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    with open(tmp_path / "two.jpg", "rb") as file:
        photos = [
            tmp_path / "one.png",
            str(tmp_path / "two.jpg"),
            b"bytes",
            ("n.jpg", b"named"),
            file,
            Image.new("L", (4, 4)),
        ]
        names = [v.name for v in studio.personas.create("all", photos, wait=True).photos]
    assert names == ["one.png", "two.jpg", "photo-3", "n.jpg", "two.jpg (2)", "photo-6"]
    with pytest.raises(PhotosUnusable, match="only 2") as caught:
        studio.personas.create("folder", tmp_path, wait=True)
    assert [p["name"] for p in caught.value.photos] == ["one.png", "two.jpg"]


def test_create_from_folders_and_photos_together(studio, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(folder.encode())
    job = studio.personas.create("all", [tmp_path / "one", b"bytes", str(tmp_path / "two")])
    assert [v.name for v in job.wait().photos] == ["a.jpg", "photo-2", "a.jpg (2)"]


@pytest.mark.parametrize(
    "photos, error, words",
    [
        ([], InvalidRequest, "empty"),
        ("nowhere/at-all", InvalidImage, "no file nowhere/at-all"),
        (["nowhere.jpg"], InvalidImage, "no file nowhere.jpg"),
        ([b"1", "a\0b.jpg"], InvalidImage, "null"),
        ([b"1", 7], InvalidRequest, "photo-2 is a int"),
        (7, InvalidRequest, "photos is a int"),
        ({"a": b"1"}, InvalidRequest, "photos is a dict"),
        ([io.StringIO("text")], InvalidRequest, "opened as text"),
        ([("big.jpg", b"x" * (64 * 2**20 + 1))], InvalidImage, "big.jpg is larger than 64 MiB"),
        (["/"], InvalidRequest, "no picture files in /"),
        (["/dev/null"], InvalidImage, "not a regular file"),
    ],
)
def test_photos_that_are_refused_at_once(studio, photos, error, words):
    with pytest.raises(error, match=words):
        studio.personas.create("x", photos)
    assert studio.jobs.list() == []


def test_an_empty_folder(studio, tmp_path):
    with pytest.raises(InvalidRequest, match="no picture files in .*JPEG.* right into it$"):
        studio.personas.create("x", tmp_path)


def test_a_folder_of_folders_is_told_which_hold_pictures(studio, tmp_path):
    for name in ("bob", "ana", "cy", "dee", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(b"1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="give the folders that have some: ana, bob, cy, …$"):
        studio.personas.create("x", tmp_path)


def test_hostile_file_names_are_only_names(studio):
    names = ["../../etc/passwd", "..\\..\\boot.ini", "/abs/olute.jpg", "a" * 5000 + ".jpg", "\n\r\x1b[31m.jpg"]
    job = studio.personas.create("x", [(name, name.encode()) for name in names])
    assert [v.name for v in job.wait().photos][:3] == ["passwd", "boot.ini", "olute.jpg"]


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"attributes": ("yaw", "simle")}, UnknownAttribute, "did you mean 'smile'"),
        ({"attributes": ("age",)}, UnknownAttribute, "labels"),
        ({"attributes": "yaw"}, InvalidRequest, r"attributes=\('yaw',\)"),
        ({"attributes": ()}, InvalidRequest, "at least one"),
        ({"attributes": ("yaw", "yaw")}, InvalidRequest, "each once"),
        ({"preset": "bst"}, InvalidRequest, "preset='bst'.*balanced"),
        ({"organizer": "magic"}, InvalidRequest, "organizer='magic'"),
        ({"seed": "zero"}, InvalidRequest, "seed='zero'"),
        ({"labels": {"z.jpg": {"age": 3}}}, InvalidRequest, "'z.jpg', which is not among the photos"),
        ({"labels": {"a.jpg": {"age": "old"}}}, InvalidRequest, "age='old'"),
        ({"labels": {"a.jpg": {"seed": 3}}}, InvalidRequest, "'seed' cannot be"),
        ({"labels": {"a.jpg": {"age": float("nan")}}}, InvalidRequest, "no finite number"),
    ],
)
def test_create_arguments_that_are_refused(studio, arguments, error, words):
    with pytest.raises(error, match=words):
        studio.personas.create("x", PHOTOS, **arguments)
    assert studio.jobs.list() == []


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", "-rf", "per_123", "x" * 65, "a\nb", "<script>", 7, "a\\b"])
def test_names_that_are_refused(studio, name):
    with pytest.raises(InvalidRequest):
        studio.personas.create(name, PHOTOS)


@pytest.mark.parametrize("name", ["ana", "Ana María", "安娜", "O'Neil, J. (2)", " ana "])
def test_names_that_are_fine(studio, name):
    assert studio.personas.create(name, PHOTOS, wait=True).name == name.strip()


def test_attributes_of_ones_own(studio):
    labels = {"a.jpg": {"age": 30}, "b.jpg": {"age": 40}}
    persona = studio.personas.create("x", PHOTOS, attributes=("yaw", "age"), labels=labels, wait=True)
    assert persona.synthesize(age=35).report.attributes["age"].achieved == 35


def test_idempotency(studio, ana):
    same = studio.personas.create("ana", PHOTOS)
    assert same.wait().id == ana.id and len(studio.jobs.list()) == 1
    with pytest.raises(Conflict, match="ana"):
        studio.personas.create("ana", PHOTOS, seed=1)
    once = studio.with_idempotency_key("k")
    first = once.personas.create("x", PHOTOS)
    assert once.personas.create("x", PHOTOS).id == first.id
    with pytest.raises(Conflict, match="'k'"):
        once.personas.create("y", PHOTOS)


def test_a_key_makes_any_verb_one_job(studio, ana):
    once = [studio.with_idempotency_key(f"order-{n}").personas.get("ana") for n in range(3)]
    calls = (
        lambda: once[0].synthesize(yaw=5, wait=False),
        lambda: once[1].edit(("a.jpg", b"1"), yaw=5, wait=False),
        lambda: once[2].add(("e.jpg", b"5"), wait=False),
    )
    for call in calls:
        first = call()
        assert call().id == first.id
        first.wait()
        assert call().id == first.id
    with pytest.raises(Conflict, match="order-0"):
        once[0].synthesize(yaw=6)
    with pytest.raises(InvalidRequest, match="printable"):
        studio.with_idempotency_key("a\nb")
    ana.synthesize(yaw=5), ana.synthesize(yaw=5)  # a handle of a job's carries no key


# -- add -------------------------------------------------------------------------------------------------------------


def test_add(studio, ana):
    better = ana.add(("d.jpg", b"4"), seed=3)
    assert (better.id, better.name) == (ana.id, ana.name) and len(ana.photos) == 3
    assert [v.name for v in better.photos] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert studio.personas.get("ana").record == better.record and better.record.seed == 3
    job = better.add([("e.jpg", b"5"), ("f.jpg", b"6")], keep="f.jpg", labels={"e.jpg": {"age": 30}}, wait=False)
    assert len(studio.jobs.get(job.id).wait().photos) == 6
    assert studio.personas.create("ana", PHOTOS).wait().id == ana.id  # the creation is still known by its name
    for wrong in (
        {"keep": ["x.jpg"]},
        {"labels": {"x.jpg": {"age": 3}}},
        {"labels": {"g.jpg": {"n": 3}}},
        {"photos": []},
    ):
        with pytest.raises(InvalidRequest):
            better.add(**{"photos": [("g.jpg", b"7")], **wrong})
    ana.delete()
    with pytest.raises(PersonaDeleted):
        better.add(("g.jpg", b"7"))


def test_one_addition_at_a_time():
    def run(request, context):
        if request.operation == "add" and len(outcomes) < 2:
            again, other = (lambda: ana.add(photos, wait=False).id), (lambda: ana.add(("e.jpg", b"5"), wait=False).id)
            photos = [("d.jpg", b"4")]
            for call in (again, other):
                try:
                    outcomes.append(call())
                except Conflict as error:
                    outcomes.append(error)
        return plain_pictures(request, context)

    outcomes = []
    studio = fake_studio(run)
    ana = studio.personas.create("ana", PHOTOS, wait=True)
    job = ana.add([("d.jpg", b"4")], wait=False)
    assert len(job.wait().photos) == 4
    assert outcomes[0] == job.id and isinstance(outcomes[1], Conflict) and outcomes[1].details["job_id"] == job.id
    assert len(ana.add(("e.jpg", b"5")).photos) == 5


# -- synthesize ------------------------------------------------------------------------------------------------------


def test_one_picture(ana, tmp_path):
    picture = ana.synthesize(yaw=20, smile=0.8, seed=7)
    assert isinstance(picture, Picture) and picture.image.size == (64, 64) and picture.crop is picture.image
    assert picture.report.seed == 7 and picture.report.attributes["smile"].requested == 0.8
    assert "yaw=20" in repr(picture) and picture._repr_png_() == picture.read()
    for name, kind in (("p.png", "PNG"), ("p.jpg", "JPEG"), ("p.webp", "WEBP")):
        saved = Image.open(picture.save(tmp_path / name))
        assert saved.format == kind and (kind == "PNG" or saved.info["icc_profile"] == srgb_bytes())
    assert (tmp_path / "p.png").read_bytes() == picture.read()
    for bad, error in ((tmp_path / "p.doc", InvalidRequest), (tmp_path / "no" / "p.png", portraitist.StorageError)):
        with pytest.raises(error):
            picture.save(bad)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.jpg", "p.png", "p.webp"]


def test_many_pictures_are_one_job(studio, ana, tmp_path):
    before = len(studio.jobs.list())
    four = ana.synthesize(n=4, yaw=3)
    sweep = ana.synthesize(yaw=[-20, 0, 20], smile=1)
    grid = ana.synthesize(smile=[0, 1], yaw=(-20, 0, 20))
    assert len(studio.jobs.list()) == before + 3
    assert [p.report.attributes["yaw"].requested for p in four] == [3] * 4
    assert [p.report.attributes["yaw"].requested for p in sweep] == [-20, 0, 20]
    assert isinstance(grid, Grid) and grid.columns == ("smile", [0, 1]) and grid.rows == ("yaw", [-20, 0, 20])
    asked = {k: v.requested for k, v in grid[2, 1].report.attributes.items()}
    assert asked == {"smile": 1, "yaw": 20} and grid[-1, -1] is grid[2, 1] is grid[5] and len(list(grid)) == 6
    assert (
        grid.image.size == (2 * 64 + 2, 3 * 64 + 4)
        and Image.open(grid.save(tmp_path / "g.jpg")).size == grid.image.size
    )
    with pytest.raises(IndexError):
        grid[3, 0]
    whole = ana.synthesize(grid=("yaw", "smile"), pitch=5)
    assert whole.columns[1] == [-60, -30, 0, 30, 60] and whole.rows == ("smile", [0, 0.25, 0.5, 0.75, 1])
    assert len(ana.synthesize(grid=("yaw", "smile"), yaw=[0, 10])) == 10


def test_sweeps_share_the_random_draw(studio, ana):
    def asked():
        return studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request

    ana.synthesize(n=2)
    assert asked()["same_person_state"] is False and asked()["values"] == [{}, {}]
    ana.synthesize(yaw=[0, 1])
    assert asked()["same_person_state"] is True


@pytest.mark.parametrize(
    "values, error, words",
    [
        ({"yow": 3}, UnknownAttribute, "did you mean 'yaw'"),
        ({"hairstyle": 3}, UnknownAttribute, "known are yaw, pitch, smile"),
        ({"roll": 3}, UnknownAttribute, "not organised by 'roll'"),
        ({"yaw": 61}, OutOfRange, "yaw=61 is outside -60 to 60 deg"),
        ({"yaw": [0, -61]}, OutOfRange, "-61"),
        ({"smile": -0.1}, OutOfRange, "0 to 1"),
        ({"yaw": float("nan")}, OutOfRange, "nan"),
        ({"yaw": float("inf")}, OutOfRange, "inf"),
        ({"yaw": "20"}, InvalidRequest, "yaw='20'"),
        ({"yaw": True}, InvalidRequest, "yaw=True"),
        ({"yaw": None}, InvalidRequest, "yaw=None"),
        ({"yaw": []}, InvalidRequest, "empty list"),
        ({"yaw": ["a"]}, InvalidRequest, "numbers"),
        ({"yaw": [1], "pitch": [1], "smile": [1]}, InvalidRequest, "at most two"),
        ({"n": 0}, InvalidRequest, "n=0"),
        ({"n": True}, InvalidRequest, "n=True"),
        ({"n": 2, "yaw": [1, 2]}, InvalidRequest, "together with a list"),
        ({"yaw": [0.0] * 40, "smile": [0.0] * 40}, InvalidRequest, "1024"),
        ({"grid": ("yaw",)}, InvalidRequest, "two different"),
        ({"grid": "yaw"}, InvalidRequest, "two different"),
        ({"grid": ("yaw", "yow")}, UnknownAttribute, "yow"),
    ],
)
def test_requests_that_are_refused(studio, ana, values, error, words):
    with pytest.raises(error, match=words) as caught:
        ana.synthesize(**values)
    assert caught.value.param is not None and len(studio.jobs.list()) == 1


def test_strict(ana):
    ana.record.reach[0].high = 25.0
    ana.record.reach[0].advice = "a photo turned further right"
    assert ana.synthesize(yaw=30)
    with pytest.raises(OutOfRange, match="reach of -60 to 25 deg.*turned further right"):
        ana.synthesize(yaw=30, strict=True)


def test_what_is_pinned_and_how_large_travels_with_the_request(studio, ana):
    def asked():
        return studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request

    assert ana.edit(b"x", smile=0.8, mouth_open="keep", preset="best")
    assert (asked()["values"], asked()["pinned"], asked()["preset"]) == ([{"smile": 0.8}], ["mouth_open"], "best")
    assert ana.synthesize(yaw=5, size=512) and (asked()["size"], asked()["background"]) == (512, "plain")
    assert ana.synthesize(yaw=5, background="generated") and asked()["background"] == "generated"
    for refused in (
        lambda: ana.edit(b"x", smile=0.8, nose="keep"),
        lambda: ana.edit(b"x", mouth_open="keep"),  # nothing to change
        lambda: ana.edit(b"x", smile=0.8, preset="slow"),
        lambda: ana.synthesize(size=300),
        lambda: ana.synthesize(background="blurred"),
    ):
        with pytest.raises(InvalidRequest):
            refused()


def test_strict_to_what_photos_show(studio, ana):
    ana.record.reach[0] = ana.record.reach[0].model_copy(update={"high": 25.0, "photos_low": -8.0, "photos_high": 9.0})
    assert "yaw: -60 to 25 deg (photos show -8 to 9)" in str(ana.reach)
    for call in (lambda **asked: ana.synthesize(yaw=20, **asked), lambda **asked: ana.edit(b"x", yaw=20, **asked)):
        assert call() and call(strict=True)
        with pytest.raises(OutOfRange, match="photos show, -8 to 9 deg") as caught:
            call(strict="photos")
        assert caught.value.details == {"low": -8, "high": 9}
    assert ana.synthesize(yaw=9, strict="photos")
    assert studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request["strict"] == "photos"
    with pytest.raises(InvalidRequest):
        ana.synthesize(yaw=0, strict="reach")


def test_who_is_meant_and_what_is_kept(studio):
    def asked():
        row = studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id)
        assert "a.jpg" not in str(row.request)  # names of photos are sealed, as elsewhere
        return studio._backend.readable(row.persona_id, row.request)

    studio.personas.create("eva", PHOTOS, person="b.jpg", keep=["a.jpg", "c.jpg"], wait=True)
    assert asked()["person"] == "b.jpg" and asked()["keep"] == ["a.jpg", "c.jpg"]
    studio.personas.create("eve", PHOTOS, keep="a.jpg", wait=True)
    assert asked()["person"] is None and asked()["keep"] == ["a.jpg"]
    for options, param in (({"person": "d.jpg"}, "person"), ({"keep": ["a.jpg", "photos/b.jpg"]}, "keep")):
        with pytest.raises(InvalidRequest, match="not among the photos.*bare file names") as caught:
            studio.personas.create("ida", PHOTOS, **options)
        assert caught.value.param == param


def test_a_picture_shows_its_warnings(ana):
    picture = ana.synthesize(yaw=20)
    assert "yaw=20" in repr(picture) and ";" not in repr(picture)
    picture.report.warnings.append("yaw: 60 was asked")
    assert repr(picture).endswith("; yaw: 60 was asked)")


# -- edit and enhance ------------------------------------------------------------------------------------------------


def test_edit(studio, ana, tmp_path):
    photo = tmp_path / "new.jpg"
    photo.write_bytes(b"photo")
    assert ana.edit(photo, yaw=-15).report.attributes["yaw"].requested == -15
    assert [p.report.attributes["yaw"].requested for p in ana.edit(b"x", yaw=[-70, 70], relative=True)] == [-70, 70]
    assert isinstance(ana.edit(Image.new("RGB", (9, 9)), yaw=[0, 1], smile=[0, 1]), Grid)
    ana.edit(photo, yaw=1, space="s")
    assert studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request["space"] == "s"
    for call, error in (
        (lambda: ana.edit(photo), InvalidRequest),
        (lambda: ana.edit(photo, yaw=70), OutOfRange),
        (lambda: ana.edit(photo, yaw=121, relative=True), OutOfRange),
        (lambda: ana.edit(tmp_path / "no.jpg", yaw=1), InvalidImage),
        (lambda: ana.edit(photo, yaw=[0.0] * 65), InvalidRequest),
        (lambda: ana.edit(photo, yaw=1, space="z"), InvalidRequest),
    ):
        with pytest.raises(error):
            call()


def test_enhance(studio, ana, tmp_path):
    def asked():
        return studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request["degradation"]

    assert isinstance(ana.enhance(b"x"), Picture) and asked() == "auto"
    ana.enhance(b"x", portraitist.Downsample(8), smile=0.0)
    assert asked() == [{"kind": "downsample", "factor": 8}]
    dot = Image.new("L", (5, 5))
    dot.putpixel((2, 2), 255)
    dot.save(tmp_path / "m.png")
    for mask in (
        tmp_path / "m.png",
        str(tmp_path / "m.png"),
        (tmp_path / "m.png").read_bytes(),
        Image.open(tmp_path / "m.png"),
    ):
        ana.enhance(b"x", [portraitist.GaussianBlur(1.5), portraitist.Mask(mask), portraitist.Jpeg(30)])
        digest = asked()[1]["image"]
        assert Image.open(io.BytesIO(studio._backend.sealed(ana.id).get(digest))).size == (5, 5)
    for bad in ("blur", [], [7], 7, {"kind": "jpeg"}):
        with pytest.raises(InvalidRequest):
            ana.enhance(b"x", bad)
    for make in (lambda: portraitist.Downsample(99), lambda: portraitist.Noise(-1), lambda: portraitist.Jpeg("x")):
        with pytest.raises(InvalidRequest, match=r"\w+\.\w+="):
            make()
    with pytest.raises(InvalidRequest, match="one value"):
        ana.enhance(b"x", smile=[0, 1])
    with pytest.raises(InvalidImage, match="no file"):
        ana.enhance(b"x", portraitist.Mask("nowhere.png"))


# -- jobs ------------------------------------------------------------------------------------------------------------


def test_statuses_events_and_cancel():
    go, entered = threading.Event(), threading.Event()

    def run(request, context):
        context.on_step(portraitist.Progress(stage="tune", step=3, steps=9, eta=1.5, message="m"))
        entered.set()
        assert go.wait(10)
        context.on_step(portraitist.Progress(stage="tune", step=4, steps=9))
        return plain_pictures(request, context)

    studio = fake_studio(run)
    first, second = studio.personas.create("a", PHOTOS), studio.personas.create("b", PHOTOS)
    entered.wait(10)
    assert first.status == Running("tune", 3, 9, 1.5, "m", 1) and second.status == Queued(ahead=0) and not first.done
    with pytest.raises(WaitTimeout):
        first.wait(timeout=0.05)
    assert isinstance(studio.jobs.cancel(first.id), Running) and second.cancel() == Cancelled()
    go.set()
    for job in (first, second):
        with pytest.raises(JobCancelled):
            job.wait(timeout=10)
    assert first.status == Cancelled() and [j.id for j in studio.jobs.list(status="cancelled")] == [second.id, first.id]
    third = studio.personas.create("a", PHOTOS)
    third.wait(timeout=10)
    assert isinstance(third.status, Succeeded) and third.cancel() == third.status
    events = list(third.events())
    assert [e.kind for e in events] == ["queued", "started", "progress", "progress", "progress", "succeeded"]
    assert events[2].progress.message == "m" and list(third.events(after=4)) == events[4:]


def test_failures():
    def run(request, context):
        raise (
            RuntimeError("boom") if request.name == "a" else portraitist.FaceNotFound("no face in x.jpg", param="x.jpg")
        )

    studio = fake_studio(run)
    with pytest.raises(JobFailed, match="boom"):
        studio.personas.create("a", PHOTOS, wait=True)
    job = studio.personas.create("b", PHOTOS)
    with pytest.raises(portraitist.FaceNotFound) as caught:
        job.wait()
    assert (
        caught.value.param == "x.jpg"
        and isinstance(job.status, Failed)
        and type(job.status.error) is portraitist.FaceNotFound
    )


def test_a_handle_from_its_id(studio, ana):
    job = ana.synthesize(yaw=[0, 1], wait=False)
    assert repr(job) == f"Job({job.id!r}, synthesize)" and job.persona_id == ana.id
    assert len(studio.jobs.get(job.id).wait()) == 2
    with pytest.raises(NotFound, match="job_x"):
        studio.jobs.get("job_x")


def test_ctrl_c_says_how_to_come_back(studio, capsys, monkeypatch):
    job = studio.personas.create("ana", PHOTOS)
    monkeypatch.setattr(type(job), "events", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        job.wait(progress=True)
    assert f"portraitist jobs {job.id} --follow" in capsys.readouterr().err


def test_connect(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_HOME", str(tmp_path / "by-env"))
    assert portraitist.connect().describe()["home"] == str(tmp_path / "by-env")
    assert portraitist.connect(home=tmp_path / "by-arg").describe()["alive"] is False
    assert (tmp_path / "by-arg").stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidRequest, match="embedded"):
        portraitist.connect("amqp://localhost")
    with pytest.raises(InvalidRequest, match="PORTRAITIST_STORE"):
        portraitist.connect("redis://localhost")
    with pytest.raises(InvalidRequest, match="home is empty"):
        portraitist.connect(home="")
    monkeypatch.setenv("PORTRAITIST_HOME", "")
    with pytest.raises(InvalidRequest, match="PORTRAITIST_HOME is empty"):
        portraitist.connect()
    (tmp_path / "file").write_text("")
    with pytest.raises(portraitist.StorageError, match="home="):
        portraitist.connect(home=tmp_path / "file" / "home")


def test_long_lists_are_refused_before_they_are_spread_out(ana):
    """A grid of two lists of 100,000 values would be 10^10 pictures."""
    many = [0.0] * 100_000
    with pytest.raises(InvalidRequest, match="10000000000 pictures"):
        ana.synthesize(yaw=many, smile=many)
    with pytest.raises(InvalidRequest) as told:
        ana.edit(("a.jpg", b"1"), yaw=[1.0] * 100)
    assert len(told.value.message) < 500


def test_a_webhook_is_no_bare_address(ana):
    with pytest.raises(InvalidRequest, match=r"expected a portraitist\.Webhook") as told:
        ana.synthesize(yaw=5, webhook="https://app.example/x")
    assert told.value.param == "webhook"
