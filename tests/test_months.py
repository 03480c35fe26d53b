"""Months of a decision: worlds by hand, periods that are samples, demand that grows, nodes that come in stages."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from worlds import ARTICLE, scenario

from sim.engine.money import LINES
from sim.ground.faults import InputError
from sim.questions.decision.periods import Period, during, growth_factor, periods
from sim.questions.decision.worlds import world
from sim.study.pieces import run_piece
from sim.study.simulate import Experiment

GROWTH = "workload.tuning.arrivals.growth_percent_per_month"
THREE_YEARS, TWO_WEEKS = {"horizon_days": 1095}, {"horizon_days": 14}
MONTH_DAYS = 730 / 24

HAND = """\
name: hand
seed: 1
horizon_days: 91.25
workload:
  a:
    kind: fine_tune
    wait_usd_per_hour: 1
    jobs:
      - {arrival_hours: 0, service_hours: 1000}
      - {arrival_hours: 700, service_hours: 10}
      - {arrival_hours: 1500, service_hours: 100}
plans:
  own: {held: {n: {gpus: 1, nodes: 1, usd_per_node_h: 2}}, overhead_usd_per_year: 8760}
  api: {api: {usd_per_job: 5}}
"""


def lines(months, replication=0):
    """Tell what each line is in each month, leaving out lines that are 0."""
    by_line = dict(zip(LINES, months.lines[replication].T.tolist(), strict=True))
    return {name: pytest.approx(usd, abs=1e-6) for name, usd in by_line.items() if any(usd)}


@pytest.mark.parametrize("engine", ["kernel", "simpy"])
def test_three_months_by_hand(engine):
    """One node at 2 USD: busy to 1010, then from 1500 to 1600; the second job waits from 700 to 1000, in two months."""
    found = world(scenario(HAND), 1, range(1), engine)
    used = [730, 280, 100]
    assert lines(found["own"]) == {
        "held_used": [2 * hours for hours in used],
        "held_idle": [2 * (730 - hours) for hours in used],
        "overhead": [730, 730, 730],
        "penalties": [30, 270, 0],
    }
    assert lines(found["api"]) == {"api": [10, 0, 5]}
    assert found["own"].jobs.tolist() == found["api"].jobs.tolist() == [[2, 0, 1]]
    assert found["own"].unfit is None


def test_a_sample_is_scaled_up_and_spread_evenly():
    """Of two months 36.5 h are simulated: 3 jobs become 120, the bill of the node stays that of two months."""
    values = {"horizon_days": 36.5 / 24, "decision.months": 2, "decision.step_months": 2, "workload.a.jobs": []}
    values["workload.a.jobs"] = [{"arrival_hours": hour, "service_hours": 3} for hour in (1, 10, 20)]
    found = world(scenario(HAND, values), 1, range(1))
    assert lines(found["own"]) == {"held_used": [360, 360], "held_idle": [1100, 1100], "overhead": [730, 730]}
    assert lines(found["api"]) == {"api": [300, 300]}
    assert found["own"].jobs.tolist() == [[60, 60]]


def test_listed_jobs_come_again_in_each_period():
    """Without growth nor chance each period is the same."""
    values = {"horizon_days": 30, "decision.months": 3, "decision.step_months": 1, "workload.a.jobs": [
        {"arrival_hours": 3, "service_hours": 36}
    ]}  # fmt: skip
    found = world(scenario(HAND, values), 1, range(1))
    assert lines(found["own"])["held_used"].expected == pytest.approx([73] * 3)
    assert lines(found["api"])["api"].expected == pytest.approx([5 * 73 / 72] * 3)


@pytest.mark.parametrize("warm_up", [0, 30])
def test_months_sum_to_the_bill_of_a_run(warm_up):
    """The span is counted after the warm-up: the run that is as long gives the same bill, job for job."""
    asked = scenario(settings=THREE_YEARS | {"warm_up_days": warm_up})
    found = world(asked, 7, range(3))
    run = scenario(settings={"horizon_days": 1095 + warm_up, "warm_up_days": warm_up})
    outcomes = run_piece(Experiment.of(run, 7), range(3))
    for name, months in found.items():
        assert months.lines.shape == (3, 36, len(LINES))
        assert np.allclose(months.lines.sum(axis=1), outcomes[name].lines, rtol=1e-9, atol=1e-6)
        assert np.array_equal(months.jobs.sum(axis=1), outcomes[name].total("jobs"))


def test_a_replication_is_the_same_in_whatever_company():
    """By its number: alone, with others, in another order."""
    asked = scenario(settings=TWO_WEEKS | {"decision.months": 6, GROWTH: 5})
    together, alone = world(asked, 3, [8, 9, 10, 11]), world(asked, 3, [10])
    turned = world(asked, 3, [11, 10])
    for name, months in together.items():
        assert np.array_equal(months.lines[2:3], alone[name].lines)
        assert np.array_equal(months.lines[[3, 2]], turned[name].lines)


def test_threads_do_not_matter():
    """Worlds side by side are those one after the other, to the last bit."""
    asked = scenario(settings=TWO_WEEKS | {"decision.months": 6, GROWTH: 5})
    alone = [world(asked, 3, range(2 * number, 2 * number + 2)) for number in range(6)]
    with ThreadPoolExecutor(3) as executor:
        together = list(executor.map(lambda number: world(asked, 3, range(2 * number, 2 * number + 2)), range(6)))
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(one[name].lines, other[name].lines) for name in one)


def test_periods_have_noise_of_their_own():
    """No two months of a sample alike, and replications differ; a seed derived for each period."""
    found = world(scenario(settings=TWO_WEEKS | {"decision.months": 12, "decision.step_months": 1}), 3, range(4))
    assert len(set(found["api"].jobs.ravel().tolist())) > 12
    seeds = [Period(first, 1, 10).seed(3) for first in range(100)]
    assert seeds[0] == 3
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert abs(np.corrcoef(found["api"].jobs[:, :6].ravel(), found["api"].jobs[:, 6:].ravel())[0, 1]) < 0.6


def test_samples_agree_with_the_whole():
    """A stable year with growth: four samples of 20 days against the whole, both over many replications."""
    settings = {GROWTH: 2, "warm_up_days": 3, "workload.tuning.wait_usd_per_hour": 10}
    whole = world(scenario(settings=settings | {"horizon_days": 365}), 1, range(60))
    sampled = world(scenario(settings=settings | {"horizon_days": 23, "decision.months": 12}), 2, range(60))
    for name in whole:
        a, b = (found[name].lines.sum(axis=(1, 2)) for found in (whole, sampled))
        error = math.hypot(a.std(ddof=1), b.std(ddof=1)) / math.sqrt(60)
        assert abs(a.mean() - b.mean()) < 5 * error + 1e-6
        waits = LINES.index("penalties")
        a, b = (found[name].lines[:, :, waits].sum(axis=1) for found in (whole, sampled))
        assert name != "reserved" or 0.9 < b.mean() / a.mean() < 1.1


def _grown(first, months, percent):
    """Hours that bring as many jobs at the rate of today as some months of growth."""
    rate = math.log1p(percent / 100) / 730
    return (math.exp(rate * 730 * (first + months)) - math.exp(rate * 730 * first)) / rate


LAWS = {
    "poisson": {"law": "poisson", "rate_per_day": 40},
    "deterministic": {"law": "deterministic", "mean_hours": 0.6},
    "gamma": {"law": "gamma", "rate_per_second": 40 / 86400, "cv": 0.3},
    "hyperexponential": {"law": "hyperexponential", "weights": [0.5, 0.5], "means": [0.3, 0.9]},
    "mmpp": {"law": "mmpp", "rates": [1, 3], "stay_hours": [2, 2]},
    "on_off": {"law": "on_off", "rate_per_day": 40, "on_hours": 1, "off_hours": 1},
    "batches": {"law": "poisson", "rate_per_day": 20, "batch": 2},
    "pattern": {"law": "poisson", "rate_per_day": 40, "pattern": {"days": [1, 1, 1, 1, 1, 0, 0]}},
    "superposition": {
        "law": "superposition",
        "rate_per_day": 40,
        "growth_percent_per_month": 4,
        "parts": [
            {"law": "poisson", "rate_per_day": 1, "growth_percent_per_month": 5},
            {"law": "erlang", "phases": 4, "rate_per_day": 3, "copies": 2},
        ],
    },
}


@pytest.mark.parametrize("law", LAWS)
def test_jobs_of_each_period_grow_as_stated(law):
    """The jobs of each period against the integral of the rate, for every kind of law; 21 days are sampled of 61."""
    settings = {"horizon_days": 24, "warm_up_days": 3, "decision.months": 12, "decision.step_months": 2}
    arrivals = {"growth_percent_per_month": 7} | LAWS[law]
    asked = scenario(settings=settings | {"workload.tuning.arrivals": arrivals})
    found = world(asked, 11, range(40))["api"].jobs[:, ::2] * 2
    today = asked.workload["tuning"].arrivals.jobs_per_hour
    expected = [today * _grown(first, 2, 7) for first in range(0, 12, 2)]
    if law == "superposition":  # 1 of 7 by 4 and 5 % a month, 6 of 7 by 4 %
        both = (1.04 * 1.05 - 1) * 100
        expected = [40 / 24 / 7 * (_grown(at, 2, both) + 6 * _grown(at, 2, 4)) for at in range(0, 12, 2)]
    error = found.std(axis=0, ddof=1) / math.sqrt(len(found))
    whole_jobs = 2 * 61 / 21 * 2  # schedules and batches come in whole numbers
    assert (
        np.abs(found.mean(axis=0) - expected) < 4.5 * error + whole_jobs * (law in ("deterministic", "batches"))
    ).all()


def test_growth_within_a_sample_is_that_of_its_period():
    """By hand: 10 % a month, of months 3 to 5 one month is sampled after a month of warm-up."""
    growth = math.log(1.1) / 730
    sampled_alone = 0.1 / math.log(1.1)
    wanted = (1.1**6 - 1.1**3) / (3 * math.log(1.1))
    assert growth_factor(growth, Period(3, 3, 730), 730) == pytest.approx(wanted / sampled_alone / 1.1)
    assert growth_factor(growth, Period(3, 1, 730), 0) == pytest.approx(1.1**3)
    assert growth_factor(0, Period(3, 1, 100), 50) == 1


def test_the_whole_span_without_warm_up_is_untouched():
    """One period at the seed and the demand of the run, byte for byte."""
    asked = scenario(settings=THREE_YEARS | {GROWTH: 3})
    (only,) = periods(asked)
    made = during(asked, only)
    assert made.workload == asked.workload
    assert made.horizon_days == asked.horizon_days
    assert only.seed(5) == 5


STAGES = {"plans.reserved.held.p4d.stages": [{"month": 12, "nodes": 2}, {"month": 20, "nodes": 1}]}


def test_stages_are_counted_from_their_month_on():
    """1 node, 3 from month 12 on, 4 from month 20 on: the bill of the nodes says so, month by month."""
    found = world(scenario(settings=THREE_YEARS | STAGES), 1, range(2))
    held = found["reserved"].lines[:, :, :2].sum(axis=2)
    rate = 19.22 * 730
    assert np.allclose(held, [[rate] * 12 + [3 * rate] * 8 + [4 * rate] * 16] * 2, rtol=1e-3)
    assert np.allclose(held[:, 12:20] / held[:, :1], 3)
    cuts = [(each.first, each.months) for each in periods(scenario(settings=THREE_YEARS | STAGES))]
    assert cuts == [*((3 * k, 3) for k in range(6)), (18, 2), (20, 1), *((21 + 3 * k, 3) for k in range(5))]


def test_nodes_in_stages_carry_what_grows():
    """12 % a month soon chokes one node; with two more from month 6 on the year's work is done."""
    settings = {"horizon_days": 365, "workload.tuning.arrivals.rate_per_day": 8, GROWTH: 8}
    alone = world(scenario(settings=settings), 1, range(3))["reserved"]
    staged = {"plans.reserved.held.p4d.stages": [{"month": 3, "nodes": 2}]}
    more = world(scenario(settings=settings | staged), 1, range(3))["reserved"]
    assert "had not started" in alone.unfit
    assert more.unfit is None


def test_only_plans_of_strategies_are_simulated():
    """A plan that no strategy takes costs no time; meanwhile and moves count."""
    moves = [{"to": "on_demand", "when": {"month": 12}}]
    settings = THREE_YEARS | {"decision.strategies": {"wait": {"plan": "api", "moves": moves}}}
    assert set(world(scenario(settings=settings), 1, range(1))) == {"api", "on_demand"}


def test_the_reference_gives_the_same_months():
    """SimPy, on samples, stages and growth: the same table to rounding."""
    settings = {"horizon_days": 40, "decision.months": 6, "decision.step_months": 3, GROWTH: 10}
    settings |= {"plans.reserved.held.p4d.stages": [{"month": 4, "nodes": 1}]}
    kernel, simpy = (world(scenario(settings=settings), 1, range(2), engine) for engine in ("kernel", "simpy"))
    for name, months in kernel.items():
        assert np.array_equal(months.lines, simpy[name].lines)
        assert np.array_equal(months.jobs, simpy[name].jobs)
        assert months.unfit == simpy[name].unfit


def test_growth_beyond_what_can_be_simulated_is_refused():
    """1000 % a month for 3 years: the month is named in which it is too much."""
    asked = scenario(settings=TWO_WEEKS | {"decision.months": 36, GROWTH: 1000})
    with pytest.raises(InputError, match=r"percent_per_month: must bring at most 100,000,000 jobs .* from month 6"):
        world(asked, 1, range(1))


def test_a_negative_control():
    """What the other tests look for, they find: a period at the demand of another month is not within five errors."""
    settings = {"horizon_days": 24, "decision.months": 12, "decision.step_months": 2, GROWTH: 7}
    found = world(scenario(ARTICLE, settings), 11, range(40))["api"].jobs[:, ::2] * 2
    error = found.std(axis=0, ddof=1) / math.sqrt(len(found))
    shifted = np.array([0.25 * _grown(first + 2, 2, 7) for first in range(0, 12, 2)])
    assert (np.abs(found.mean(axis=0) - shifted) > 5 * error).all()
