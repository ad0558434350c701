"""Builds the canvas cache from the London set and ICT-FaceKit.

    python -m portraitist_workers.priors.engine.build --data DIR --out DIR [--people N]

`--data` holds `london/` (Face Research Lab London Set, CC-BY 4.0) and `ict/ict_facekit_light.npz` (ICT-FaceKit, MIT).
The cache's files are described in `canvas.py`.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from . import template
from .canvas import CANVAS, GRID, NEUTRAL, SMILE, write_meta
from .depth import position_map
from .expressions import expression_maps, identity_maps
from .ict import FaceModel, Fit, fit_neutral, fit_smile
from .landmarks import Pair, load_pair, repair_smiles
from .layout import LayoutWarp, mean_layout
from .lips import find_inner_lips
from .matte import cut_out, skin_probability
from .people import load_people


def build(data: str | Path, out: str | Path, people: int | None = None, processes: int = 2) -> None:
    """Writes the cache of `data` into the folder `out`. With `people`, only that many, but the layout of all."""
    out = Path(out).expanduser()
    out.mkdir(parents=True, exist_ok=True)
    (out / "meta.json").unlink(missing_ok=True)
    everybody = load_people(data)
    start = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # fresh processes read it: many small products, threads only wait
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, fresh, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        pairs = list(pool.map(partial(load_pair, data), [person.id for person in everybody], chunksize=4))
        smile_open = _complete_smiles(pairs, pool)
        _say(start, f"landmarks of {len(pairs)} people, {sum(smile_open)} open smiles")
        landmarks = np.stack([pair.landmarks for pair in pairs])
        layout, mirror = mean_layout(landmarks[:, NEUTRAL], landmarks[smile_open, SMILE])
        np.save(out / "layout.npy", layout)
        np.save(out / "mirror.npy", mirror)
        model_path = Path(data) / "ict" / "ict_facekit_light.npz"
        model = FaceModel(model_path)
        expr, names = expression_maps(model, layout)
        np.save(out / "expr.npy", expr)
        np.save(out / "identity.npy", identity_maps(model, layout))
        _say(start, f"{len(names)} expressions")

        chosen = everybody[:people]
        P = len(chosen)
        tex = _create(out / "tex.npy", np.uint8, (P, 2, CANVAS, CANVAS, 3))
        alpha = _create(out / "alpha.npy", np.uint8, (P, 2, CANVAS, CANVAS))
        pos = _create(out / "pos.npy", np.float16, (P, 2, GRID, GRID, 3))
        skin = _create(out / "skin.npy", np.uint8, (P, CANVAS, CANVAS))
        cheek, lidgap, mouthgap, errors = np.zeros((P, 3)), np.zeros((P, 2)), np.zeros((P, 2)), np.zeros((P, 2))
        work = pool.map(partial(_unwrap_one, model_path, layout), pairs[:P], smile_open[:P], chunksize=2)
        for p, sheet in enumerate(work):
            tex[p], alpha[p], pos[p], skin[p] = sheet["tex"], sheet["alpha"], sheet["pos"], sheet["skin"]
            cheek[p], lidgap[p], mouthgap[p], errors[p] = (sheet[k] for k in ("cheek", "lidgap", "mouthgap", "error"))
    for array in (tex, alpha, pos, skin):
        array.flush()
    for name, values in (("cheek", cheek), ("lidgap", lidgap), ("mouthgap", mouthgap)):
        np.save(out / f"{name}.npy", values.astype(np.float32))
    write_meta(
        out,
        ids=[person.id for person in chosen],
        held_out=[person.held_out for person in chosen],
        age=[None if math.isnan(person.age) else person.age for person in chosen],
        male=[int(person.male) for person in chosen],
        ethnicity=[person.ethnicity for person in chosen],
        smile_open=[bool(value) for value in smile_open[:P]],
        expression_names=names,
    )
    _say(start, f"{P} people; fit error neutral {np.median(errors[:, 0]):.1f}, smile {np.median(errors[:, 1]):.1f} px")


def _complete_smiles(pairs: list[Pair], pool: ProcessPoolExecutor) -> np.ndarray:
    """Repairs the smiles' landmarks in place and returns whose mouths are open, bool [P]."""
    landmarks = np.stack([pair.landmarks for pair in pairs])
    moved = repair_smiles(landmarks[:, SMILE] - landmarks[:, NEUTRAL], np.stack([pair.error for pair in pairs]))
    landmarks[:, SMILE] = landmarks[:, NEUTRAL] + moved
    found = list(pool.map(find_inner_lips, [pair.photos for pair in pairs], landmarks, chunksize=4))
    for pair, marks, (smile, _) in zip(pairs, landmarks, found, strict=True):
        pair.landmarks = np.stack([marks[NEUTRAL], smile])
    return np.array([is_open for _, is_open in found])


_shared: dict = {}  # per process: the model and the warp, made once


def _unwrap_one(model_path: Path, layout: np.ndarray, pair: Pair, smile_open: bool) -> dict:
    """Everything that the cache holds of one person."""
    if not _shared:
        _shared.update(model=FaceModel(model_path), warp=LayoutWarp(layout))
    model, warp = _shared["model"], _shared["warp"]
    fits = [fit_neutral(model, pair.landmarks[NEUTRAL])]
    fits.append(fit_smile(model, pair.landmarks[SMILE], fits[0]))
    tex, alpha, pos = [], [], []
    for photo, marks, fit in zip(pair.photos, pair.landmarks, fits, strict=True):
        colour, matte = cut_out(photo, marks)
        positions = position_map(model, fit, marks, matte)
        lookup = warp(marks)
        tex.append(_remap(colour, lookup, cv2.INTER_CUBIC))
        alpha.append(_remap(matte, lookup, cv2.INTER_LINEAR))
        # Grid point (i, j) lies between four canvas pixels, and so do the points of the position map.
        grid_lookup = (cv2.resize(lookup, (GRID, GRID), interpolation=cv2.INTER_AREA) - 0.5) * (GRID / CANVAS)
        pos.append(_remap(positions, grid_lookup, cv2.INTER_LINEAR))
    skin = skin_probability(pair.photos[NEUTRAL], pair.landmarks[NEUTRAL])
    skin = _remap(skin, warp(pair.landmarks[NEUTRAL]), cv2.INTER_LINEAR) * alpha[NEUTRAL]
    x, y = np.round(layout[list(template.CHEEK_LEFT + template.CHEEK_RIGHT)]).astype(int).T
    lids, mouths = np.array([_openings(pair.landmarks[k], fits[k]) for k in (NEUTRAL, SMILE)]).T
    return {
        "tex": np.stack(tex),
        "alpha": np.stack(alpha),
        "pos": np.stack(pos),
        "skin": np.round(skin),
        "cheek": cv2.GaussianBlur(tex[NEUTRAL], (0, 0), 5)[y, x].mean(0),
        "lidgap": lids,
        "mouthgap": (0.0, mouths[SMILE] if smile_open else 0.0),
        "error": [fit.error for fit in fits],
    }


def _openings(marks: np.ndarray, fit: Fit) -> tuple[np.floating, np.floating]:
    """Lid and inner-lip openings in model units; the lids lie near z = 9, the lips near z = 11."""
    lids = (np.linalg.norm(marks[20] - marks[29]) + np.linalg.norm(marks[25] - marks[32])) / 2
    lips = np.linalg.norm(marks[96] - marks[101])
    return lids / fit.pixels_per_unit(9.0), lips / fit.pixels_per_unit(11.0)


def _remap(image: np.ndarray, lookup: np.ndarray, interpolation: int) -> np.ndarray:
    return cv2.remap(  # type: ignore[call-overload]  # cv2's stubs know no map of pairs
        image, lookup, None, interpolation, borderMode=cv2.BORDER_REPLICATE
    )


def _create(path: Path, dtype: type, shape: tuple[int, ...]) -> np.memmap:
    return np.lib.format.open_memmap(path, "w+", dtype, shape)


def _say(start: float, text: str) -> None:
    print(f"[{time.monotonic() - start:5.1f} s] {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder with london/ and ict/")
    parser.add_argument("--out", required=True, help="folder for the cache")
    parser.add_argument("--people", type=int, help="only the first N people")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    build(options.data, options.out, options.people, options.processes)
