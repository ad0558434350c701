"""Restores damaged photographs of real people -> docs/benchmarks/restored.md.

    python -m tests.benchmarks.bench_restored --people DIR [--threads N]

DIR holds folders of ordinary photos, one folder a person (photos may lie in folders below it). Two photos of each person are left out when
the persona is made. They are damaged at their own size and restored at that size, or at that of the enlarged photo. The photos are not
ours to show; WORK/restored-NAME.png has the pictures: damaged, restored, truth.
"""

from __future__ import annotations

import argparse
import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import torch
from PIL import Image

from portraitist.degradations import Degradation, Downsample, Mask
from portraitist.requests import CreatePersona, Enhance, Photo
from portraitist.results import PersonaRecord, PictureReport
from portraitist_workers import operations
from portraitist_workers.faces.align import Frame, crop, ffhq_frame
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import decode, encode_png, to_tensor
from portraitist_workers.operations import MemoryContext

from . import judges
from .bench_real import SUFFIXES
from .options import like_a_worker
from .report import table, write

JUDGED, SHOWN = 256, 512  # px of the face's square
LEFT_OUT = (1, 4)  # of a person's photos, by name
R = 128  # px of the prior's square, in which damage is measured


@dataclass(frozen=True)
class Damage:
    """`does` to a photo [H, W, 3] whose face's square has `frame`; `told` to enhance, None where a mask is."""

    name: str
    does: Callable[[np.ndarray, Frame], np.ndarray]
    told: str | list[Degradation] | None = "auto"


def _blurred(sigma: float) -> Callable[[np.ndarray, Frame], np.ndarray]:
    return lambda photo, frame: cv2.GaussianBlur(photo, (0, 0), sigma * frame.size / R)


def _noisy(photo: np.ndarray, frame: Frame) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 5 * frame.size / R, photo.shape)
    return (photo + noise).clip(0, 255).round().astype(np.uint8)


def _small(face: int) -> Callable[[np.ndarray, Frame], np.ndarray]:
    return lambda photo, frame: cv2.resize(
        photo, None, fx=face / frame.size, fy=face / frame.size, interpolation=cv2.INTER_AREA
    )


def _holed(photo: np.ndarray, frame: Frame) -> np.ndarray:
    return np.where(_hole(photo, frame)[..., None], np.uint8(127), photo)


def _hole(photo: np.ndarray, frame: Frame) -> np.ndarray:
    """A quarter of the square wide, over the mouth."""
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]]
    return (abs(columns - frame.centre_x) < frame.size / 8) & (
        abs(rows - frame.centre_y - frame.size * 0.2) < frame.size / 10
    )


DAMAGES = (
    Damage("none", lambda photo, frame: photo),
    Damage("blur of 0.7 px of 128", _blurred(0.7)),
    Damage("blur of 2 px of 128", _blurred(2)),
    Damage("noise", _noisy),
    Damage("face of 60 px, enlarged ×4", _small(60), [Downsample(4)]),
    Damage("face of 24 px, enlarged ×8", _small(24), [Downsample(8)]),
    Damage("hole over the mouth", _holed, None),
)


@dataclass
class Case:
    damage: str
    before: dict[str, float]  # measure -> of the damaged photo
    after: dict[str, float]
    most: float  # sharpness, of the truth's, that the truth has in as many pixels
    report: PictureReport
    same: bool  # bit for bit
    seconds: float


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=Path, required=True, help="folder of folders of ordinary photos")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    folders = sorted(folder for folder in args.people.iterdir() if folder.is_dir())
    cases, learnt = [], []
    for folder in folders:
        photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        left_out = [photos[index] for index in LEFT_OUT]
        context, record = personalised(folder.name, [p for p in photos if p not in left_out], args.work)
        learnt.append(f"{folder.name} from {len(photos) - len(left_out)} photos")
        made = [restore(path, damage, context, record) for path in left_out for damage in DAMAGES]
        Image.fromarray(np.vstack([sheet for _, sheet in made])).save(args.work / f"restored-{folder.name}.png")
        cases += [case for case, _ in made]
    write(
        "restored",
        "Restoring photographs of real people",
        [
            f"{'; '.join(learnt)}. {len(LEFT_OUT)} other photos of each were damaged at their own size. *auto* was told nothing. Compared "
            f"is the face's square at {JUDGED} px, before → after. LPIPS is lpips-squeeze (published, v0.1). It took no part in any "
            "optimisation. Identity is the cosine to the person's own photos by the bundled network. Sharpness is of the middle half. "
            "*Most* is what the truth itself has of it, made as small as the restored photo.",
            rows(cases),
        ],
    )


def personalised(name: str, photos: Sequence[Path], work: Path) -> tuple[MemoryContext, PersonaRecord]:
    """The persona, kept in `work`."""
    path, context = work / f"restored-{name}.pickle", MemoryContext()
    if path.is_file():
        record, context.blobs = pickle.loads(path.read_bytes())
    else:
        given = [Photo(name=p.name, blob=context.put(p.read_bytes())) for p in photos]
        names = list(load_attributes().names)
        record = operations.run(
            CreatePersona(persona_id="per_real", name=name, attributes=names, seed=0, photos=given), context
        )
        path.write_bytes(pickle.dumps((record, context.blobs)))
    context.personas[record.persona_id] = record
    return context, record


def restore(path: Path, damage: Damage, context: MemoryContext, record: PersonaRecord) -> tuple[Case, np.ndarray]:
    """And damaged, restored, truth beside each other."""
    photo = decode(path.read_bytes(), path.name)
    frame = ffhq_frame(detect_faces(photo)[0].points)
    damaged, told = damage.does(photo, frame), damage.told
    if told is None:
        told = [Mask(image=context.put(encode_png(_hole(photo, frame).astype(np.uint8) * 255)))]
    given = Photo(name=path.name, blob=context.put(encode_png(damaged)))
    begun = time.process_time()
    made = operations.run(Enhance(persona_id=record.persona_id, photo=given, degradation=told), context).pictures[0]
    seconds = time.process_time() - begun
    restored = decode(context.blob(made.blob), path.name)
    before, after, truth = (
        crop(picture, frame.scaled(picture.shape[1] / photo.shape[1]), SHOWN) for picture in (damaged, restored, photo)
    )
    case = Case(
        damage.name,
        measured(before, truth),
        measured(after, truth),
        _fine(crop(_at_size_of(photo, restored), frame.scaled(restored.shape[1] / photo.shape[1]), SHOWN))
        / _fine(truth),
        made.report,
        np.array_equal(restored, damaged),
        seconds,
    )
    print(path.name, case, flush=True)
    return case, np.hstack([before, after, truth])


def _at_size_of(photo: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """The undamaged photo in as many pixels."""
    return cv2.resize(photo, restored.shape[1::-1], interpolation=cv2.INTER_AREA)


def measured(picture: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    a, b = (cv2.resize(one, (JUDGED, JUDGED), interpolation=cv2.INTER_AREA) for one in (picture, truth))
    return {
        "lpips": float(judges.lpips(to_tensor(a[None]), to_tensor(b[None]))),
        "psnr": min(cv2.PSNR(a, b), 99.0),
        "sharpness": _fine(picture) / _fine(truth),
    }


def _fine(picture: np.ndarray) -> float:
    """rms of what a 5x5 mean takes away, in the middle half."""
    middle = picture[SHOWN // 4 : -SHOWN // 4, SHOWN // 4 : -SHOWN // 4].astype(np.float32)
    return float(np.square(middle - cv2.blur(middle, (5, 5))).mean() ** 0.5)


def rows(cases: Sequence[Case]) -> str:
    lines = []
    for damage in DAMAGES:
        of = [case for case in cases if case.damage == damage.name]

        def both(name: str, digits: int, of: list[Case] = of) -> str:
            return " → ".join(
                f"{fmean(getattr(case, when)[name] for case in of):.{digits}f}" for when in ("before", "after")
            )

        reports = [case.report for case in of]
        lines.append(
            (
                damage.name + (" (auto)" if damage.told == "auto" else ""),
                "; ".join(dict.fromkeys(str(report.degradation) for report in reports)),
                both("lpips", 3),
                both("psnr", 1),
                both("sharpness", 2),
                f"{fmean(case.most for case in of):.2f}",
                f"{fmean(report.identity_before or 0 for report in reports):.3f} → {fmean(report.identity or 0 for report in reports):.3f}",
                f"{sum(case.same for case in of)} of {len(of)}",
                f"{fmean(case.seconds for case in of):.1f}",
            )
        )
    return table(
        (
            "damage",
            "undone",
            "LPIPS",
            "PSNR, dB",
            "sharpness, of the truth's",
            "most in so many pixels",
            "identity",
            "bit-equal to what was given",
            "CPU s",
        ),
        lines,
    )


if __name__ == "__main__":
    main()
