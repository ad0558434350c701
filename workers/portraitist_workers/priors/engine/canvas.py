"""The canvas cache: every person of the London set in one common layout.

All pictures live on one 512 x 512 canvas, whose landmarks are those of a symmetric mean face. So texel (y, x) is the
same spot of the face in every person. A new face is then a linear mix of arrays, a new view is a rasterised grid, and a
mirrored person is a reversed array. This is the folder that `build.py` writes:

===============  ==========================  =====================================================================
file             shape, type                 content
===============  ==========================  =====================================================================
``tex.npy``      [P, 2, 512, 512, 3] uint8   RGB foreground colour, free of background, extended past the silhouette
``alpha.npy``    [P, 2, 512, 512] uint8      matte, 255 = foreground
``pos.npy``      [P, 2, 256, 256, 3] f16     head-frame position of canvas pixel (2j + 0.5, 2i + 0.5) for grid (i, j)
``expr.npy``     [K, 256, 256, 3] f16        ICT expression offsets on the same grid, to be added to ``pos``
``identity.npy`` [20, 128, 128, 3] f16       ICT identity modes (one standard deviation each) on the mean of 2 x 2 grid points
``layout.npy``   [189, 2] float32            template points (x, y) in canvas pixels; names in ``template.py``
``mirror.npy``   [189] int64                 index of the mirror image of each point
``cheek.npy``    [P, 3] float32              mean RGB of the cheeks, neutral face, 0..255
``lidgap.npy``   [P, 2] float32              opening of the lids in ICT units (mean of both eyes)
``mouthgap.npy`` [P, 2] float32              gap between the inner lips in ICT units, 0 when closed
``skin.npy``     [P, 512, 512] uint8         soft skin probability (colour and alpha), neutral face
``meta.json``    -                           the fields of `Canvas` that are lists
===============  ==========================  =====================================================================

Axis 1 of size 2 is the expression: 0 = neutral, 1 = smile. Positions are in ICT units (about 1 cm) in a frame fixed to
the head. x is to the right in the image (the person's left), y up, z towards the camera. The nose tip is near z = 13 and
the ears near z = 0. The centre of pixel (row i, column j) has the coordinates (j, i). The crop that the FFHQ alignment
would cut is the central 341 pixels. To mirror a person: reverse the column axis, and negate x in positions.

Made from the Face Research Lab London Set (DeBruine & Jones 2017, doi 10.6084/m9.figshare.5047666.v5, CC-BY 4.0) and
ICT-FaceKit (USC Institute for Creative Technologies, MIT licence).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CANVAS = 512
GRID = 256
CROP = 341
N_POINTS = 189
SHAPES = 20  # identity modes: the others move the face by less than half a millimetre
NEUTRAL, SMILE = 0, 1

ARRAYS = ("tex", "alpha", "pos", "expr", "identity", "layout", "mirror", "cheek", "lidgap", "mouthgap", "skin")
LISTS = ("ids", "held_out", "age", "male", "ethnicity", "smile_open", "expression_names")


@dataclass(frozen=True)
class Canvas:
    """A loaded cache; the big arrays are memory maps (read-only). Shapes are in the module's table.

    `age` holds NaN where it is unknown; `smile_open[p]` says whether person p shows teeth when smiling.
    """

    ids: list[str]
    held_out: np.ndarray
    age: np.ndarray
    male: np.ndarray
    ethnicity: list[str]
    smile_open: np.ndarray
    expression_names: list[str]
    tex: np.ndarray
    alpha: np.ndarray
    pos: np.ndarray
    expr: np.ndarray
    identity: np.ndarray
    layout: np.ndarray
    mirror: np.ndarray
    cheek: np.ndarray
    lidgap: np.ndarray
    mouthgap: np.ndarray
    skin: np.ndarray

    @property
    def training(self) -> np.ndarray:
        """Indices of the people that training may use, int64 [P - held out]."""
        return np.flatnonzero(~self.held_out)

    def expression(self, name: str) -> int:
        """Index along the first axis of `expr` of the ICT expression called `name`."""
        return self.expression_names.index(name)

    @classmethod
    def load(cls, path: str | Path) -> Canvas:
        """Opens the cache in folder `path`.

        Raises FileNotFoundError if it is not a finished cache (`build.py` writes meta.json last).
        """
        folder = Path(path).expanduser()
        if not (folder / "meta.json").is_file():
            raise FileNotFoundError(
                f"no canvas cache in {folder}: meta.json is missing; "
                f"make one with: python -m portraitist_workers.priors.engine.build --data DIR --out {folder}"
            )
        meta = json.loads((folder / "meta.json").read_text())
        if meta["canvas"] != CANVAS or meta["grid"] != GRID:
            raise ValueError(
                f"the cache in {folder} has canvas {meta['canvas']} and grid {meta['grid']}, "
                f"but this code needs {CANVAS} and {GRID}: build it again"
            )
        if missing := [name for name in ARRAYS if not (folder / f"{name}.npy").is_file()]:
            raise FileNotFoundError(
                f"the cache in {folder} lacks {', '.join(missing)}: it is of an older version, build it again"
            )
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        return cls(
            ids=meta["ids"],
            held_out=np.array(meta["held_out"], bool),
            age=np.array([np.nan if age is None else age for age in meta["age"]], np.float32),
            male=np.array(meta["male"], np.float32),
            ethnicity=meta["ethnicity"],
            smile_open=np.array(meta["smile_open"], bool),
            expression_names=meta["expression_names"],
            **arrays,
        )


def write_meta(path: str | Path, **lists: list) -> None:
    """Writes meta.json, which marks the cache in folder `path` as finished. `lists` are the fields named in LISTS."""
    missing = set(LISTS) - set(lists)
    if missing:
        raise ValueError(f"meta.json of {path} lacks {sorted(missing)}: pass every field of LISTS")
    meta = {**lists, "canvas": CANVAS, "grid": GRID, "crop": CROP}
    (Path(path) / "meta.json").write_text(json.dumps(meta, indent=1))
