"""Theory: the shipped cases in their quick form, and what is no scenario as plain arithmetic.

Numbers are typed, each with its source; where the reference results lie beside the project they are compared with them.
"""

import hashlib
import json
import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from theory_numbers import BATCHING, INTERRUPTED, STAFFING

import sim
from sim.engine.workload.streams import stream
from sim.ground.catalog import node_price
from sim.ground.estimate import mser5, order_statistic_ranks
from sim.ground.scenario import Tree, build
from sim.questions.verify import verify
from sim.questions.verify.cases import read_cases, shipped
from sim.questions.verify.rule import judge

CHANGING = {"O-MMPP-1", "O-MMPP-c", "O-MTINF", "O-MTMC"}
SERVING = {"O-PS-mm1", "O-PS-mgc", "O-BATCH-q", "O-BATCH-loss", "O-LPS", "O-T8", "O-T9"}
ORACLES = Path(__file__).parents[2] / "shared" / "oracles" / "open.json"


@pytest.fixture(scope="module")
def cases():
    """The shipped case files."""
    return read_cases(shipped())


@pytest.fixture(scope="module")
def report():
    """All shipped checks, quick."""
    return verify(quick=True)


def test_theory(report):
    assert [row for row in report["cases"] if not row["pass"]] == []
    assert len(report["cases"]) > 600


def test_kernel_against_simpy(report):
    assert report["reference_rows"] > 15_000
    assert report["rows_differing"] == 0


def test_serving_off_by_a_tenth_fails(cases, report):
    # Rare ones are as precise as a twentieth: five standard errors are a quarter.
    expected = [(case, row) for case in cases.cases for row in case.expect]
    looked = 0
    for (case, row), found in zip(expected, report["cases"], strict=True):
        if case.id.split(".")[0] in SERVING:
            assert (case.id, row.key) == (found["id"], found["key"])
            for off in (-0.4, 0.4) if row.kind == "rare" else (-0.1, 0.1):
                reference = row.value * (1 + off)
                verdict = judge(row.kind, found["estimate"], found["se"], reference, row.reference_se, quick=True)
                assert not verdict.passed, (case.id, row.key)
                looked += 1
    assert looked > 120


def test_changing_rates_off_by_a_tenth_fail(cases, report):
    # Quantiles are as precise as a fortieth: five standard errors are an eighth.
    expected = [(case, row) for case in cases.cases for row in case.expect]
    looked = 0
    for (case, row), found in zip(expected, report["cases"], strict=True):
        if case.id.split(".")[0] in CHANGING:
            assert (case.id, row.key) == (found["id"], found["key"])
            for off in (-0.2, 0.2) if row.kind == "quantile" else (-0.1, 0.1):
                verdict = judge(row.kind, found["estimate"], found["se"], row.value * (1 + off), quick=True)
                assert not verdict.passed, (case.id, row.key)
                looked += 1
    assert looked == 86


def test_nothing_failed(report):
    assert report["failed"] == 0
    assert report["passed"] == len(report["cases"]) + len(report["invariants"]) + len(report["controls"])


# K28: break-even


def test_break_even_arithmetic():
    fleet, api, run, on_demand = 19.22, 8.0, 2.0, 32.77
    assert fleet / api == pytest.approx(2.4025, rel=1e-9)  # jobs an hour
    assert 24 * fleet / api == pytest.approx(57.66, rel=1e-9)
    assert (1 / run, 8 / run) == (0.5, 4.0)  # capacity with 1 and 8 runs side by side
    assert fleet / api * run == pytest.approx(4.805, rel=1e-9)  # utilization with 1: above 1, never reached
    assert fleet / api * run / 8 == pytest.approx(0.600625, rel=1e-9)
    assert (fleet * run, fleet * run / 8) == pytest.approx((38.44, 4.805), rel=1e-9)
    assert fleet / on_demand == pytest.approx(0.586512053707659, rel=1e-9)
    full = 19.22 / (2500 * 3600) * 1e6
    assert full == pytest.approx(2.13555555555556, rel=1e-9)
    assert full / 0.3 == pytest.approx(7.11851851851852, rel=1e-9)
    assert full / 12 == pytest.approx(0.177962962962963, rel=1e-9)


def breaking_even(gpus, plans, rates):
    """Sweep the arrival rate of runs of 2 hours on one node at 19.22 an hour; give where two plans cost the same."""
    workload = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 1}, "service_hours": 2, "gpus": 1}
    values = {"name": "be", "seed": 4, "horizon_days": 365, "workload": {"jobs": workload}, "plans": plans}
    values["plans"]["reserved"] = {"held": {"box": {"gpus": gpus, "nodes": 1, "usd_per_node_h": 19.22}}}
    key = "workload.jobs.arrivals.rate_per_day"
    grid = sim.sweep(build(Tree(values)), {key: rates}, replications=40, jobs=1)
    other = next(name for name in plans if name != "reserved")
    return grid.break_even("reserved", other)


def test_simulated_break_even_with_the_api():
    api = {"api": {"api": {"usd_per_job": 8, "hours_per_million_tokens": 1}}}
    found = breaking_even(8, api, [50, 55, 60, 65])["at"]
    assert abs(found.value - 57.66) < 5 * found.se
    assert found.se < 0.005 * 57.66


def test_simulated_break_even_with_rented_nodes():
    rented = {"on_demand": {"hired": {"box": {"gpus": 1, "usd_per_node_h": 32.77}}}}
    found = breaking_even(1, rented, [4, 6, 8, 10])["at"]
    expected = 12 * 0.586512053707659  # a day: capacity times the utilization at which reserved wins
    assert abs(found.value - expected) < 5 * found.se
    assert found.se < 0.005 * expected


def test_no_break_even_beyond_capacity():
    api = {"api": {"api": {"usd_per_job": 8, "hours_per_million_tokens": 1}}}
    found = breaking_even(1, api, [4, 8, 11])
    assert found["at"] is None
    assert "none below capacity 12 a day" in found["reason"]


# K30: order statistics bound a quantile: David & Nagaraja, Order Statistics (2003); Wilks (1941)

RANKS = {
    (100, 0.5): ((40, 61), 0.964799799782),
    (1000, 0.95): ((936, 964), 0.958095268223),
    (10000, 0.95): ((9457, 9543), 0.951528054654),
    (10000, 0.99): ((9880, 9920), 0.955754682807),
    (200, 0.9): ((171, 189), 0.966883900898),
}


def binomial(n, p, below, above):
    """Give the probability of at least ``below`` and less than ``above`` successes."""
    odds = math.log(p / (1 - p))
    log_none = n * math.log1p(-p) + math.lgamma(n + 1)
    logs = [log_none + k * odds - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(below, above)]
    return math.fsum(math.exp(value) for value in logs)


@pytest.mark.parametrize("n_p", RANKS, ids=str)
def test_ranks_that_bound_a_quantile(n_p):
    ranks, coverage = RANKS[n_p]
    assert order_statistic_ranks(*n_p, confidence=0.95) == ranks
    assert binomial(*n_p, *ranks) == pytest.approx(coverage, rel=1e-9)


def test_the_greatest_value_as_a_bound():
    assert [math.ceil(math.log(0.05) / math.log(p)) for p in (0.95, 0.99)] == [59, 299]


# K35: random numbers: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011), file kat_vectors


def test_philox_words():
    before_zero = [2**64 - 1] * 4  # numpy counts up before it draws
    words = np.random.Philox(key=0, counter=before_zero).random_raw(4)
    known = "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"
    assert " ".join(f"{word:016x}" for word in words) == known


def test_seed_sequence_words():
    assert np.random.SeedSequence(12345).generate_state(4).tolist() == [2688385916, 3048105090, 4196366895, 3152189807]
    second = np.random.SeedSequence(12345).spawn(2)[1]
    assert second.generate_state(4).tolist() == [1457248422, 358904087, 711457119, 482272698]


def test_uniforms():
    philox = np.random.Generator(np.random.Philox(key=12345)).random(3)
    assert philox.tolist() == [0.6463801884227345, 0.7742675977164786, 0.7864362639285933]
    assert np.random.Generator(np.random.Philox(key=12345, counter=1000)).random() == 0.2267212476574887
    pcg = np.random.Generator(np.random.PCG64(12345)).random(3)
    assert pcg.tolist() == [0.22733602246716966, 0.31675833970975287, 0.7973654573327341]


def test_a_stream_of_the_project():
    digest = hashlib.sha256(b"workload.tuning/arrivals").digest()
    words = [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 16, 4)]
    sequence = np.random.SeedSequence(2023, spawn_key=(7, *words))
    expected = np.random.Generator(np.random.Philox(sequence)).random(2)
    assert stream(2023, 7, "workload.tuning/arrivals").random(2).tolist() == expected.tolist()


# K36: MSER-5: White, Simulation 69 (1997)


def noise(seed, count):
    """Draw uniforms of a plain linear congruential generator, less 1/2."""
    values, state = np.empty(count), seed
    for k in range(count):
        state = (1103515245 * state + 12345) % 2**31
        values[k] = state / 2**31 - 0.5
    return values


def test_mser5_cuts_a_transient():
    series = 5 + 10 * np.exp(-np.arange(1000) / 40) + noise(1, 1000)
    cut, statistic = mser5(series)
    assert series.sum() == pytest.approx(5414.32938748, rel=1e-9)
    assert cut == 160
    assert statistic == pytest.approx(0.000113421212274, rel=1e-9)
    assert series[cut:].mean() == pytest.approx(5.01671377201, rel=1e-9)
    assert series.mean() == pytest.approx(5.41432938748, rel=1e-9)


def test_mser5_leaves_what_has_no_transient():
    series = 5 + noise(3, 1000)
    cut, statistic = mser5(series)
    assert cut == 0
    assert statistic == pytest.approx(7.95545740902e-05, rel=1e-9)
    assert series.mean() == pytest.approx(4.99459786127, rel=1e-9)


# K39: the article recomputed ("OpenAI is too cheap to beat", 2023; list prices of August to October 2023)

HOURS, ENGINEER, RUNS = 8760, 200_000, 12 * 365
RESERVED, ON_DEMAND = 19.22, 32.77
YEAR = RESERVED * HOURS
WITH_ENGINEER = YEAR + ENGINEER
A_RUN = WITH_ENGINEER / RUNS


def md1_wait(runs_a_day):
    """Mean wait in hours at one node whose runs take 2 hours: Pollaczek and Khinchine."""
    load = runs_a_day / 12
    return load * 2 / (2 * (1 - load))


ARTICLE = {
    "reserved_per_year_8760h": (YEAR, 168367.2),
    "reserved_per_year_12x30d": (RESERVED * 8640, 166060.8),
    "ondemand_per_year_8760h": (ON_DEMAND * HOURS, 287065.2),
    "runs_per_year": (RUNS, 4380),
    "total_with_engineer_article": (166_000 + ENGINEER, 366000),
    "total_with_engineer_exact": (WITH_ENGINEER, 368367.2),
    "usd_per_run_article_inputs": (366_000 / RUNS, 83.5616438356),
    "usd_per_run_exact": (A_RUN, 84.1021004566),
    "usd_per_run_hardware_only": (YEAR / RUNS, 38.44),
    "usd_per_run_ondemand_2h": (2 * ON_DEMAND, 65.54),
    "ratio_to_12": (A_RUN / 12, 7.0085083714),
    "ratio_to_10": (A_RUN / 10, 8.4102100457),
    "ratio_to_8": (A_RUN / 8, 10.5127625571),
    "ratio_to_4": (A_RUN / 4, 21.0255251142),
    "ratio_80_to_4": (80 / 4, 20.0),
    "ratio_80_to_12": (80 / 12, 6.6666666667),
    "ratio_80_to_10": (80 / 10, 8.0),
    "rent_1h_ondemand_over_12": (ON_DEMAND / 12, 2.7308333333),
    "rent_1h_ondemand_over_4": (ON_DEMAND / 4, 8.1925),
    "rent_1p5h_ondemand_over_12": (1.5 * ON_DEMAND / 12, 4.09625),
    "rent_1p5h_ondemand_over_4": (1.5 * ON_DEMAND / 4, 12.28875),
    "rent_1h_reserved_over_12": (RESERVED / 12, 1.6016666667),
    "rent_1h_reserved_over_4": (RESERVED / 4, 4.805),
    "rent_1p5h_reserved_over_12": (1.5 * RESERVED / 12, 2.4025),
    "rent_1p5h_reserved_over_4": (1.5 * RESERVED / 4, 7.2075),
    "engineer_share_of_total": (ENGINEER / WITH_ENGINEER, 0.5429365047),
    "reserved_vs_ondemand_breakeven_utilization": (RESERVED / ON_DEMAND, 0.5865120537),
    "runs_per_year_8_concurrent": (8 * RUNS, 35040),
    "usd_per_run_8_concurrent_hw": (YEAR / (8 * RUNS), 4.805),
    "usd_per_run_8_concurrent_with_engineer": (WITH_ENGINEER / (8 * RUNS), 10.5127625571),
    "breakeven_runs_per_year_hw_at_8usd": (YEAR / 8, 21045.9),
    "breakeven_runs_per_year_with_engineer_at_8usd": (WITH_ENGINEER / 8, 46045.9),
    "breakeven_runs_per_year_with_engineer_at_12usd": (WITH_ENGINEER / 12, 30697.2666666667),
    "breakeven_utilization_8c_with_engineer_at_12usd": (WITH_ENGINEER / 12 / (8 * RUNS), 0.8760635464),
    "md1_mean_wait_h_at_10p8_runs_per_day": (md1_wait(10.8), 9.0),
    "md1_mean_wait_h_at_9p6_runs_per_day": (md1_wait(9.6), 4.0),
    "usd_per_run_at_6_runs_per_day": (WITH_ENGINEER / (6 * 365), 168.2042009132),
    "ft35_over_base35_input": (0.012 / 0.0015, 8.0),
    "ft35_over_base35_output": (0.016 / 0.002, 8.0),
    "gpt4_over_ft35_input": (0.03 / 0.012, 2.5),
    "gpt4_over_ft35_output": (0.06 / 0.016, 3.75),
    "gpt4_over_base35_input": (0.03 / 0.0015, 20.0),
    "implied_gpt4_over_gpt35_by_10x_and_tenth": (10 * 10, 100.0),
}


@pytest.mark.parametrize("claim", ARTICLE)
def test_the_article_recomputed(claim):
    computed, stated = ARTICLE[claim]
    assert computed == pytest.approx(stated, rel=1e-9)


def test_the_article_at_the_prices_of_the_book():
    assert md1_wait(6.0) == 1.0
    then = date(2023, 10, 1)
    assert node_price("p4d.24xlarge", "reserved_1y", then).usd_per_node_h == RESERVED
    assert node_price("p4d.24xlarge", "on_demand", then).usd_per_node_h == pytest.approx(ON_DEMAND, abs=0.005)


# No typing errors: every typed expectation is the number of the reference results, where these lie beside the project


def number_of(metrics, name):
    """Look up a metric, or a part of one: ``starts.2``."""
    value = metrics
    for step in [name] if name in metrics else name.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


@pytest.mark.skipif(not ORACLES.is_file(), reason="the reference results do not lie beside this checkout")
def test_typed_numbers_are_those_of_the_reference_results(cases):
    metrics = {entry["id"]: entry["metrics"] for entry in json.loads(ORACLES.read_text("utf-8"))["oracles"]}
    compared = 0
    for case in cases.cases:
        for row in case.expect:
            if row.metric is not None:
                assert row.value == pytest.approx(number_of(metrics[case.id.split(".")[0]], row.metric), rel=1e-12), (
                    row.where
                )
                compared += 1
    for claim, (_, stated) in ARTICLE.items():
        assert stated == pytest.approx(metrics["O-ARTICLE"][claim], rel=1e-12), claim
    for (n, p), (ranks, coverage) in RANKS.items():
        assert list(ranks) == metrics["O-QCI"][f"ranks_n{n}_p{p}"]
        assert coverage == metrics["O-QCI"][f"exact_coverage_n{n}_p{p}"]
    for load, (fleet, p_wait) in STAFFING.items():
        assert fleet == metrics["O-STAFF"][f"c_min_a{load}"]
        assert p_wait == metrics["O-STAFF"][f"p_wait_a{load}"]
    for name, stated in (BATCHING | INTERRUPTED).items():
        assert stated == {metric: metrics[name][metric] for metric in stated}
    assert compared > 460


@pytest.mark.skipif(not ORACLES.is_file(), reason="the reference results do not lie beside this checkout")
def test_every_reference_result_is_covered_or_named(cases):
    entries = json.loads(ORACLES.read_text("utf-8"))["oracles"]
    named = {case.id for case in cases.cases} | {each["id"] for each in cases.not_covered}
    here = {"O-STAFF", "O-BE", "O-BE-conc8", "O-TOK", "O-BEQ", "O-QCI", "O-RNG", "O-MSER", "O-MSER-none", "O-ARTICLE"}
    here |= {"O-AVAR-1", "O-AVAR-8", "O-NAIVECI"}  # test_steady
    # Cases whose name does not begin with O- are worked out in their own file, with their formula.
    oracles = {name.split(".")[0] for name in named if name.startswith("O-")}
    assert {entry["id"] for entry in entries} == oracles | here
