"""Joined pictures, wider photos, styles -> docs/benchmarks/collage.md.

    python -m tests.benchmarks.bench_collage [--parts joined,...] [--pairs N] [--london DIR] [--people N] [--drawings N] [--threads N]

Random samples of the bundled priors. With --london (the photographs of the Face Research Lab London Set), also photographs of people whom
no training saw.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from platformdirs import user_cache_dir
from torch import Tensor

from portraitist.priors.prior import bundled as bundled_prior
from portraitist.styles.home import BUNDLED, bundled, bundled_bases
from portraitist_workers.collage.extension import Room, extended
from portraitist_workers.collage.interpolation import Source, interpolate
from portraitist_workers.collage.regions import region
from portraitist_workers.collage.smile import smile_of
from portraitist_workers.collage.weights import of_image, ramp, second
from portraitist_workers.editing.opening import opened
from portraitist_workers.faces import image_io
from portraitist_workers.faces.align import ffhq_frame
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.faces.outline import person_area
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.operations.style import STEPS
from portraitist_workers.persona.rendering import render
from portraitist_workers.persona.warm import WarmPersona
from portraitist_workers.precision import optimisation_dtype
from portraitist_workers.priors import library
from portraitist_workers.priors.engine.people import HELD_OUT
from portraitist_workers.styles.delta import put_on
from portraitist_workers.styles.drawn.face import faces
from portraitist_workers.styles.learning import Learning, Schedule
from portraitist_workers.styles.meaning import mouth_error
from portraitist_workers.styles.pairs import drawn, seen
from portraitist_workers.styles.worn import worn

from . import judges
from .collage_checks import Checks, Row
from .collage_personas import TAKEN, best_takes
from .collage_spaces import SOUGHT, sought
from .collage_variations import VARIED, person_of, varied_photos
from .options import like_a_worker
from .report import table, write

PEOPLE = 20  # among whom a restyled one is to be recognised
OPENING = (13, 14)  # points of the mesh: inner lips


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", default=",".join(PARTS), help="which to measure now; the page has the others as they were"
    )
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--london", type=Path, help="the photographs; without, there are no parts smile and background")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--drawings", type=int, default=50)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--work", type=Path, default=Path(user_cache_dir("portraitist")) / "benchmarks")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    kept = args.work / "collage"
    kept.mkdir(parents=True, exist_ok=True)
    for name in args.parts.split(","):
        if args.london is None and name in ("smile", "background"):
            continue
        (kept / f"{name}.md").write_text("\n\n".join(PARTS[name](args)))
        print(f"{name} is measured", flush=True)
    several = "Parts may be measured in several runs. The command above is the last one's."
    parts = [file.read_text() for name in PARTS if (file := kept / f"{name}.md").is_file()]
    write("collage", "Joined pictures, wider photos, styles", [several, *parts])


@torch.no_grad()
def joined(name: str, args: argparse.Namespace) -> list[str]:
    generator = library.load(name).generator
    rows = list(Checks(generator, args.pairs).rows())
    return [
        f"## Joined features: `{name}`",
        f"{args.pairs} pairs of random samples, psi 0.7. LPIPS is {load_perceptual().name}.",
        table(CHECK, rows),
        timing(generator),
    ]


@torch.no_grad()
def shipped(base: str, args: argparse.Namespace) -> list[str]:
    names = [name for name in BUNDLED if base in bundled_bases(name)]
    return [
        f"## Styles: `{base}`",
        STYLES.format(PEOPLE, load_perceptual().name),
        table(("", "wanted", *names), styles(base, names)),
    ]


def own_style(args: argparse.Namespace) -> list[str]:
    header = ("pictures", "seconds of processor time", "LPIPS to the style, of before", "mouth (NME)")
    return ["## A style from pictures of one's own", LEARNT, table(header, learnt(args.drawings))]


def smile(args: argparse.Namespace) -> list[str]:
    people = HELD_OUT[: args.people]
    rows = transfers(args.london, people)
    return ["## Photographs: a smile of another photo", TRANSFER.format(len(people)), table(CHECK, rows)]


def best_take(args: argparse.Namespace) -> list[str]:
    judges.distance()
    return ["## The best take of two photos", TAKEN, table(CHECK, best_takes(args.work, args.threads))]


def spaces(args: argparse.Namespace) -> list[str]:
    judges.distance()
    header = ("sought in", "LPIPS", "PSNR, dB", "of a turn", "of a smile", "identity after both", "identity of a blend")
    return ["## Where a photo is sought", SOUGHT, judges.describe(), table(header, sought())]


def variations(args: argparse.Namespace) -> list[str]:
    header = ("check", "wanted", "strength 0.5", "strength 1", "control")
    return ["## Variations of a photo", VARIED, table(header, varied_photos())]


def background(args: argparse.Namespace) -> list[str]:
    people = HELD_OUT[: args.people]
    header = ("way", "gradient at the join, of that inside", "photos with more than one face")
    return [
        "## Photographs: more background",
        EXTENDED.format(2 * len(people)),
        table(header, extensions(args.london, people)),
    ]


CHECK = ("check", "wanted", "found", "control")
PARTS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "joined": partial(joined, "default"),
    "joined-256": partial(joined, "default-256"),
    "styles": partial(shipped, "default"),
    "styles-256": partial(shipped, "default-256"),
    "learn": own_style,
    "spaces": spaces,
    "best-take": best_take,
    "variations": variations,
    "smile": smile,
    "background": background,
}


def timing(generator) -> str:
    """One blend of two against one picture."""
    z = torch.randn(2, generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    a, b = (Source(generator.synthesis, generator.styles(generator.mapping(z[k : k + 1]))) for k in (0, 1))
    spent = {"one": [], "blend": []}
    for _ in range(7):
        for name, make in (("one", a.image), ("blend", lambda: interpolate([a, b], second(ramp())))):
            begun = time.process_time()
            make()
            spent[name].append(time.process_time() - begun)
    ratio = np.median(spent["blend"]) / np.median(spent["one"])
    return f"A blend of two takes {ratio:.2f} times the processor time of one picture (wanted: at most 2.2)."


STYLES = """A5 of 32 random samples that no style has seen. The face mesh judges the mouth's points. The bundled network judges identity,
among {} samples. The style is judged by LPIPS ({}) to the same face drawn by the style's own rules."""


def styles(base: str, names: Sequence[str]) -> list[tuple]:
    prior = library.load(base)
    own, lpips, mesh, identity = prior.generator, load_perceptual(), load_mesh(), load_identity()
    z = torch.randn(32, own.config.z_dim, generator=torch.Generator().manual_seed(77))
    w = own.mapping(z)
    plain = render(own, w)
    before = mesh(plain)
    columns = []
    eighth = (bundled_prior(base) / "generator.safetensors").stat().st_size / 8
    for name in names:
        data = bundled(name, base)
        styled = put_on(data, own, own)
        same = all(
            torch.equal(x, y)
            for layer, other in zip(own.layers(), styled.layers(), strict=True)
            for x, y in zip(layer.affine.parameters(), other.affine.parameters(), strict=True)
        )
        images = render(styled, w).clamp(-1, 1)
        target = drawn_again(name, plain)
        after = mesh(images)
        error = mouth_error(before, after)
        others = mouth_error(before, mesh(images.roll(1, 0)))
        gap = [(m.points[:, OPENING[0], :2] - m.points[:, OPENING[1], :2]).norm(dim=1) for m in (before, after)]
        r = float(torch.corrcoef(torch.stack(gap))[0, 1])
        way = [torch.cat([worn(own, styled, one[None], strength=k / 10).image for one in w[:4]]) for k in range(11)]
        steps = [float(lpips(a, b).mean()) for a, b in zip(way, way[1:], strict=False)]
        left = [float(lpips(one, target[:4]).mean()) for one in way]
        third, half = (
            torch.cat([worn(own, styled, one[None], strength=s).image for one in w[:PEOPLE]]).clamp(-1, 1)
            for s in (0.3, 0.5)
        )
        known = identity(plain[:PEOPLE])
        ranks = [
            ((identity(x[:PEOPLE]) @ known.T).argmax(1) == torch.arange(PEOPLE)).float().mean()
            for x in (third, half, images, target)
        ]
        outside = [worn(own, styled, one[None], part="hair") for one in w[:8]]
        leak = max(float(((o.image - o.plain).abs() * (o.where == 0)).max()) for o in outside)
        columns.append(
            [
                "yes" if same else "no",
                f"{float(lpips(images, target).mean() / lpips(plain, target).mean() - 1):+.0%}",
                f"{float(error.mean()):.3f} ({float(others.mean()):.3f})",
                f"{r:.2f}",
                f"{float((after.presence > 0.5).float().mean()):.0%}",
                f"{max(steps) / np.mean(steps):.1f}",
                "yes" if all(b < a + 2e-3 for a, b in zip(left, left[1:], strict=False)) else "no",
                ", ".join(f"{float(rank):.0%}" for rank in ranks[:3]),
                f"{float(ranks[3]):.0%}",
                f"{leak:.0f}",
                f"{len(data) / 2**20:.2f}",
            ]
        )
    labels = [
        ("mapping and affine layers equal, to the bit", "yes"),
        ("LPIPS to the drawing, of the plain picture's", "-30 %"),
        ("mouth's points, NME (control: another face)", "<= 0.05"),
        ("opening of the mouth, correlation", ">= 0.8"),
        ("faces found", ">= 95 %"),
        ("strength in tenths: largest step of LPIPS, of the mean", "<= 3"),
        ("... nearer to the drawing at each", "yes"),
        ("recognised among 20, at strength 0.3, 0.5 and 1", ">= 80 % at 0.5"),
        ("... in the drawings by the rules", ""),
        ("region hair: largest change outside", "0"),
        ("MB (an eighth of the generator)", f"<= {eighth / 2**20:.2f}"),
    ]
    return [(*label, *(column[k] for column in columns)) for k, label in enumerate(labels)]


def drawn_again(name: str, images: Tensor) -> Tensor:
    draw = importlib.import_module(f"portraitist_workers.styles.drawn.{name}").draw
    pictures = np.stack([draw(face) for face in faces(images)])
    return image_io.at_side(image_io.to_tensor((pictures * 255).round().astype(np.uint8)), images.shape[-1]).to(images)


LEARNT = """Drawings by the rules of `clay`, as if they were a user's own: the encoder says where each lies. Sixteen faces that are none of
them judge it. At most 600 s for 50 pictures are wanted."""


def learnt(count: int) -> list[tuple]:
    prior = library.load()
    own, lpips, mesh = prior.generator, load_perceptual(), load_mesh()
    draw = importlib.import_module("portraitist_workers.styles.drawn.clay").draw
    pictures = drawn(own, draw, count, seed=9).pictures
    z = torch.randn(16, own.config.z_dim, generator=torch.Generator().manual_seed(78))
    with torch.no_grad():
        w = own.mapping(z)
        plain = render(own, w)
        target = drawn_again("clay", plain)
    begun = time.process_time()
    pairs = seen(prior, list(image_io.to_uint8(pictures)))
    styled = Learning(own, pairs, prior.w_std, Schedule(steps=STEPS), dtype=optimisation_dtype()).run()
    spent = time.process_time() - begun
    with torch.no_grad():
        images = render(styled, w).clamp(-1, 1)
        nearer = float(lpips(images, target).mean() / lpips(plain, target).mean() - 1)
        error = float(mouth_error(mesh(plain), mesh(images)).mean())
    return [(count, f"{spent:.0f}", f"{nearer:+.0%}", f"{error:.3f}")]


TRANSFER = """The neutral and the smiling photo of each of {} people, both ways, region `smile`. Their generator is the prior's."""


def transfers(london: Path, people: Sequence[str]) -> list[Row]:
    attributes, identity = load_attributes(), load_identity()
    smile = attributes.names.index("smile")
    found = []
    for person, files in ((somebody(london, number)) for number in people):
        photos = [
            opened(person, file, "photo", None, space="w_plus", seed=0, on_stage=lambda stage: lambda *_: None)
            for file in files
        ]
        for photo, like in (photos, photos[::-1]):
            with torch.no_grad():
                both = smile_of(
                    person, photo, like, lambda images: of_image(region(images, "smile")), name="other", strength=1.0
                )
                made = np.where(both.where[..., None] > 0, both.face.shown, photo.scene.face)
                face = image_io.at_side(image_io.to_tensor(made.round().clip(0, 255).astype(np.uint8)[None]), 128)
                got = float(attributes(face)[0][0, smile])
                same = float(identity(face)[0] @ person.model.embeddings[0 if photo is photos[0] else 1])
            found.append((float(photo.measured[smile]), float(like.measured[smile]), got, same))
    values = np.array(found)
    missed = np.abs(values[:, 2] - values[:, 1])

    def way(which: np.ndarray) -> tuple[str, str]:
        before, wanted, reached = which[:, :3].mean(0)
        return (
            f"{before:.2f}, {wanted:.2f}, {reached:.2f}",
            f"nothing done: {np.abs(which[:, 0] - which[:, 1]).mean():.2f} off",
        )

    return [
        ("a broad smile: before, wanted, reached", "", *way(values[::2])),
        ("a neutral mouth: before, wanted, reached", "", *way(values[1::2])),
        ("missed by, mean; within 0.1", "<= 0.1", f"{missed.mean():.2f}; {(missed <= 0.1).sum()} of {len(missed)}", ""),
        ("identity to the photo (cosine): mean, least", "", f"{values[:, 3].mean():.2f}, {values[:, 3].min():.2f}", ""),
    ]


def somebody(london: Path, number: str) -> tuple[WarmPersona, list[bytes]]:
    """A person of two photos, neutral and smiling, on the prior's own generator."""
    files = [(london / kind / f"{number}.jpg").read_bytes() for kind in ("neutral", "smiling")]
    return person_of(files, number), files


EXTENDED = """{} photos, 512 px, cut so that the head is near the left border. They become wider by half on that side. Gradients are
taken above the shoulders, where the border shows background. Mirrored pixels are what padded features show, too: half a second
head."""


def extensions(london: Path, people: Sequence[str]) -> list[tuple]:
    joins: dict[str, list[float]] = {"extend": [], "mirrored pixels": [], "one colour": []}
    more = dict.fromkeys(joins, 0)
    for number in people:
        for kind in ("neutral", "smiling"):
            photo = image_io.read(london / kind / f"{number}.jpg")
            scale = photo.shape[0] // 512
            photo = np.ascontiguousarray(photo[::scale, ::scale])
            face = max(detect_faces(photo), key=lambda one: one.side)
            frame = ffhq_frame(face.points)
            left = max(0, int(frame.centre_x - 0.36 * frame.size))
            area, photo = person_area(photo, frame)[:, left:], photo[:, left:]
            width = photo.shape[1] // 2
            pad = ((0, 0), (width, 0), (0, 0))
            plain = np.full((photo.shape[0], width, 3), photo[:20].mean((0, 1)), photo.dtype)
            for name, wide in (
                ("extend", extended(photo, area, Room(width, 0, 0, 0))),
                ("mirrored pixels", np.pad(photo, pad, mode="symmetric")),
                ("one colour", np.concatenate([plain, photo], 1)),
            ):
                free = (area[: photo.shape[0] // 2, :4] < 0.5).all(1)
                grey = wide[: photo.shape[0] // 2].astype(float).mean(2)[free]
                steps = np.abs(np.diff(grey, axis=1)).mean(0)
                joins[name].append(steps[width - 1] / steps[width + 2 : width + 12].mean())
                more[name] += len(detect_faces(wide)) > 1
    return [(name, f"{np.mean(found):.2f}", f"{more[name]} of {len(found)}") for name, found in joins.items()]


if __name__ == "__main__":
    main()
