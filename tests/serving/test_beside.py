"""Two things at a time: what is begun beside the caller is waited for, its errors arrive, and one core does one thing after the other."""

import threading

import pytest
import torch

from portraitist_workers.beside import beside, each


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_work_goes_on_beside_the_caller_where_there_are_two_cores(threads):
    caller_went_on = threading.Event()
    result = beside(lambda: caller_went_on.wait(20 if threads == 2 else 0))
    caller_went_on.set()
    assert result() is (threads == 2)


def test_an_error_reaches_whoever_asks_for_the_result(threads):
    def fails():
        raise ValueError("no face")

    with pytest.raises(ValueError, match="no face"):
        beside(fails)()


def test_each_item_is_worked_on_once(threads):
    done = []
    each(done.append, range(50))
    assert sorted(done) == list(range(50))


def test_two_items_are_worked_on_at_a_time_where_there_are_two_cores(threads):
    together = threading.Barrier(threads)
    each(lambda _: together.wait(20), range(4))
    with pytest.raises(threading.BrokenBarrierError):
        each(lambda _: threading.Barrier(threads + 1).wait(0.1), range(2))


def test_an_error_of_one_item_is_raised(threads):
    with pytest.raises(ZeroDivisionError):
        each(lambda n: 1 // n, [1, 0, 2])
