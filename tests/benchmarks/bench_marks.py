"""How faint is the invisible mark, what does it survive, how often is it seen where it is not? -> docs/benchmarks/marks.md.

    python -m tests.benchmarks.bench_marks [--photos FOLDER]

Portraits are random draws from the bundled prior; edited photos are the test people's, with what the prior makes of their faces put
back in. --photos: unmarked photos, besides the test people's, to look for marks in.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from portraitist.provenance import mark
from portraitist.provenance.credentials import read
from portraitist.provenance.search import find
from portraitist_workers.faces import image_io
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.edited import still
from portraitist_workers.faces.paste import paste
from portraitist_workers.persona.rendering import render
from portraitist_workers.priors import library
from portraitist_workers.provenance.marking import mark_part, mark_portrait, sheet
from portraitist_workers.provenance.origin import Origin
from portraitist_workers.provenance.signing import signed_png

from . import judges, people
from .report import table, write

Damage = Callable[[np.ndarray], np.ndarray]
BILINEAR, LANCZOS, BICUBIC, BOX = (Image.Resampling[how] for how in ("BILINEAR", "LANCZOS", "BICUBIC", "BOX"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portraits", type=int, default=300)
    parser.add_argument("--edits", type=int, default=16, help="edited photos")
    parser.add_argument("--keys", type=int, default=1000, help="random keys for false alarms")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--photos", type=Path, default=None)
    args = parser.parse_args()
    if args.quick:
        args.portraits, args.edits, args.keys = args.portraits // 10, args.edits // 5, args.keys // 10
    torch.set_num_threads(1)
    judges.distance()
    prior = library.load()
    portraits = drawn(prior, args.portraits)
    begun = time.process_time()
    marked = [mark_portrait(p) for p in portraits]
    cost = (time.process_time() - begun) / len(marked) * 1e3
    print("portraits marked", flush=True)
    sections = [
        fidelity(portraits, [m.pixels for m in marked]),
        spent(marked, cost),
        survival([m.pixels for m in marked]),
    ]
    print("portraits done", flush=True)
    sections += [in_photos(prior, args.edits), sheets(portraits, args.edits // 2), larger(args.edits)]
    print("photos done", flush=True)
    sections += [alarms(portraits, args.keys), elsewhere(args.photos, args.edits)]
    given = [f"--photos {args.photos.name}"] if args.photos else []
    shown = [f"--portraits {args.portraits} --edits {args.edits} --keys {args.keys}", *given]
    write("marks", "The invisible mark and the signature", sections, argv=" ".join(shown).split())


@torch.no_grad()
def drawn(prior: library.Prior, count: int) -> list[np.ndarray]:
    """Random portraits, truncated to 0.8."""
    rng = torch.Generator().manual_seed(5)
    generator = prior.generator
    w = generator.mapping(torch.randn(count, generator.config.z_dim, generator=rng))
    w = generator.mapping.truncate(w[:, None], 0.8)[:, 0]
    return list(image_io.to_uint8(render(generator, w)))


def fidelity(before: list[np.ndarray], after: list[np.ndarray]) -> str:
    a, b = (image_io.to_tensor(np.stack(pictures)) for pictures in (before, after))
    change = np.stack(after).astype(float) - np.stack(before)
    psnr = 10 * np.log10(255**2 / (change**2).mean((1, 2, 3)))
    distance = judges.lpips(a, b)
    estimator = load_attributes()
    with torch.no_grad():
        moved = (estimator(a)[0] - estimator(b)[0]).abs().median(0).values
    names = ", ".join(
        f"{n} {float(v):.3f} (the estimator's own error: {estimator.errors.get(n, 0):.2f})"
        for n, v in zip(estimator.names, moved, strict=True)
    )
    rows = [
        ("PSNR, dB", f"{psnr.mean():.1f}", f"{psnr.min():.1f}"),
        ("LPIPS to the unmarked picture", f"{float(distance.mean()):.4f}", f"{float(distance.max()):.4f}"),
        (
            "root mean square change, grey levels",
            f"{(change**2).mean((1, 2, 3)).__pow__(0.5).mean():.2f}",
            f"{(change**2).mean((1, 2, 3)).max() ** 0.5:.2f}",
        ),
        (
            "largest change of a pixel, grey levels",
            f"{np.abs(change).max((1, 2, 3)).mean():.1f}",
            f"{np.abs(change).max():.0f}",
        ),
    ]
    return (
        f"## What it costs in quality\n\n{len(before)} portraits of 128 px. {judges.describe()}\n\n"
        + table(("", "mean", "worst"), rows)
        + f"\n\nMedian change of the measured attributes: {names}."
    )


def spent(marked: list, mark_ms: float) -> str:
    begun = time.process_time()
    files = [signed_png(m, Origin("synthesize")) for m in marked[:100]]
    sign_ms = (time.process_time() - begun) / len(files) * 1e3
    plain = [image_io.encode_png(m.pixels) for m in marked[:100]]
    begun = time.process_time()
    [image_io.encode_png(m.pixels) for m in marked[:100]]
    png_ms = (time.process_time() - begun) / len(files) * 1e3
    begun = time.process_time()
    assert all(read(f, "image/png").state == "valid" for f in files)
    read_ms = (time.process_time() - begun) / len(files) * 1e3
    extra = statistics.mean(len(f) - len(p) for f, p in zip(files, plain, strict=True))
    rows = [
        ("marking", f"{mark_ms:.1f} ms"),
        ("signing", f"{sign_ms - png_ms:.1f} ms"),
        ("encoding the PNG, for comparison", f"{png_ms:.1f} ms"),
        ("checking a signature", f"{read_ms:.1f} ms"),
        ("signed metadata", f"{extra:.0f} bytes (the PNG without it: {statistics.mean(map(len, plain)):.0f})"),
        ("files with a valid signature", f"{len(files)} of {len(files)}"),
    ]
    return "## What it costs in time and bytes\n\nProcessor time per portrait of 128 px.\n\n" + table(("", ""), rows)


def damages(side: int) -> dict[str, tuple[Damage, bool]]:
    """Name -> what is done, and whether only the search of all sizes and places can find the mark."""
    rng = np.random.default_rng(0)
    half = side // 2
    edge = round(side * 0.025)
    return {
        "nothing": (lambda x: x, False),
        "half size and JPEG 80": (lambda x: jpeg(resized(x, 0.5), 80), False),
        "the same, Lanczos": (lambda x: jpeg(resized(x, 0.5, LANCZOS), 80), False),
        "the same, bicubic": (lambda x: jpeg(resized(x, 0.5, BICUBIC), 80), False),
        "the same, box": (lambda x: jpeg(resized(x, 0.5, BOX), 80), False),
        "JPEG 80, then half size": (lambda x: resized(jpeg(x, 80), 0.5), False),
        "JPEG 80, half size, JPEG 80": (lambda x: jpeg(resized(jpeg(x, 80), 0.5), 80), False),
        "half size and JPEG 70": (lambda x: jpeg(resized(x, 0.5), 70), False),
        f"0.4 of the size ({round(0.4 * side)} px) and JPEG 80": (lambda x: jpeg(resized(x, 0.4), 80), False),
        "JPEG 50": (lambda x: jpeg(x, 50), False),
        "JPEG 30": (lambda x: jpeg(x, 30), False),
        "enlarged 2.3 times and JPEG 80": (lambda x: jpeg(resized(x, 2.3), 80), False),
        "brightness -30 %": (lambda x: np.clip(x * 0.7, 0, 255).astype(np.uint8), False),
        "brightness +30 %": (lambda x: np.clip(x * 1.3, 0, 255).astype(np.uint8), False),
        "grey": (lambda x: np.repeat((x @ [0.299, 0.587, 0.114]).round().astype(np.uint8)[..., None], 3, 2), False),
        "Gaussian blur, sigma 1 px": (lambda x: cv2.GaussianBlur(x, (0, 0), 1.0), False),
        "Gaussian blur, sigma 1.5 px": (lambda x: cv2.GaussianBlur(x, (0, 0), 1.5), False),
        "median of 3 x 3": (lambda x: cv2.medianBlur(x, 3), False),
        "noise, sigma 5": (lambda x: np.clip(x + rng.normal(0, 5, x.shape), 0, 255).astype(np.uint8), False),
        "noise, sigma 15": (lambda x: np.clip(x + rng.normal(0, 15, x.shape), 0, 255).astype(np.uint8), False),
        "95 % of each side": (lambda x: x[edge : side - edge, edge : side - edge], True),
        "90 % of each side": (lambda x: x[edge : side - 3 * edge, 2 * edge : side - 2 * edge], True),
        "80 % of each side, the middle": (lambda x: cropped(x, 0.5, 0.5), True),
        "80 % of each side, a corner": (lambda x: cropped(x, 1, 1), True),
        "75 % of each side": (lambda x: x[: round(0.75 * side), side // 8 : side // 8 + round(0.75 * side)], True),
        "90 % of each side, then 0.8 of the size and JPEG 80": (
            lambda x: jpeg(resized(x[edge : side - 3 * edge, 2 * edge : side - 2 * edge], 0.8), 80),
            True,
        ),
        "screenshot: 1.6 times on a white page, JPEG 85": (lambda x: jpeg(page(resized(x, 1.6)), 85), True),
        "rotated by 1 degree": (lambda x: rotated(x, 1), True),
        "rotated by 3 degrees": (lambda x: rotated(x, 3), True),
        "mirrored, half size and JPEG 80": (lambda x: jpeg(resized(x[:, ::-1], 0.5), 80), False),
        f"a quarter of the size ({half // 2} px)": (lambda x: resized(x, 0.25), False),
    }


def survival(marked: list[np.ndarray]) -> str:
    rows = []
    for name, (damage, search) in damages(128).items():
        seen = [find(damage(m), thorough=search) for m in (marked[: max(len(marked) // 10, 10)] if search else marked)]
        rows.append((name, "searched" if search else "", *found(seen)))
    return (
        '## What it survives: portraits of 128 px\n\n"Searched": at all sizes and places, where the threshold is higher. Resizing is '
        "bilinear unless said otherwise.\n\n" + table(("", "", "pictures", "found", "median score", "lowest"), rows)
    )


def in_photos(prior: library.Prior, count: int) -> str:
    edited = list(edits(prior, count))
    rows = []
    kinds: dict[str, Damage] = {
        "nothing": lambda x: x,
        "half size and JPEG 80": lambda x: jpeg(resized(x, 0.5), 80),
        "the same, Lanczos": lambda x: jpeg(resized(x, 0.5, LANCZOS), 80),
        "the same, bicubic": lambda x: jpeg(resized(x, 0.5, BICUBIC), 80),
        "the same, box": lambda x: jpeg(resized(x, 0.5, BOX), 80),
        "mirrored, half size and JPEG 80": lambda x: jpeg(resized(x[:, ::-1], 0.5), 80),
        "JPEG 50": lambda x: jpeg(x, 50),
        "80 % of each side, the middle": lambda x: cropped(x, 0.5, 0.5),
        "80 % of each side, a corner": lambda x: cropped(x, 0, 0),
        "90 % of each side, JPEG 80": lambda x: jpeg(
            x[: round(0.9 * len(x)), x.shape[1] // 20 : round(0.95 * x.shape[1])], 80
        ),
        "a third of the size and JPEG 80": lambda x: jpeg(resized(x, 1 / 3), 80),
    }
    for name, damage in kinds.items():
        rows.append((name, *found([find(damage(photo)) for photo, _ in edited])))
    sides = [side for _, side in edited]
    return (
        f"## What it survives: a changed face in a photo of 640 x 480 px\n\nThe changed part is {min(sides)} to {max(sides)} px wide. "
        "It is searched at all sizes and places.\n\n" + table(("", "pictures", "found", "median score", "lowest"), rows)
    )


def sheets(portraits: list[np.ndarray], count: int) -> str:
    """Sheets of 3 x 3 portraits, as of a grid."""
    cells = [mark_portrait(p, on_sheet=True) for p in portraits[: 9 * count]]
    change = np.stack([c.pixels for c in cells]).astype(float) - np.stack(portraits[: len(cells)])
    psnr = 10 * np.log10(255**2 / (change**2).mean((1, 2, 3)))
    pages = [sheet(cells[i : i + 9], 3).pixels for i in range(0, len(cells), 9)]
    kinds: dict[str, Damage] = {
        "nothing": lambda x: x,
        "mirrored": lambda x: x[:, ::-1],
        "half size and JPEG 80": lambda x: jpeg(resized(x, 0.5), 80),
        "the same, box": lambda x: jpeg(resized(x, 0.5, BOX), 80),
        "mirrored, half size and JPEG 80": lambda x: jpeg(resized(x[:, ::-1], 0.5), 80),
        "80 % of each side, a corner": lambda x: cropped(x, 0, 0),
    }
    rows = [(name, *found([find(damage(page)) for page in pages])) for name, damage in kinds.items()]
    return (
        f"## What it survives: a sheet of 3 x 3 portraits\n\nMarked more strongly: PSNR {psnr.mean():.1f} dB, worst {psnr.min():.1f}."
        "\n\n" + table(("", "pictures", "found", "median score", "lowest"), rows)
    )


@torch.no_grad()
def edits(prior: library.Prior, count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Photos of the test people whose face is what the prior makes of it, marked; and how wide the changed part is."""
    photos = [p for name in people.NAMES for p in people.load(name)[: -(-count // len(people.NAMES))]]
    for photo in photos[:count]:
        picture = image_io.decode(photo.data, photo.name)
        if faces := detect_faces(picture):
            frame = ffhq_frame(faces[0].points)
            face = image_io.to_tensor(crop(picture, frame, prior.resolution))
            made = image_io.to_uint8(render(prior.generator, prior.encoder(face)))[0]
            pasted = paste(picture, frame, still(made, crop(picture, frame, len(made))))
            width = int(pasted.mask.any(0).sum())
            yield mark_part(pasted.image, pasted.mask).pixels, width


def larger(count: int) -> str:
    """Faces of the test photos, enlarged to portraits of more pixels than the bundled prior makes."""
    faces = []
    for name in people.NAMES:
        for photo in people.load(name)[: -(-count // len(people.NAMES))]:
            picture = image_io.decode(photo.data, photo.name)
            if seen := detect_faces(picture):
                faces.append(crop(picture, ffhq_frame(seen[0].points), 256))
    rows = []
    for side in (256, 512, 1024):
        pictures = [cv2.resize(f, (side, side), interpolation=cv2.INTER_CUBIC) for f in faces]
        begun = time.process_time()
        marked = [mark_portrait(p).pixels for p in pictures]
        ms = (time.process_time() - begun) / len(marked) * 1e3
        psnr = [
            10 * np.log10(255**2 / ((m.astype(float) - p) ** 2).mean()) for m, p in zip(marked, pictures, strict=True)
        ]
        for name, damage in (
            ("half size and JPEG 80", lambda x: jpeg(resized(x, 0.5), 80)),
            ("128 px and JPEG 80", lambda x, side=side: jpeg(resized(x, 128 / side), 80)),
        ):
            seen = [find(damage(m), thorough=False) for m in marked]
            rows.append((f"{side} px", f"{statistics.mean(psnr):.1f}", f"{ms:.0f} ms", name, *found(seen)))
    return "## Larger portraits\n\nFaces of the test photos, enlarged (the bundled prior makes 128 px).\n\n" + table(
        ("", "PSNR, dB", "marking", "", "pictures", "found", "median score", "lowest"), rows
    )


def alarms(portraits: list[np.ndarray], keys: int) -> str:
    """Unmarked portraits, each looked at as a whole with many random keys."""
    windows = np.stack(
        [mark.whitened(mark.resized(mark.luminance(p), mark.GRID, mark.GRID)) for p in portraits]
    ).astype(np.float32)
    highest = []
    for number in range(keys):
        tile = mark._pattern.__wrapped__(f"benchmark {number}")
        highest.append(mark.scores(windows, tile).max((-2, -1)))
    scores = np.concatenate(highest)
    rows = [
        (f"{x:g}", f"{(scores >= x).mean():.2g}", f"{mark.false_positive(x, mark.GRID**2):.2g}")
        for x in (4.5, 5, 5.5, 6, 6.5)
    ]
    own = [find(p, thorough=False) for p in portraits]
    return (
        f"## False alarms\n\n{len(portraits)} unmarked portraits x {keys} random keys = {len(scores):,} looks at a whole picture "
        f"in one direction. Highest score: {scores.max():.2f}.\n\n"
        + table(("score at least", "measured share", "proved bound"), rows)
        + "\n\nFound is what scores 6.76, for both directions. With the key in use: highest score "
        f"{max(o.score for o in own):.2f}, found {sum(o.found for o in own)} of {len(own)}."
    )


def elsewhere(folder: Path | None, count: int) -> str:
    """Unmarked photos, searched at all sizes and places with the key in use."""
    files = [(p.name, p.data) for name in people.NAMES for p in people.load(name)[: -(-2 * count // len(people.NAMES))]]
    others = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")) if folder else []
    rows = []
    for what, photos in (
        ("test people's photos, 640 x 480 px", [image_io.decode(d, n) for n, d in files]),
        (
            f"photos given with --photos ({folder.name if folder else ''}), 512 px",
            (np.asarray(shrunk(p)) for p in others),
        ),
    ):
        seen = [find(p) for p in photos]
        if seen:
            rows.append(
                (
                    what,
                    len(seen),
                    sum(s.found for s in seen),
                    f"{max(s.score for s in seen):.2f}",
                    f"{min(s.false_positive for s in seen):.2g}",
                )
            )
    return "Unmarked photos, searched at all sizes and places (about 8.4 is found):\n\n" + table(
        ("", "photos", "found", "highest score", "lowest bound of a false alarm"), rows
    )


def shrunk(path: Path) -> Image.Image:
    image = Image.open(path).convert("RGB")
    image.thumbnail((512, 512))
    return image


def found(seen: list) -> tuple[int, str, str, str]:
    scores = [s.score for s in seen]
    return (
        len(seen),
        f"{sum(s.found for s in seen) / len(seen):.1%}",
        f"{statistics.median(scores):.1f}",
        f"{min(scores):.1f}",
    )


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """As most programs write it: colour at half resolution."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(pixels: np.ndarray, factor: float, how: Image.Resampling = BILINEAR) -> np.ndarray:
    height, width = (round(n * factor) for n in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), how))


def cropped(pixels: np.ndarray, down: float, across: float) -> np.ndarray:
    """80 % of each side; `down`, `across`: from 0, the upper left corner, to 1."""
    height, width = (round(0.8 * n) for n in pixels.shape[:2])
    return pixels[round(down * (len(pixels) - height)) :, round(across * (pixels.shape[1] - width)) :][:height, :width]


def rotated(pixels: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).rotate(degrees, Image.Resampling.BICUBIC))


def page(pixels: np.ndarray) -> np.ndarray:
    side = len(pixels)
    return np.pad(pixels, ((side // 4, side // 3), (side // 2, side // 5), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
