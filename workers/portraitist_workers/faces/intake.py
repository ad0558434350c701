"""A folder of photos -> the usable ones, aligned, and a verdict with figures on each.

Replaces MyStyle's align, filter, duplicate and pop-up scripts. Every threshold stands here with what it was measured on
in docs/photos.md. Per photo: decode, find all faces, crop each to the FFHQ frame. Over the set: find the person whom most
photos show, judge that person's face in each, drop near-duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch

from portraitist.errors import DownloadFailed, InvalidImage, PhotosUnusable
from portraitist.results import PhotoVerdict

from . import quality
from .align import Frame, crop, ffhq_frame
from .attributes import as_dict, load_attributes
from .detect import detect_faces
from .grouping import Person, find_person
from .identity import load_identity
from .image_io import decode_about, to_tensor
from .verdicts import missing_advice, refusal

MIN_PHOTOS, ENOUGH_PHOTOS = 3, 10
TOO_SMALL = 0.6        # side of the frame in photo px / side of the prior's pictures; below: refused
SMALL = 1.0            # below: warned
BLURRED = 1.8          # sigma in px of a 128 px crop (quality.blur_sigma); above: refused
SOFT = 1.55            # above: warned
DARK, BRIGHT = 35, 235  # mean luma of the face; outside: refused
FLAT = 32              # contrast of the face in grey levels; below: refused
CLIPPED = 0.30         # share of the face without detail, full or black; above: refused
DUPLICATE = 0.955      # quality.similarity; above: the sharper one stays
COVERED = 0.9          # probability that something covers the face; above: refused
MIN_FACE_SHARE = 0.35  # of the largest face in the photo: smaller ones are bystanders unless they are the person
_DECODE_SIDE = 1600    # px: larger JPEGs are decoded at a half, quarter or eighth, unless their faces turn out small

# A photo's name and its bytes, how to get them, or why there are none.
Source = tuple[str, bytes | Callable[[], bytes] | DownloadFailed]


@dataclass(eq=False)
class _Candidate:
    """One face in one photo."""

    photo: int
    frame: Frame            # in the photo's own px
    probability: float
    picture: np.ndarray     # [S, S, 3] uint8


@dataclass(frozen=True, eq=False)
class AcceptedPhoto:
    """A usable photo of the person."""

    index: int                      # into the photos given
    name: str
    frame: Frame                    # of the person's face in the photo's px
    picture: np.ndarray             # [S, S, 3] uint8, aligned crop at the prior's resolution
    attributes: dict[str, float]
    embedding: np.ndarray           # [D] unit vector


@dataclass(frozen=True, eq=False)
class Intake:
    """What came of the photos. `verdicts` has one entry per photo, in the order given."""

    verdicts: list[PhotoVerdict]
    accepted: list[AcceptedPhoto]
    warnings: list[str]
    networks: dict[str, str]
    identity_mean: np.ndarray | None = field(default=None)  # [D] unit vector of the person


def check_photos(photos: Sequence[Source], *, side: int = 128, on_step: Callable[[int, int, str], None] | None = None,
                 minimum: int = MIN_PHOTOS) -> Intake:
    """Judge `photos` for learning one person at `side` px.

    on_step(done, total, name) is called after each photo and may raise to stop. Raises PhotosUnusable, with all verdicts,
    when fewer than `minimum` photos are usable. Nothing about a photo raises: it gets a verdict.
    """
    total = len(photos)
    verdicts: list[PhotoVerdict | None] = [None] * total
    candidates: list[_Candidate] = []
    for index, found in enumerate(_faces_of_each(photos, side)):
        name = photos[index][0]
        if isinstance(found, (InvalidImage, DownloadFailed)):
            code = "not_fetched" if isinstance(found, DownloadFailed) else "undecodable"
            verdicts[index] = PhotoVerdict(name=name, accepted=False, code=code, reason=found.message)
        elif not found:
            verdicts[index] = refusal(name, "no_face")
        else:
            candidates += [_Candidate(index, frame, p, picture) for frame, p, picture in found]
        if on_step is not None:
            on_step(index + 1, total, name)

    accepted: list[AcceptedPhoto] = []
    mean = None
    networks: dict[str, str] = {}
    if candidates:
        accepted, mean, networks = _judge_faces(photos, candidates, verdicts, side)
    finished = [v for v in verdicts if v is not None]
    if len(accepted) < minimum:
        raise PhotosUnusable(
            f"only {len(accepted)} of {total} photos can be used, {minimum} are needed. {_summary(finished)} Add clear photos "
            "of one person, face at least as large as a thumbnail, eyes and mouth uncovered.",
            photos=[v.model_dump() for v in finished])
    warnings = []
    if len(accepted) < ENOUGH_PHOTOS:
        warnings.append(f"{len(accepted)} usable photos; from {ENOUGH_PHOTOS} on, results are clearly better. "
                        + missing_advice([photo.attributes for photo in accepted]))
    return Intake(finished, accepted, warnings, networks, mean)


def _faces_of_each(photos: Sequence[Source], side: int) -> Iterator[InvalidImage | DownloadFailed | list[tuple[Frame, float, np.ndarray]]]:
    """Per photo its faces (frame in photo px, probability, crop), or why it could not be had or decoded.

    The next photo is decoded while the faces of this one are sought.
    """
    with ThreadPoolExecutor(max_workers=1) as ahead:
        def submit(index: int):
            name, data = photos[index]
            return ahead.submit(_decoded, name, data() if callable(data) else data)

        pending = submit(0) if photos else None
        for index in range(len(photos)):
            assert pending is not None
            result = pending.result()
            pending = submit(index + 1) if index + 1 < len(photos) else None
            if isinstance(result, (InvalidImage, DownloadFailed)):
                yield result
                continue
            image, factor = result
            faces = detect_faces(image)
            frames = [ffhq_frame(face.points) for face in faces]
            if factor > 1 and frames and max(f.size for f in frames) < 1.5 * side:  # too coarse a decode for this face
                name, data = photos[index]
                full = _decoded(name, data() if callable(data) else data, max_side=None)
                assert not isinstance(full, (InvalidImage, DownloadFailed))
                image, frames, factor = full[0], [f.scaled(factor) for f in frames], 1.0
            largest = max((f.size for f in frames), default=0)
            yield [(f.scaled(factor), face.probability, crop(image, f, side)) for f, face in zip(frames, faces, strict=True)
                   if f.size >= MIN_FACE_SHARE * largest or f.size * factor >= side]


def _decoded(name: str, data: bytes | DownloadFailed, max_side: int | None = _DECODE_SIDE
             ) -> tuple[np.ndarray, float] | InvalidImage | DownloadFailed:
    """The picture and by how much it was shrunk in decoding."""
    if isinstance(data, DownloadFailed):
        return data
    try:
        return decode_about(data, name, max_side)
    except InvalidImage as error:
        return error


@torch.no_grad()
def _judge_faces(photos: Sequence[Source], candidates: list[_Candidate], verdicts: list[PhotoVerdict | None],
                 side: int) -> tuple[list[AcceptedPhoto], np.ndarray, dict[str, str]]:
    """Fills `verdicts` of photos with faces; returns the accepted ones, the person's mean embedding and the networks used."""
    identity, attributes = load_identity(), load_attributes()
    tensors = to_tensor(np.stack([c.picture for c in candidates]))
    embeddings = torch.cat([identity(x) for x in tensors.split(32)]).cpu().numpy()
    person = find_person(embeddings, [c.photo for c in candidates], [c.frame.size for c in candidates], identity.same_person)

    own = list(person.face_of.values())
    theirs = tensors[torch.tensor(own, dtype=torch.long)]
    values = torch.cat([attributes(x)[0] for x in theirs.split(32)])
    covered = torch.cat([attributes.occlusion(x) for x in theirs.split(32)]).tolist()
    measured = {face: (as_dict(attributes, values[k]), covered[k]) for k, face in enumerate(own)}

    for photo in sorted({c.photo for c in candidates} - set(person.face_of)):
        faces = [i for i, c in enumerate(candidates) if c.photo == photo]
        figures = {"faces": float(len(faces)), "identity": round(float(max(person.cosines[i] for i in faces)), 3)}
        verdicts[photo] = refusal(photos[photo][0], "other_person", figures)

    usable: list[AcceptedPhoto] = []
    for photo, face in person.face_of.items():
        candidate, (attribute_values, hidden) = candidates[face], measured[face]
        count = sum(c.photo == photo for c in candidates)
        verdict = _judge(photos[photo][0], candidate, person, face, hidden, count, side)
        verdict.attributes.update(attribute_values)
        verdicts[photo] = verdict
        if verdict.accepted:
            usable.append(AcceptedPhoto(photo, photos[photo][0], candidate.frame, candidate.picture, attribute_values,
                                        embeddings[face]))
    kept = _without_duplicates(usable, verdicts)
    return kept, person.mean, {"identity": identity.name, "attributes": attributes.name}


def _judge(name: str, face: _Candidate, person: Person, index: int, covered: float, faces: int, side: int) -> PhotoVerdict:
    """The verdict on the person's face in one photo, the first fault that applies."""
    light = quality.exposure(face.picture)
    figures = {"face_px": round(face.frame.size, 1), "blur": round(quality.blur_sigma(face.picture), 2),
               "brightness": round(light.brightness, 1), "contrast": round(light.contrast, 1), "clipped": round(light.clipped, 3),
               "identity": round(float(person.cosines[index]), 3), "covered": round(covered, 3), "faces": float(faces),
               "detection": round(face.probability, 4)}
    code = "ok"
    if face.frame.size < TOO_SMALL * side:
        code = "too_small"
    elif figures["blur"] > BLURRED:
        code = "blurred"
    elif not DARK <= light.brightness <= BRIGHT or light.contrast < FLAT or light.clipped > CLIPPED:
        code = "exposure"
    elif covered > COVERED:
        code = "occluded"
    if code != "ok":
        return refusal(name, code, figures, least_px=TOO_SMALL * side)
    warnings = []
    if face.frame.size < SMALL * side:
        warnings.append(f"the face is {face.frame.size:.0f} px, smaller than the {side} px the model learns at")
    if figures["blur"] > SOFT:
        warnings.append("slightly blurred")
    if faces > 1:
        warnings.append(f"{faces - 1} other face{'s' if faces > 2 else ''} set aside")
    return PhotoVerdict(name=name, accepted=True, figures=figures, warnings=warnings)


def _without_duplicates(usable: list[AcceptedPhoto], verdicts: list[PhotoVerdict | None]) -> list[AcceptedPhoto]:
    """Of photos that are copies of one another the sharpest stays; the others' verdicts change to `duplicate`."""
    def blur(photo: AcceptedPhoto) -> float:
        verdict = verdicts[photo.index]
        return verdict.figures["blur"] - 0.002 * verdict.figures["face_px"] if verdict else 0.0

    kept: list[tuple[AcceptedPhoto, np.ndarray]] = []
    for photo in sorted(usable, key=lambda p: (blur(p), p.index)):
        mark = quality.signature(photo.picture)
        twin, likeness = max(((other, quality.similarity(mark, m)) for other, m in kept), key=lambda t: t[1], default=(None, 0.0))
        verdict = verdicts[photo.index]
        assert verdict is not None
        if twin is not None and likeness > DUPLICATE:
            figures = verdict.figures | {"similarity": round(likeness, 4)}
            verdicts[photo.index] = refusal(photo.name, "duplicate", figures, twin=twin.name)
        else:
            kept.append((photo, mark))
    return sorted((photo for photo, _ in kept), key=lambda p: p.index)


def _summary(verdicts: list[PhotoVerdict]) -> str:
    counts: dict[str, int] = {}
    for verdict in verdicts:
        if not verdict.accepted:
            counts[verdict.code] = counts.get(verdict.code, 0) + 1
    return "Refused: " + ", ".join(f"{n} {code}" for code, n in counts.items()) + "." if counts else "There are no others."
