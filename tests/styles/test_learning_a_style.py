"""From a user's pictures to a style that a persona wears: the operation, what it refuses, and its home."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from portraitist.errors import InvalidImage, InvalidRequest, JobCancelled
from portraitist.requests import LearnStyle, Photo
from portraitist.styles.home import FolderStyles
from portraitist.styles.library import weights_of
from portraitist.styles.record import StyleRecord, read
from portraitist_workers import operations
from portraitist_workers.operations import MemoryContext, style
from portraitist_workers.operations.style import aligned
from portraitist_workers.persona.rendering import render
from portraitist_workers.priors import library
from portraitist_workers.styles.delta import put_on, to_bytes
from portraitist_workers.styles.drawn import clay
from portraitist_workers.styles.drawn.face import faces


@pytest.fixture(scope="module")
def prior():
    return library.load()


@pytest.fixture(scope="module")
def drawings(prior):
    """[R, R, 3] uint8: seven faces in clay."""
    z = torch.randn(7, prior.generator.config.z_dim, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return [
            (clay.draw(face) * 255).astype(np.uint8)
            for face in faces(render(prior.generator, prior.generator.mapping(z)))
        ]


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_HOME", str(tmp_path))
    return MemoryContext()


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def asked(world, drawings, **more):
    files = [Photo(name=f"{number}.png", blob=world.put(png(one))) for number, one in enumerate(drawings)]
    return LearnStyle(**{"name": "mine", "images": files, "steps": 20} | more)


@pytest.fixture(scope="module")
def learnt(drawings, tmp_path_factory):
    """The request, its context, the record, and the folder of the styles. Three of the pictures cannot be used."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTRAITIST_HOME", str(home))
        world = MemoryContext()
        request = asked(world, drawings)
        request.images += [
            Photo(name="broken.png", blob=world.put(b"no picture")),
            Photo(name="late.png", fault="not fetched: too slow"),
            Photo(name="sky.png", blob=world.put(png(np.full((200, 300, 3), 180, np.uint8)))),
        ]
        yield request, world, operations.run(request, world), FolderStyles(home / "styles")


def test_a_style_of_ones_own(learnt, drawings, prior):
    """Few steps go towards the drawings, and away from what the prior draws."""
    request, world, record, kept = learnt
    assert (record.pictures, set(record.refused)) == (7, {"broken.png", "late.png", "sky.png"})
    assert record.refused["sky.png"] == "no face was seen in it" and "7 pictures are few" in record.warnings[0]
    assert record.base_sha256 == prior.sha256 and record.figures["faces_found"] > 0.8
    assert kept.names() == ["mine"] and read(kept.data("mine"), "mine") == record
    styled = put_on(weights_of(kept, "mine", "default", prior.sha256), prior.generator, prior.generator)
    pictures = torch.from_numpy(np.stack([aligned(one, 128) for one in drawings])).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        w = prior.encoder(pictures)
        before, after = (float((render(one, w) - pictures).abs().mean()) for one in (prior.generator, styled))
    assert after < 0.9 * before
    assert operations.run(request, world) == record  # an attempt that was killed after it had kept the style


def test_a_style_of_another_prior_is_refused(prior, tmp_path):
    home = FolderStyles(tmp_path / "styles")
    record = StyleRecord(name="mine", base="default", base_sha256=prior.sha256, pictures=5)
    home.keep("mine", to_bytes(prior.generator, prior.generator, record))
    assert weights_of(home, "mine", "default", prior.sha256)
    with pytest.raises(InvalidRequest, match="learnt on the prior 'default'.*made from another, 'default-256'"):
        weights_of(home, "mine", "default-256", "1" * 64)


def test_too_few_faces(world, drawings):
    noise = [np.random.default_rng(k).integers(0, 255, (128, 128, 3), dtype=np.uint8) for k in range(4)]
    with pytest.raises(InvalidImage, match=r"only 3 of 7 pictures can be used, and a style needs 5: 3.png: no face"):
        operations.run(asked(world, [*drawings[:3], *noise]), world)


def test_it_goes_on_after_a_kill(learnt, drawings, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_HOME", str(tmp_path))
    monkeypatch.setattr(style, "CHECKPOINT_SECONDS", -1.0)

    def stop(progress):
        if progress.stage == "learn" and progress.step == 12:
            raise JobCancelled("killed")

    cut = MemoryContext(stop)
    request = asked(cut, drawings)
    with pytest.raises(JobCancelled):
        operations.run(request, cut)
    cut._on_step, seen = lambda progress: seen.append(progress), []
    operations.run(request, cut)
    whole, kept = learnt[2:]
    assert next(p.step for p in seen if p.stage == "learn") == 13 and whole.steps == 20
    data = [styles.data("mine") for styles in (kept, FolderStyles(tmp_path / "styles"))]
    assert data[0][-1000:] == data[1][-1000:]  # the same weights; the records differ
