"""Demand learned from logs: counts against brute force, estimators against theory, processes found again."""

import math
from functools import partial

import numpy as np
import pytest

from sim.engine.workload.arrivals import arrivals
from sim.engine.workload.streams import stream
from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND
from sim.questions.demand.choose import choose
from sim.questions.demand.findings import hill, tail_of
from sim.questions.demand.hours import Pattern, best_pattern, hours_of, pattern_of
from sim.questions.demand.modulation import Part, fit_parts, idc_of, parts_law
from sim.questions.demand.processes import built, with_rate
from sim.questions.demand.sketch import Histogram, Rows, Sketch
from sim.questions.demand.stretch import OperationalTime, Stretch
from sim.questions.demand.trial import distance, drawn, ks_distance, measure, scales_of, standard
from sim.questions.demand.windows import SCALES, Windows

MONDAY = 1_715_000_000 // 604_800 * 604_800 + 4 * 86_400  # 1970 began on a Thursday
FEW = 400_000


def path(keys, hours, seed=1, start=0):
    """Arrivals of a law, in ticks."""
    made = arrivals(built(keys), partial(stream, seed, 0), "workload.log/arrivals", int(hours * TICKS_PER_HOUR))
    return made + start * TICKS_PER_SECOND


def sketched(arrival, pieces=7, **sizes):
    """A sketch of a log that came in pieces."""
    sketch = Sketch(list(sizes))
    for rows in np.array_split(np.arange(len(arrival)), pieces):
        sketch.add(arrival[rows], {name: np.asarray(values, float)[rows] for name, values in sizes.items()})
    return sketch


def chosen(arrival, arrivals=FEW):
    sketch = sketched(arrival)
    return choose(sketch, hours_of(sketch), 0, arrivals=arrivals)


# Counts in windows


def brute(arrival, seconds):
    at = (arrival - arrival[0]) // (seconds * TICKS_PER_SECOND)
    whole = int(at[-1])
    counts = np.bincount(at, minlength=whole + 1)[:whole].astype(float)
    return len(counts), counts.sum(), (counts**2).sum()


@pytest.mark.parametrize("most_blocks", [2**15, 8])
def test_windows_count_as_brute_force_does_whatever_the_pieces_and_however_often_blocks_are_joined(most_blocks):
    generator = np.random.default_rng(1)
    arrival = 10**15 + np.cumsum(generator.integers(0, 40, 3000) ** 2 * 100_000)
    windows = Windows(int(arrival[0]), most_blocks)
    for piece in np.array_split(arrival, 13):
        windows.add(piece)
    for scale in SCALES:
        found = windows.moments(scale)
        assert (found.windows, found.total, found.squares) == brute(arrival, scale)
    counts = np.bincount((arrival - arrival[0]) // (windows.block_seconds * TICKS_PER_SECOND))
    assert windows.counts[: windows.blocks].tolist() == counts.tolist()
    assert windows.series(2).tolist() == counts[: (len(counts) - 1) // 2 * 2].reshape(-1, 2).sum(axis=1).tolist()
    assert windows.blocks <= most_blocks
    assert (windows.block_seconds > 300) == (most_blocks == 8)


def test_parts_of_the_time_add_up_to_all_of_it():
    windows = Windows(0)
    windows.add(path({"law": "poisson", "rate_per_second": 0.5}, 3))
    for scale in SCALES:
        parts = windows.moments(scale, 0, 13) + windows.moments(scale, 13, 14) + windows.moments(scale, 14)
        assert parts == windows.moments(scale)


def test_an_arrival_a_second_has_no_dispersion_and_two_at_once_twice_that_of_one():
    windows = Windows(0)
    windows.add(np.arange(4000) * TICKS_PER_SECOND)
    assert [windows.moments(scale).idc for scale in SCALES] == [0.0] * 6
    single = path({"law": "poisson", "rate_per_second": 1}, 2)
    one, two = Windows(0), Windows(0)
    one.add(single)
    two.add(np.repeat(single, 2))
    assert two.moments(10).idc == pytest.approx(2 * one.moments(10).idc, rel=1e-2)  # the cut-off windows differ


def test_the_rate_of_a_modulated_log_is_known_as_batch_means_say():
    keys = {"law": "mmpp", "rate_per_second": 1, "rates": [0.5, 1.5], "stay_s": [60, 60]}
    errors, rates = [], []
    for seed in range(40):
        windows = Windows(0)
        windows.add(path(keys, 10, seed))
        errors.append(windows.rate_error())
        rates.append(windows.counts.sum() / 36_000)
    spread = np.std(rates, ddof=1)
    assert np.mean(errors) == pytest.approx(spread, rel=5 / math.sqrt(2 * 39))
    assert spread > 3 * math.sqrt(1 / 36_000)  # and not as Poisson would have it


# What is kept of rows


def test_quantiles_of_whole_numbers_are_exact_up_to_511_and_within_bins_beyond():
    values = np.random.default_rng(2).integers(1, 500, 10_000).astype(float)
    histogram, p = Histogram(), np.array([0.001, 0.05, 0.5, 0.95, 0.999, 1.0])
    for piece in np.array_split(values, 3):
        histogram.add(piece)
    assert histogram.quantiles(p).tolist() == np.quantile(values, p, method="inverted_cdf").tolist()
    big = Histogram()
    big.add(values * 1000)
    assert big.quantiles(p) == pytest.approx(1000 * histogram.quantiles(p), rel=1 / 512)
    parts = Histogram()
    parts.add(values / 7)
    assert parts.quantiles(p) == pytest.approx(histogram.quantiles(p) / 7, rel=1 / 512)
    empty = Histogram()
    empty.add(np.zeros(5))
    assert empty.quantiles(p).tolist() == [0.0] * 6


def test_every_row_is_as_likely_to_be_kept():
    hits = np.zeros(1000)
    for seed in range(200):
        rows = Rows(["arrival"], seed, 100)
        for piece in np.array_split(np.arange(1000), 9):
            rows.add({"arrival": piece})
        kept = rows.table()["arrival"]
        assert len(set(kept.tolist())) == 100
        hits[kept] += 1
    chi_square = float(((hits - 20) ** 2 / (20 * 0.9)).sum())  # 200 draws of a chance of 0.1 each
    assert abs(chi_square - 1000) < 5 * math.sqrt(2 * 1000)


def test_a_log_shorter_than_the_sample_is_kept_whole_and_in_order():
    rows = Rows(["arrival"], 0, 100)
    rows.add({"arrival": np.arange(50)})
    assert rows.table()["arrival"].tolist() == list(range(50))


def test_the_sketch_knows_gaps_clock_and_correlation_exactly():
    arrival = np.array([0, 0, 6, 6, 6, 10]) * 1000
    sketch = sketched(arrival, 3, prompt=[1, 2, 3, 4, 5, 6], output=[2, 4, 6, 8, 10, 13])
    gaps = np.diff(arrival) / 1e6
    assert (sketch.count, sketch.zero_gaps, sketch.step) == (6, 3, 2000)
    assert sketch.gap_cv == pytest.approx(gaps.std() / gaps.mean())
    assert sketch.correlation == pytest.approx(np.corrcoef([1, 2, 3, 4, 5, 6], [2, 4, 6, 8, 10, 13])[0, 1])
    assert [(gap.start, gap.end) for gap in sketch.long] == [(0, 6000), (6000, 10_000)]


# Tails


def test_hill_finds_the_power_of_a_pareto_tail_and_none_in_an_exponential_one():
    generator = np.random.default_rng(3)
    pareto = generator.pareto(1.5, 100_000) + 1
    assert hill(pareto, 1000) == pytest.approx(1.5, abs=5 * 1.5 / math.sqrt(1000))
    tail = tail_of(pareto)
    assert tail.heavy
    assert tail.index.high < 2
    assert not tail_of(generator.exponential(1, 100_000)).heavy
    assert tail_of(np.minimum(pareto, 50.0)).capped_at == 50.0
    assert tail_of(np.full(10_000, 3.0)) is None


# Patterns


def test_operational_time_runs_as_fast_as_the_factors_say():
    factors = np.ones(168)
    factors[1], factors[2] = 2.0, 0.0
    hours = hours_of(sketched(np.array([0, 1]) * TICKS_PER_HOUR))
    pattern = pattern_of(hours, "hours")
    clock = OperationalTime(0, pattern.__class__("week", factors, {}), 0.5)
    at = np.array([0.0, 0.5, 1.0, 1.5, 2.5, 3.0, 168.0]) * TICKS_PER_HOUR
    expected = np.array([0.5, 1.0, 2.0, 3.0, 3.0, 3.5, 168.5])
    assert clock.at(at.astype(np.int64)) == pytest.approx(expected)


def test_a_pattern_is_found_again_with_its_clock_and_noise_is_none():
    factors = [0.4] * 8 + [1.6] * 8 + [1.0] * 8
    keys = {"law": "poisson", "rate_per_second": 0.05, "pattern": {"hours": factors, "starts_hour": 5}}
    found = best_pattern(hours_of(sketched(path(keys, 15 * 24, start=MONDAY + 5 * 3600))))
    assert found.kind == "hours"
    assert (found.keys["starts"], found.keys["starts_hour"]) == ("monday", pytest.approx(5, abs=0.05))
    error = 5 / math.sqrt(0.05 * 3600 * 0.4 * 15)  # of the scarcest hour, in standard errors
    assert found.keys["hours"] == pytest.approx(factors, rel=error)
    assert found.explains > 0.5
    noise = path({"law": "poisson", "rate_per_second": 0.05}, 15 * 24, start=MONDAY)
    assert best_pattern(hours_of(sketched(noise))) is None


def test_weekends_make_a_pattern_of_days():
    keys = {"law": "poisson", "rate_per_second": 0.05, "pattern": {"days": [1.2, 1.2, 1.2, 1.2, 1.2, 0.5, 0.5]}}
    found = best_pattern(hours_of(sketched(path(keys, 28 * 24, start=MONDAY))))
    assert found.kind == "hours and days"
    assert found.keys["days"] == pytest.approx([1.2, 1.2, 1.2, 1.2, 1.2, 0.5, 0.5], abs=0.05)
    assert found.keys["hours"] == pytest.approx([1.0] * 24, abs=0.05)


# Modulated rates


def test_parts_are_found_again_in_their_own_curve():
    true = [Part(40.0, 0.002), Part(3.0, 0.8)]
    seconds = np.array([1.0, 5, 10, 30, 60, 300, 600, 1200, 2400])
    parts, loss = fit_parts(2, seconds, idc_of(true, seconds), np.full(9, 1e4))
    assert loss < 1e-4
    for found, each in zip(parts, true, strict=True):
        assert tuple(found) == pytest.approx(tuple(each), rel=1e-2)


@pytest.mark.parametrize(
    ("gain", "steady"), [(2.0, 0.0), (60.0, 0.0), (60.0, 0.4)], ids=["two levels", "bursts", "both"]
)
def test_the_law_of_parts_has_the_dispersion_of_their_formula(gain, steady):
    parts = [Part(gain, 0.02), Part(gain / 4, 0.5)]
    keys = with_rate(parts_law(parts, 1.0, steady), None, 1.0, 1.0)
    hours, paths = 2.0, 60
    moments = []
    for seed in range(paths):
        windows = Windows(0)
        windows.add(path(keys, hours, seed))
        moments.append([windows.moments(scale) for scale in (1, 10, 60)])
    for k, scale in enumerate((1, 10, 60)):
        count, total, squares = np.array([[each[k].windows, each[k].total, each[k].squares] for each in moments]).T
        mean = total.sum() / count.sum()
        each = (squares / count - 2 * mean * total / count + mean**2) / mean  # spread about the mean of all paths
        error = each.std(ddof=1) / math.sqrt(paths)
        exact = float(idc_of(parts, np.array([float(scale)]))[0])
        assert abs(each.mean() - exact) < 5 * error
        assert abs(each.mean() - 1) > 5 * error or scale == 1  # Poisson is far off


def test_a_pattern_is_taken_out_of_the_dispersion_of_what_it_magnifies():
    """16 a minute times 1.5 and 0.5 by hour, which is the pattern, times 1.5 and 0.5 by pair of hours, which is left.

    Relative variances are 1/4 each and 9/16 together, so windows of a minute have an IDC of 9 and those of 5 of 45.
    The pattern alone makes 4 and 20 of it. Of the rest a quarter more was made; nothing here is left to chance. The
    arrival that closes the last window adds 1 in 7,680 to the rate.
    """
    minutes = np.arange(8 * 60)
    counts = np.array([36, 12, 12, 4])[minutes // 60 % 4]
    arrival = np.repeat(minutes * 60, counts) * TICKS_PER_SECOND
    pattern = Pattern("week", np.tile([1.5, 0.5], 84), {})
    log = Stretch.whole(sketched(np.append(arrival, 8 * 3600 * TICKS_PER_SECOND)), pattern)
    seconds, idc, _ = log.curve()
    left = dict(zip(seconds.tolist(), idc.tolist(), strict=True))
    assert log.sketch.windows.moments(60).idc == pytest.approx(9)
    assert (left[60], left[300]) == pytest.approx((1 + (9 - 1 - 4) / 1.25, 1 + (45 - 1 - 20) / 1.25), rel=2e-4)


# Which process


def test_poisson_is_taken_for_poisson():
    choice = chosen(path({"law": "poisson", "rate_per_second": 4}, 2))
    assert choice.taken.name == "Poisson"
    assert choice.taken.keys["rate_per_second"] == pytest.approx(4, rel=5 / math.sqrt(4 * 7200))
    assert choice.taken.distance.ks < 0.02
    assert choice.taken.held_out.passes


def test_gamma_gaps_are_told_from_poisson_and_found_again():
    choice = chosen(path({"law": "gamma", "cv": 2.5, "rate_per_second": 3}, 3))
    assert choice.taken.name == "gamma gaps"
    assert choice.taken.keys["cv"] == pytest.approx(2.5, rel=0.1)
    assert not choice.judged[0].distance.passes  # Poisson must fail


def test_regular_work_is_taken_for_erlang():
    choice = chosen(path({"law": "erlang", "phases": 5, "rate_per_second": 0.2}, 12))
    assert (choice.taken.name, choice.taken.keys["phases"]) == ("Erlang gaps", 5)


def test_a_modulated_rate_is_found_again():
    true = {"law": "mmpp", "rate_per_second": 3, "rates": [0.5, 1.5], "stay_s": [40, 40]}
    choice = chosen(path(true, 12))
    assert choice.taken.name == "one switching rate"
    assert choice.taken.keys["rates"] == pytest.approx([0.5, 1.5], rel=0.15)
    assert choice.taken.keys["stay_s"] == pytest.approx([40, 40], rel=0.25)
    assert choice.taken.distance.worst < 0.1
    assert [each.distance.passes for each in choice.judged[:2]] == [False, False]  # Poisson and gamma gaps


def test_a_day_is_no_burst():
    hours = [0.3] * 8 + [1.7] * 8 + [1.0] * 8
    keys = {"law": "poisson", "rate_per_second": 0.3, "pattern": {"hours": hours}}
    choice = chosen(path(keys, 6 * 24, start=MONDAY))
    assert choice.taken.name == "Poisson by hours"
    assert choice.pattern.keys["hours"] == pytest.approx(hours, rel=0.1)


def test_a_process_that_is_not_the_log_s_is_told_so():
    log = Stretch.whole(sketched(path({"law": "mmpp", "rate_per_second": 3, "rates": [0, 2], "stay_s": [40, 40]}, 4)))
    law = built({"law": "poisson", "rate_per_second": 6})
    trial = measure(drawn(law, log.seconds, 20, 0), log.seconds, OperationalTime(0, None), scales_of(log, log.seconds))
    found = distance(log, trial, memoryless=True)
    assert found.rate_missed
    assert set(found.missed) >= {10.0, 60.0, 300.0}
    assert found.ks > 0.1
    assert not found.passes


def test_ks_distance_of_ordered_samples():
    assert ks_distance(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 4])) == 0
    assert ks_distance(np.array([1.0, 2]), np.array([3.0, 4])) == 1
    assert ks_distance(np.array([1.0, 2, 3, 4]), np.array([2.0, 2, 2, 5])) == pytest.approx(0.25)
    assert math.isnan(ks_distance(np.empty(0), np.array([1.0])))
    assert standard(np.array([3.0, 1.0])).tolist() == [0.5, 1.5]
