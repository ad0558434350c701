"""The simulator against queueing theory, and against what can be worked out by hand."""

import numpy as np
import pytest

from . import fleet_model as m

HAND = np.array([0.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize("servers, load", [(1, 0.5), (1, 0.8), (4, 0.7), (20, 0.9)])
def test_it_agrees_with_erlang(servers, load):
    rng, count = np.random.default_rng(1), 200_000
    arrive = np.cumsum(rng.exponential(1 / (servers * load), count))
    outcome = m.simulate(m.Lane(workers=servers), arrive, rng.exponential(1.0, count))
    mean, p95 = m.mmc_wait(servers, servers * load, 1.0)
    assert outcome.wait.mean() == pytest.approx(mean, rel=0.1)
    assert np.percentile(outcome.wait, 95) == pytest.approx(p95, rel=0.1, abs=0.02)
    assert outcome.utilisation(servers) == pytest.approx(load, rel=0.02)


def test_the_comparison_can_fail():
    """Constant service times wait half as long: the theory for exponential ones must not fit them."""
    rng, count = np.random.default_rng(1), 200_000
    arrive = np.cumsum(rng.exponential(1 / 0.8, count))
    outcome = m.simulate(m.Lane(workers=1), arrive, np.ones(count))
    assert outcome.wait.mean() == pytest.approx(0.5 * m.mmc_wait(1, 0.8, 1.0)[0], rel=0.1)  # Pollaczek and Khinchine


def test_first_come_first_served_by_hand():
    outcome = m.simulate(m.Lane(workers=1, dispatch=0.5), HAND, np.full(4, 2.0))
    assert outcome.wait.tolist() == [0.5, 2.0, 3.5, 5.0] and outcome.latency.tolist() == [2.5, 4.0, 5.5, 7.0]


def test_a_free_worker_that_holds_the_persona_goes_first():
    """Persona 7 comes back to the worker that has it, though the other one has been free for longer."""
    lane = m.Lane(workers=2, load=10.0, warm=2)
    outcome = m.simulate(lane, np.array([0.0, 100.0, 200.0, 300.0]), np.ones(4), np.array([7, 7, 8, 7]))
    assert outcome.latency.tolist() == [11.0, 1.0, 11.0, 1.0] and outcome.warm_hits == 2
    few = m.simulate(
        m.Lane(workers=1, load=10.0, warm=1), np.array([0.0, 100.0, 200.0]), np.ones(3), np.array([7, 8, 7])
    )
    assert few.warm_hits == 0


def test_under_a_backlog_what_is_warm_comes_first():
    """Jobs about 7, 8, 7 at once: the worker does both of 7 first, if it may look so far and the job of 8 has not waited long."""
    arrive, work, who = np.array([0.0, 0.1, 0.2]), np.ones(3), np.array([7, 8, 7])
    order = [
        np.argsort(
            m.simulate(m.Lane(workers=1, load=1.0, warm=1, look=look, patience=patience), arrive, work, who).latency
            + arrive
        )
        for look, patience in ((2, 5.0), (1, 5.0), (2, 1.0))
    ]
    assert [o.tolist() for o in order] == [[0, 2, 1], [0, 1, 2], [0, 1, 2]]


def test_failures_cost_work_and_end():
    """A failure per second of work: a job of 5 s is given up after three attempts, unless it keeps what it has done."""
    arrive, work = 1000.0 * np.arange(200), np.full(200, 5.0)
    lost = m.simulate(m.Lane(workers=1, failures=1.0), arrive, work)
    assert lost.given_up > 190 and np.isnan(lost.latency).sum() == lost.given_up
    kept = m.simulate(m.Lane(workers=1, failures=0.1, checkpoint=0.1), arrive, work)
    again = m.simulate(m.Lane(workers=1, failures=0.1), arrive, work)
    assert kept.given_up < again.given_up and kept.busy < again.busy and kept.retries > 50


def test_arrivals_follow_the_day():
    rng = np.random.default_rng(0)
    times = m.over_the_day(50_000, 2, swing=0.8, peak_hour=20.0, rng=rng) % 86_400 / 3600
    by_hour = np.bincount(times.astype(int), minlength=24)
    assert by_hour.sum() == pytest.approx(100_000, rel=0.02) and by_hour[[19, 20]].min() > 7 * by_hour[[7, 8]].max()
    at, which = m.in_sittings(np.arange(1000) * 10.0, mean=5.0, pause=40.0, rng=rng)
    assert len(at) == pytest.approx(5000, rel=0.1) and (np.diff(at) >= 0).all() and set(which) == set(range(1000))
    assert at[which == 7].min() == 70.0 and np.diff(at[which == np.bincount(which).argmax()]).mean() < 200
    who = m.popular(100_000, 1000, exponent=1.0, rng=rng)
    assert who.min() == 0 and who.max() < 1000 and (who == 0).mean() == pytest.approx(1 / 7.485, rel=0.1)  # H(1000)
