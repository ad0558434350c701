"""Regions as handles: they go as a whole, by the word of a network that takes no part; each has one line of the report."""

import numpy as np
import pytest
import torch

from portraitist.errors import InvalidRequest
from portraitist.pulls import MOST, REGIONS, By, pulls
from portraitist.requests import Pull
from portraitist_workers.drag.canvas import Canvas
from portraitist_workers.drag.draggan import draggan
from portraitist_workers.drag.dragged import ended, point_reports
from portraitist_workers.drag.grips import Grip, within
from portraitist_workers.drag.landmarks import POINTS, parts


@pytest.fixture(scope="module")
def canvas(portrait):
    return Canvas.of_portrait(portrait.w, portrait.prior.generator, portrait.image)


def seen(image, name):
    """[N, 2] px: the region's points, by the mesh."""
    return 128 * torch.tensor(parts(image)[name])


def pulled(canvas, *asked):
    task = canvas.task(pulls(asked), None)
    *_, last = draggan(canvas.synthesis, canvas.w, task)
    return task, last


@pytest.mark.parametrize(("name", "by"), [("mouth", (0, -3)), ("brows", (0, -3)), ("whole_nose", (4, 0))])
def test_a_named_region_goes_as_a_whole(canvas, portrait, name, by):
    task, last = pulled(canvas, (name, By(*by)))
    (report,) = point_reports(canvas, task, last)
    way = torch.tensor(by, dtype=torch.float32)
    assert np.allclose(np.subtract(report.target, report.handle), by, atol=0.02)
    assert report.end == "arrived" and report.left < 0.6
    moved = seen(portrait.draw(last.w_plus), name) - seen(portrait.image, name)
    assert (moved.mean(0) - way).norm() < 0.4 * way.norm()
    assert ((moved - way).norm(dim=1) < 0.7 * way.norm()).all()  # all of it, not its middle alone


def test_a_box_is_its_points_and_its_middle_may_have_a_place(canvas):
    box, by = (44.0, 80.0, 84.0, 96.0), torch.tensor([2.0, 1.0]) / 128
    task = canvas.task(pulls([(box, By(2, 1))]), None)
    assert len(task.handles) == 6 and torch.allclose(task.targets - task.handles, by.expand(6, 2), atol=1e-4)
    to = canvas.task(pulls([(box, (66, 89))]), None)  # its middle is at 64, 88
    assert torch.allclose(to.targets, task.targets, atol=1e-4)
    aimed = canvas.aimed([Pull(handle=box, to=(70, 88))], task)
    assert torch.allclose(aimed - task.handles, torch.tensor([6.0, 0.0]) / 128, atol=1e-4)


def test_points_of_a_box():
    assert within((0, 0, 30, 20), 128) == [(5, 5), (15, 5), (25, 5), (5, 15), (15, 15), (25, 15)]
    assert len(within((0, 0, 20, 30), 128)) == 6 and within((0, 0, 4, 4), 128) == [(2, 2)]
    assert within((0, 0, 30, 4), 128) == [(5, 2), (15, 2), (25, 2)]  # in one row


def test_it_grows_about_its_middle_and_so_does_a_point():
    corners = torch.tensor([[0.4, 0.4], [0.6, 0.4], [0.4, 0.6], [0.6, 0.6]])
    ends = Grip.of_region(corners).ends(torch.tensor([0.5, 0.55]), 0.5)
    assert torch.allclose(ends, torch.tensor([0.5, 0.55]) + 1.5 * (corners - 0.5))
    around = Grip.of_point(torch.tensor([0.5, 0.5]), 0.2)
    assert len(around.places) == 7 and around.told == 1
    assert torch.allclose(around.ends(torch.tensor([0.5, 0.5]), 0.2) - 0.5, 1.2 * (around.places - 0.5))
    assert len(Grip.of_point(torch.tensor([0.5, 0.5]), 0.0).places) == 1


def test_points_and_regions_have_a_line_each(canvas):
    """Regions that stay do not outvote the point that moves."""
    task, last = pulled(canvas, ("mouth_left", By(-2, -1)), ("eyes", By(0, 0)), ((54, 20, 74, 24), By(0, 0)))
    mouth, eyes, forehead = point_reports(canvas, task, last)
    assert mouth.end == "arrived" and mouth.left < 0.6
    assert eyes.handle == eyes.target and eyes.left < 0.6
    assert np.hypot(forehead.handle[0] - 64, forehead.handle[1] - 22) < 0.1


def test_how_a_region_ends():
    assert ended(("arrived",) * 3, 0.001) == "arrived"
    assert ended(("arrived", "stuck", "stuck"), 0.003) == "arrived"  # in the mean
    assert ended(("arrived", "stuck", "lost"), 0.03) == "lost" and ended(("stuck", "masked"), 0.03) == "masked"
    assert ended(("stuck",), 0.003) == "stuck"  # a point must arrive itself


def test_what_is_refused(canvas):
    for asked, said in (
        ((100.0, 100.0, 140.0, 120.0), "region of point 1, .*outside the picture"),
        ((0.0, 0.0, 4.0, 4.0), "region of point 1, .*outside the person's face"),
    ):
        with pytest.raises(InvalidRequest, match=said) as refused:
            canvas.task([Pull(handle=asked, by=(0, 0))], None)
        assert refused.value.param == "points"
    with pytest.raises(InvalidRequest, match="region's target of point 1"):
        canvas.task([Pull(handle="mouth", by=(90, 0))], None)
    many = [Pull(handle=(40.0 + n, 40.0, 60.0 + n, 60.0), by=(0, 0)) for n in range(11)]
    with pytest.raises(InvalidRequest, match="11 of the 11 points are regions"):
        canvas.task(many, None)
    assert len(canvas.task(many[:10], None).handles) <= MOST


def test_regions_have_names_of_their_own():
    assert not set(REGIONS) & set(POINTS)
