"""Staffing, checkpoints and batching worked out by formula, and the simulated fleets that must agree."""

import math

import pytest
from theory_numbers import BATCHING, INTERRUPTED, STAFFING

from sim.ground.jobs import Recovery
from sim.ground.units import tick, to_hours
from sim.study.elastic import best_interval_h

# Erlang's formulas: Erlang (1917); Halfin & Whitt, Heavy-traffic limits for queues (1981)


def erlang_b(servers, load):
    """Give the share of arrivals that find all servers busy, without a queue."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def erlang_c(servers, load):
    """Give the share of arrivals that wait, with a queue."""
    blocked = erlang_b(servers, load)
    return blocked / (1 - load / servers * (1 - blocked))


def fewest_servers(load, target):
    """Find the smallest fleet in which at most a share of the arrivals waits."""
    servers = math.floor(load) + 1
    while erlang_c(servers, load) > target:
        servers += 1
    return servers


def halfin_whitt(target):
    """Find how many square roots of the load a large fleet needs beside it."""
    low, high = 0.0, 10.0
    for _ in range(100):
        beta = (low + high) / 2
        density = math.exp(-beta * beta / 2) / math.sqrt(2 * math.pi)
        below = (1 + math.erf(beta / math.sqrt(2))) / 2
        low, high = (beta, high) if 1 / (1 + beta * below / density) > target else (low, beta)
    return low


# Interrupted work: Daly, A higher order estimate of the optimum checkpoint interval for restart dumps (2006); Young, A
# first order approximation to the optimum checkpoint interval (1974); Fiorini, Sheahan & Lipsky (2005)


def with_checkpoints(tau, work=2.0, rate=0.1, cost=0.02, boot=0.25):
    """Mean hours from the first start to the end, with a checkpoint after each interval of work."""
    return work / tau * math.expm1(rate * (tau + cost)) * (1 / rate + boot)


def test_the_best_interval_between_checkpoints():
    stated = INTERRUPTED["O-SPOT-a"]
    best = best_interval_h(0.02, 0.1)
    assert best == pytest.approx(stated["optimal_tau_h"], rel=1e-12)
    least = with_checkpoints(best)
    assert least == pytest.approx(stated["optimal_tau_mean_completion_h_continuous"], rel=1e-12)
    assert all(with_checkpoints(best * factor) > least for factor in (0.5, 0.99, 1.01, 2))
    young = math.sqrt(2 * 0.02 / 0.1)
    assert young == pytest.approx(stated["young_tau_h"], rel=1e-12)
    assert abs(best / young - 1) < 0.03
    rules = Recovery(tick(0.5), tick(0.02))
    assert rules.written(tick(2)) == stated["ckpt_segments"] * tick(0.02)
    assert to_hours(rules.stint(tick(2), interrupted=False)) == pytest.approx(2.08, rel=1e-12)


def test_work_that_begins_anew():
    stated = INTERRUPTED["O-SPOT-exp"]
    leaves, reclaims, boot = 0.5, 0.1, 0.25
    assert leaves / reclaims == stated["tail_index"]
    assert (1 + reclaims * boot) / leaves == stated["wrong_if_resampled_mean_h"]  # were the size drawn anew


@pytest.mark.parametrize(("case", "load", "gpus"), [("O-BRK-1", 0.3 / 0.5, 1), ("O-BRK-c", 2.8 / 0.5, 8)])
def test_load_of_gpus_that_fail(case, load, gpus):
    stated = INTERRUPTED[case]
    assert stated["mean_busy_gpus"] == pytest.approx(load, rel=1e-12)
    assert stated["eff_rho"] == pytest.approx(load / (gpus * 10 / 11), rel=1e-12)
    assert stated["availability"] == pytest.approx(10 / 11, rel=1e-11)


def test_an_unlimited_fleet_is_hardly_ever_idle():
    assert math.exp(-20) == pytest.approx(INTERRUPTED["O-MGINF"]["p_idle"], rel=1e-12)


@pytest.mark.parametrize("load", STAFFING)
def test_square_root_staffing(load):
    fleet, p_wait = STAFFING[load]
    assert fewest_servers(load, 0.2) == fleet
    assert erlang_c(fleet, load) == pytest.approx(p_wait, rel=1e-9)
    assert halfin_whitt(0.2) == pytest.approx(1.06151627541872, rel=1e-9)


def test_pooling_ratios():
    def wait(fleets):
        return erlang_c(4 * fleets, 3.2 * fleets) / (2.0 * fleets - 1.6 * fleets)

    assert wait(1) / wait(2) == pytest.approx(2.60652937956797, rel=1e-9)
    assert wait(1) / wait(4) == pytest.approx(7.82504351975186, rel=1e-9)


def test_kingman_bounds_the_exact_wait():  # Kingman, On queues in heavy traffic (1962)
    rate, service, ca2, cs2 = 0.4, 2.0, 0.5, 5.038781163434904
    bound = rate * (ca2 / rate**2 + cs2 * service**2) / (2 * (1 - rate * service))
    assert bound == pytest.approx(23.2801246537, rel=1e-9)
    assert bound > 21.8006602117


def test_two_costs_of_a_job():  # a ratio of expectations and an expectation of ratios: Law (2015), ch. 9
    jobs, bill = 0.05 * 720, 19.22 * 720
    term, total = 1.0, 0.0
    for n in range(1, 400):
        term *= jobs / n
        total += term / n
    ratio = bill / jobs
    mean_of_ratios = bill * total * math.exp(-jobs) / (1 - math.exp(-jobs))
    assert ratio == pytest.approx(384.4, rel=1e-9)
    assert mean_of_ratios == pytest.approx(395.726836663898, rel=1e-9)
    assert mean_of_ratios / ratio - 1 == pytest.approx(0.0294662764409423, rel=1e-9)


# K10: a server whose iterations of n requests take alpha + beta n: birth and death


def batching(rate, alpha, beta, cap, tokens, queue):
    """Give the law of the number of requests there, at most ``cap`` in the batch, with or without a queue behind."""

    def served(n):
        return min(n, cap) / ((alpha + beta * min(n, cap)) * tokens)

    weights = [1.0]
    for n in range(1, 4000 if queue else cap + 1):
        weights.append(weights[-1] * rate / served(n))
    total = math.fsum(weights)
    return [weight / total for weight in weights], served(cap)


def test_a_batching_server_with_a_queue():
    law, fastest = batching(4, 0.02, 0.0005, 64, 256, queue=True)
    known = BATCHING["O-BATCH-q"]
    waiting = math.fsum((n - 64) * p for n, p in enumerate(law) if n > 64)
    p_queue = math.fsum(law[64:])
    found = {
        "rho": 4 / fastest,
        "max_jobs_per_s": fastest,
        "max_tokens_per_s": 256 * fastest,
        "p_queue": p_queue,
        "p_empty": law[0],
        "p_busy": 1 - law[0],
        "Wq_s": waiting / 4,
        "Wq_s_p99": math.log(p_queue / 0.01) / (fastest - 4),
        "mean_batch": math.fsum(min(n, 64) * p for n, p in enumerate(law)),
        "L": math.fsum(n * p for n, p in enumerate(law)),
    }
    assert found == pytest.approx(known, rel=1e-9)


def test_a_batching_server_that_loses():
    law, _ = batching(5, 0.02, 0.0005, 64, 256, queue=False)
    batch = math.fsum(n * p for n, p in enumerate(law))
    mean = batch / (5 * (1 - law[64]))
    found = {"p_overflow": law[64], "p_idle": law[0], "mean_batch": batch, "T_s": mean}
    assert found | {"T_s_given_100_tokens": mean * 100 / 256} == pytest.approx(BATCHING["O-BATCH-loss"], rel=1e-9)
