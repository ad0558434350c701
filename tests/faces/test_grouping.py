"""Who is meant: faces gathered into people, on made-up unit vectors of people whose cosines are known."""

from __future__ import annotations

import time

import numpy as np
import pytest

from portraitist_workers.faces.grouping import RIVAL, find_person
from portraitist_workers.faces.verdicts import perhaps_two, two_people

SAME = 0.58  # the bundled recogniser's


def faces_of(*people: tuple[int, float], like: float = 0.0, seed: int = 0, size: int = 128) -> np.ndarray:
    """[F, size] unit vectors: of each person (count, mean cosine of two of their photos); two people's have a mean cosine of `like`."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((size, size)))[0]
    shared, own, found = basis[0], basis[1 : 1 + len(people)], []
    for middle, (count, cosine) in zip(own, people, strict=True):
        noise = rng.standard_normal((count, size)) @ (
            np.eye(size) - basis[: 1 + len(people)].T @ basis[: 1 + len(people)]
        )
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        found.append(like**0.5 * shared + (cosine - like) ** 0.5 * middle + (1 - cosine) ** 0.5 * noise)
    return np.concatenate(found)


def people_in(person, owners) -> set[str]:
    return {owners[face] for face in person.face_of.values()}


def test_strangers_mixed_in_are_left_out():
    """As many other people as the person has photos, one photo each; the vectors are as alike as those of real photos."""
    vectors = faces_of((8, 0.8), *[(1, 0.8)] * 8, like=0.2)
    order = np.random.default_rng(1).permutation(16)
    owners = np.array(["ana"] * 8 + [f"other-{n}" for n in range(8)])[order]
    person = find_person(vectors[order], range(16), [100.0] * 16, SAME)
    assert len(person.face_of) == 8 and people_in(person, owners) == {"ana"}
    assert not person.ambiguous and person.rivals == [] and person.halves is None
    assert person.cosines[owners == "ana"].min() > SAME > person.cosines[owners != "ana"].max()


def test_one_person_over_many_years_holds_together():
    """Photos of the first and the last year are less alike than SAME; those in between join them."""
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((128, 40)))[0].T
    angle = np.linspace(0, 1.25, 20)[:, None]
    aged = np.cos(angle) * basis[0] + np.sin(angle) * basis[1]
    vectors = 0.85**0.5 * aged + 0.15**0.5 * basis[2:22]
    assert vectors[0] @ vectors[-1] < 0.4 < SAME
    person = find_person(vectors, range(20), [100.0] * 20, SAME)
    assert len(person.face_of) >= 18


def test_two_people_half_and_half_are_a_question_not_a_choice():
    vectors = faces_of((6, 0.8), (6, 0.8), like=0.3)
    names = [f"ana-{n}.jpg" for n in range(6)] + [f"ben-{n}.jpg" for n in range(6)]
    person = find_person(vectors, range(12), [100.0] * 12, SAME)
    assert person.ambiguous and len(person.rivals) == 1
    said = two_people([names[i] for i in person.face_of], [names[i] for i in person.rivals[0].photos])
    assert "'ana-0.jpg'" in said and "'ben-0.jpg'" in said and "person='" in said and "--person '" in said
    fewer = find_person(vectors[:9], range(9), [100.0] * 9, SAME)  # negative control: half as many of the other
    assert not fewer.ambiguous and [len(g.face_of) for g in fewer.rivals] == [RIVAL]


@pytest.mark.parametrize(("named", "expected"), [(0, range(6)), (8, range(6, 12)), (14, range(12, 16))])
def test_a_named_photo_says_who_is_meant(named, expected):
    vectors = faces_of((6, 0.8), (6, 0.8), (4, 0.8), like=0.3)
    assert list(find_person(vectors, range(16), [100.0] * 16, SAME, named=named).face_of) == list(expected)


def test_of_a_named_group_photo_the_largest_face_is_meant():
    vectors = faces_of((4, 0.8), (4, 0.8), like=0.3)
    for large, expected in ((0, set(range(4))), (4, set(range(4, 8)))):
        sizes = [200.0 if face == large else 100.0 for face in range(8)]
        person = find_person(vectors, [0, 1, 2, 3, 0, 4, 5, 6], sizes, SAME, named=0)
        assert set(person.face_of.values()) == expected


def test_twins_are_said_as_doubt():
    """Two people who are more alike than SAME fall into one group; that they may be two is said with both halves' names."""
    vectors = faces_of((5, 0.86), (5, 0.86), like=0.68)
    person = find_person(vectors, range(10), [100.0] * 10, SAME)
    assert sorted(map(sorted, person.halves or ())) == [list(range(5)), list(range(5, 10))]
    said = perhaps_two(*[[f"{i}.jpg" for i in half] for half in person.halves])
    assert "'0.jpg'" in said and "'5.jpg'" in said and "two people" in said
    alone = find_person(faces_of((10, 0.8)), range(10), [100.0] * 10, SAME)  # negative control: one person
    assert len(alone.face_of) == 10 and alone.halves is None


def test_two_faces_of_one_photo_are_never_one_person():
    """Twins beside each other in every photo: however alike, the person has one face in each."""
    vectors = faces_of((6, 0.9), (6, 0.9), like=0.88)
    photos = [*range(6), *range(6)]
    person = find_person(vectors, photos, [100.0] * 12, SAME)
    assert sorted(person.face_of) == list(range(6)) and all(
        photos[face] == photo for photo, face in person.face_of.items()
    )
    assert person.ambiguous


def test_kept_photos_are_the_persons_whatever_the_network_says():
    vectors = faces_of((6, 0.8), (1, 0.8), (1, 0.8), like=0.1)
    kept = find_person(vectors, [0, 1, 2, 3, 4, 5, 6, 6], [100.0] * 8, SAME, kept=[6])
    assert set(kept.face_of) == set(range(7)) and kept.face_of[6] == max(
        (6, 7), key=lambda f: (vectors[:6] @ vectors[f]).mean()
    )
    assert set(find_person(vectors, [0, 1, 2, 3, 4, 5, 6, 6], [100.0] * 8, SAME).face_of) == set(range(6))


def test_kept_photos_are_nobody_elses():
    """Who is said to be left out must not be who is used."""
    vectors = faces_of((6, 0.8), (RIVAL, 0.8), like=0.1)
    photos, sizes = range(6 + RIVAL), [100.0] * (6 + RIVAL)
    assert len(find_person(vectors, photos, sizes, SAME).rivals) == 1
    assert find_person(vectors, photos, sizes, SAME, kept=range(6, 6 + RIVAL)).rivals == []


def test_five_hundred_photos_of_a_family_take_seconds():
    vectors = faces_of(*[(125, 0.8)] * 4, like=0.4)
    begun = time.process_time()
    person = find_person(vectors, range(500), [100.0 + (n < 125) for n in range(500)], SAME)
    assert time.process_time() - begun < 5
    assert list(person.face_of) == list(range(125)) and len(person.rivals) == 3


def scattered(centre: np.ndarray, spread: float, count: int, rng: np.random.Generator) -> np.ndarray:
    faces = centre / np.linalg.norm(centre) + spread * rng.standard_normal((count, len(centre))) / np.sqrt(len(centre))
    return faces / np.linalg.norm(faces, axis=1, keepdims=True)


def test_the_person_in_most_photos_is_found_among_others():
    rng = np.random.default_rng(0)
    ana, ben, eve = (v / np.linalg.norm(v) for v in rng.standard_normal((3, 64)))
    faces = np.concatenate([scattered(ana, 0.8, 9, rng), scattered(ben, 0.8, 4, rng), scattered(eve, 0.8, 2, rng)])
    photo_of = [
        *range(9),
        0,
        1,
        2,
        9,
        10,
        11,
    ]  # Ben stands beside Ana in three photos and alone in one, Eve alone in two
    person = find_person(faces, photo_of, [100.0] * 9 + [300.0] * 6, 0.4)
    assert person.face_of == {i: i for i in range(9)}
    assert person.cosines[:9].min() > 0.4 > person.cosines[9:].max()


def test_equally_many_photos_the_larger_faces_win():
    rng = np.random.default_rng(1)
    ana, ben = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 64)))
    faces = np.concatenate([scattered(ana, 0.3, 4, rng), scattered(ben, 0.3, 4, rng)])
    person = find_person(faces, [0, 1, 2, 3, 0, 1, 2, 3], [100.0] * 4 + [180.0] * 4, 0.5)
    assert set(person.face_of.values()) == {4, 5, 6, 7}


def test_a_face_does_not_vouch_for_itself():
    rng = np.random.default_rng(2)
    faces = scattered(rng.standard_normal(64), 0.5, 3, rng)
    alone = find_person(faces, [0, 1, 2], [100.0] * 3, 0.3)
    assert (alone.cosines < (faces @ faces.T).mean(1) - 0.02).all()
