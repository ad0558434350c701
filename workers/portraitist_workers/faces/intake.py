"""A folder of photos -> the usable ones, aligned, and a verdict with figures on each.

Replaces MyStyle's align, filter, duplicate and pop-up scripts. Every threshold stands here with what it was measured on
in docs/photos.md. Per photo: decode, find all faces, crop each to the FFHQ frame. Over the set: find the person whom most
photos show (or one who is known already), judge that person's face in each, drop near-duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import DownloadFailed, InvalidImage, PhotosUnusable
from portraitist.results import PhotoVerdict

from . import quality
from .align import Frame, crop, ffhq_frame, inside
from .attributes import as_dict, load_attributes
from .covers import Cover, find_covers
from .detect import detect_faces
from .grouping import RIVAL, Person, find_known, find_person
from .hands import load_hands
from .identity import load_identity
from .image_io import decode_about, to_tensor
from .mesh import load_mesh
from .verdicts import perhaps_two, refusal, seems_another, somebody_else, too_few, two_people
from .weighing import BLURRED, weigh

MIN_PHOTOS, ENOUGH_PHOTOS = 3, 10
LEAST_PX = 77  # side of the frame in photo px (a face of about 45 px); below: refused
WIDTHS = 1.7  # of a face, in the frame's side
LEAST_SHARE = 0.35  # ... and of the side of the prior's pictures
DUPLICATE = 0.955  # quality.similarity; above: the sharper one stays
MIN_FACE_SHARE = 0.35  # of the largest face in the photo: those that are smaller, and too small, are bystanders
CLOSE = 512  # px: side of what is kept of a photo's detail, at most
_DECODE_SIDE = 1600  # px: larger JPEGs are decoded at a half, quarter or eighth, unless their faces turn out small

# A photo's name and its bytes, how to get them, or why there are none.
Source = tuple[str, bytes | Callable[[], bytes] | DownloadFailed]


_Found = tuple[Frame, float, np.ndarray, np.ndarray, np.ndarray]  # the fields of a _Candidate after the first


@dataclass(eq=False)
class _Candidate:
    """One face in one photo."""

    photo: int
    frame: Frame  # in the photo's own px
    probability: float
    picture: np.ndarray  # [S, S, 3] uint8
    inside: np.ndarray  # [S, S] float32: 1 where it shows the photo (align.inside)
    close: np.ndarray  # [C, C, 3] uint8: the same crop at the photo's own size, C at most CLOSE


@dataclass(frozen=True, eq=False)
class AcceptedPhoto:
    """A usable photo of the person."""

    index: int  # into the photos given
    name: str
    frame: Frame  # of the person's face in the photo's px
    picture: np.ndarray  # [S, S, 3] uint8, aligned crop at the prior's resolution
    attributes: dict[str, float]
    embedding: np.ndarray  # [D] unit vector
    known: np.ndarray  # [S, S] float32: 1 where a pixel is the person's or their surroundings', 0 where it is not
    weight: float  # how much the photo counts, up to 1
    close: np.ndarray  # [C, C, 3] uint8: `picture` at the photo's own size, C at most CLOSE


@dataclass(frozen=True, eq=False)
class Known:
    """The person, as learnt from N earlier photos: `names`, `embeddings` [N, D], `pictures` of them [N, S, S, 3] uint8, what they show."""

    names: Sequence[str]
    embeddings: np.ndarray
    pictures: np.ndarray
    attributes: Sequence[dict[str, float]]


@dataclass(frozen=True, eq=False)
class Intake:
    """What came of the photos. `verdicts` has one entry per photo, in the order given."""

    verdicts: list[PhotoVerdict]
    accepted: list[AcceptedPhoto]
    warnings: list[str]
    networks: dict[str, str]


def check_photos(
    photos: Sequence[Source],
    *,
    side: int = 128,
    on_step: Callable[[int, int, str, list[PhotoVerdict]], None] | None = None,
    minimum: int = MIN_PHOTOS,
    person: str | None = None,
    keep: Sequence[str] = (),
    known: Known | None = None,
    given: Mapping[str, str] | None = None,
) -> Intake:
    """Judge `photos` for learning one person at `side` px.

    * `person`: name of a photo whose largest face is the one who is meant. None: who is in most photos.
    * `keep`: names of photos to use whatever is found, if they show a face at all.
    * `known`: the person, if they were learnt before. A face is theirs when it is like these. A copy of these is a duplicate.
    * `given`: names of photos -> how the caller named them, where that is not the same. Advice uses these.

    on_step(done, total, name, verdicts so far) is called after each photo, and once with all verdicts. It may raise to stop.
    Raises PhotosUnusable, with all verdicts, when fewer than `minimum` photos are usable or two people are in about as many.
    Nothing about a photo raises: it gets a verdict.
    """
    total = len(photos)
    verdicts: list[PhotoVerdict | None] = [None] * total
    candidates: list[_Candidate] = []
    for index, found in enumerate(_faces_of_each(photos, side)):
        name = photos[index][0]
        if isinstance(found, (InvalidImage, DownloadFailed)):
            code = "not_fetched" if isinstance(found, DownloadFailed) else "undecodable"
            verdicts[index] = PhotoVerdict(name=name, accepted=False, code=code, reason=found.message, weight=0.0)
        elif not found:
            verdicts[index] = refusal(name, "no_face")
        else:
            candidates += [_Candidate(index, *face) for face in found]
        if on_step is not None:
            on_step(index + 1, total, name, [v for v in verdicts if v is not None])

    names = [name for name, _ in photos]
    named = names.index(person) if person is not None else None
    if named is not None and not any(c.photo == named for c in candidates):
        raise PhotosUnusable(
            f"no face was found in '{person}', which was to say who is meant: name another photo",
            photos=[v.model_dump() for v in verdicts if v is not None],
        )
    accepted: list[AcceptedPhoto] = []
    networks: dict[str, str] = {}
    warnings: list[str] = []
    if candidates:
        own = _whose(candidates, named, [i for i, name in enumerate(names) if name in keep], known)
        accepted, networks = _judge_faces(names, candidates, own, set(keep), verdicts, side, known, given or {})
        warnings = _said(own, names, verdicts)
    finished = [v for v in verdicts if v is not None]
    if on_step is not None:
        on_step(total, total, "", finished)
    if len(accepted) < minimum:
        raise PhotosUnusable(
            f"only {len(accepted)} of {total} photos can be used, {minimum} {'are' if minimum > 1 else 'is'} needed. "
            f"{_summary(finished)} Add clear photos of one person, face at least as large as a thumbnail, eyes and mouth uncovered.",
            photos=[v.model_dump() for v in finished],
        )
    if named is None and own.ambiguous:
        raise PhotosUnusable(
            two_people([names[i] for i in own.face_of], [names[i] for i in own.rivals[0].photos]),
            photos=[v.model_dump() for v in finished],
        )
    shown = [*(known.attributes if known else ()), *(photo.attributes for photo in accepted)]
    warnings += too_few(shown, ENOUGH_PHOTOS)
    return Intake(finished, accepted, warnings, networks)


def _faces_of_each(photos: Sequence[Source], side: int) -> Iterator[InvalidImage | DownloadFailed | list[_Found]]:
    """Per photo its faces (frame in photo px, probability, crop, `align.inside`, close crop), or why there is no picture.

    The next photo is decoded while the faces of this one are sought.
    """
    with ThreadPoolExecutor(max_workers=1) as ahead:

        def submit(index: int) -> Future:
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
            yield [
                (
                    f.scaled(factor),
                    face.probability,
                    crop(image, f, side),
                    inside(image.shape[:2], f, side),
                    crop(image, f, min(CLOSE, max(round(f.size), 1))),
                )
                for f, face in zip(frames, faces, strict=True)
                if f.size >= MIN_FACE_SHARE * largest or f.size * factor >= _least(side)
            ]


def _least(side: int) -> float:
    """Side in photo px of the smallest frame that can be used for a prior of `side` px."""
    return max(LEAST_PX, LEAST_SHARE * side)


def _decoded(
    name: str, data: bytes | DownloadFailed, max_side: int | None = _DECODE_SIDE
) -> tuple[np.ndarray, float] | InvalidImage | DownloadFailed:
    """The picture and by how much it was shrunk in decoding."""
    if isinstance(data, DownloadFailed):
        return data
    try:
        return decode_about(data, name, max_side)
    except InvalidImage as error:
        return error


@torch.no_grad()
def _whose(candidates: list[_Candidate], named: int | None, kept: Sequence[int], known: Known | None) -> Person:
    """The person among all faces."""
    identity = load_identity()
    tensors = to_tensor(np.stack([c.picture for c in candidates]))
    embeddings = torch.cat([identity(x) for x in tensors.split(32)]).cpu().numpy()
    if known is not None:
        return find_known(known.embeddings, embeddings, [c.photo for c in candidates], identity.same_person, kept=kept)
    return find_person(
        embeddings,
        [c.photo for c in candidates],
        [c.frame.size for c in candidates],
        identity.same_person,
        named=named,
        kept=kept,
    )


def _said(person: Person, names: list[str], verdicts: Sequence[PhotoVerdict | None]) -> list[str]:
    """What is doubtful about who it is."""
    warnings = [somebody_else([names[i] for i in rival.photos]) for rival in person.rivals]
    # Blurred photos are alike for being blurred.
    clear = {i for i, v in enumerate(verdicts) if v is not None and v.accepted and v.figures["blur"] <= BLURRED}
    halves = [[names[i] for i in half if i in clear] for half in person.halves or ()]
    if halves and min(map(len, halves)) >= RIVAL:
        warnings.append(perhaps_two(*halves))
    return warnings


@torch.no_grad()
def _judge_faces(
    names: list[str],
    candidates: list[_Candidate],
    person: Person,
    keep: set[str],
    verdicts: list[PhotoVerdict | None],
    side: int,
    known: Known | None,
    given: Mapping[str, str],
) -> tuple[list[AcceptedPhoto], dict[str, str]]:
    """Fills `verdicts` of photos with faces; returns the accepted ones and the networks used."""
    identity, attributes, mesh = load_identity(), load_attributes(), load_mesh()
    for photo in sorted({c.photo for c in candidates} - set(person.face_of)):
        faces = [i for i, c in enumerate(candidates) if c.photo == photo]
        likest = max(faces, key=lambda i: person.cosines[i])
        figures = _figures(candidates[likest]) | {
            "faces": float(len(faces)),
            "identity": round(float(person.cosines[likest]), 3),
        }
        others = "the photos that the person was learnt from" if known else "most of the photos"
        verdicts[photo] = refusal(
            names[photo],
            "other_person",
            figures,
            given=given.get(names[photo]),
            least=identity.same_person,
            seems=seems_another(figures["blur"], BLURRED, others),
        )
    networks = {"identity": identity.name, "attributes": attributes.name}
    if not person.face_of:
        return [], networks

    pictures = np.stack([candidates[face].picture for face in person.face_of.values()])
    tensors = to_tensor(pictures)
    values = torch.cat([attributes(x)[0] for x in tensors.split(32)])
    meshes = [mesh(x) for x in tensors.split(32)]
    presence = torch.cat([m.presence for m in meshes]).tolist()
    hands = load_hands()(tensors)
    covers = _covers(pictures, torch.cat([m.points for m in meshes]), known)
    usable: list[AcceptedPhoto] = []
    usual = float(np.median(person.cosines[list(person.face_of.values())]))
    for k, (photo, face) in enumerate(person.face_of.items()):
        candidate, name = candidates[face], names[photo]
        count = sum(c.photo == photo for c in candidates)
        figures = _figures(candidate) | {
            "identity": round(float(person.cosines[face]), 3),
            "faces": float(count),
            "presence": round(presence[k], 3),
        }
        if candidate.frame.size < _least(side) and name not in keep:
            verdict = refusal(name, "too_small", figures, least_px=_least(side), least_width=_least(side) / WIDTHS)
        else:
            weighed = weigh(
                figures,
                candidate.inside,
                hands[k],
                count,
                cover=covers[k],
                unlike=usual - float(person.cosines[face]),
            )
            verdict = PhotoVerdict(
                name=name, accepted=True, figures=figures, warnings=weighed.notes, weight=weighed.weight
            )
            usable.append(
                AcceptedPhoto(
                    photo,
                    name,
                    candidate.frame,
                    candidate.picture,
                    as_dict(attributes, values[k]),
                    person.embeddings[face],
                    weighed.known,
                    weighed.weight,
                    candidate.close,
                )
            )
        verdict.attributes.update(as_dict(attributes, values[k]))
        verdicts[photo] = verdict
    return _without_duplicates(usable, verdicts, keep, known), networks


def _covers(pictures: np.ndarray, points: Tensor, known: Known | None) -> list[Cover | None]:
    """What is before the face in each of `pictures` [N, S, S, 3], whose meshes are `points` [N, 478, 3], and in those of before."""
    if known is not None:
        pictures = np.concatenate([pictures, known.pictures])
        points = torch.cat([points, *(load_mesh()(x).points for x in to_tensor(known.pictures).split(32))])
    return find_covers(pictures, points.double().cpu().numpy())


def _figures(face: _Candidate) -> dict[str, float]:
    light = quality.exposure(face.picture)
    return {
        "face_px": round(face.frame.size, 1),
        "blur": round(quality.blur_sigma(face.picture), 2),
        "brightness": round(light.brightness, 1),
        "contrast": round(light.contrast, 1),
        "clipped": round(light.clipped, 3),
        "detection": round(face.probability, 4),
    }


def _without_duplicates(
    usable: list[AcceptedPhoto], verdicts: list[PhotoVerdict | None], keep: set[str], known: Known | None
) -> list[AcceptedPhoto]:
    """Of photos that are copies of one another the sharpest stays, of a known one none; the others' verdicts change to `duplicate`."""

    def blur(photo: AcceptedPhoto) -> float:
        verdict = verdicts[photo.index]
        return verdict.figures["blur"] - 0.002 * verdict.figures["face_px"] if verdict else 0.0

    seen = [(name, quality.signature(p)) for name, p in zip(known.names, known.pictures, strict=True)] if known else []
    kept: list[AcceptedPhoto] = []
    for photo in sorted(usable, key=lambda p: (blur(p), p.index)):
        mark = quality.signature(photo.picture)
        twin, likeness = max(
            ((other, quality.similarity(mark, m)) for other, m in seen), key=lambda t: t[1], default=("", 0.0)
        )
        verdict = verdicts[photo.index]
        assert verdict is not None
        if likeness > DUPLICATE and photo.name not in keep:
            figures = verdict.figures | {"similarity": round(likeness, 4)}
            verdicts[photo.index] = refusal(photo.name, "duplicate", figures, twin=twin)
        else:
            kept.append(photo)
            seen.append((photo.name, mark))
    return sorted(kept, key=lambda p: p.index)


def _summary(verdicts: list[PhotoVerdict]) -> str:
    counts: dict[str, int] = {}
    for verdict in verdicts:
        if not verdict.accepted:
            counts[verdict.code] = counts.get(verdict.code, 0) + 1
    return (
        "Refused: " + ", ".join(f"{n} {code}" for code, n in counts.items()) + "." if counts else "There are no others."
    )
