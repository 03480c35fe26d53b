"""The long run: what is binned by hand, asymptotic variances of theory (K29), the naive interval (K37), refusals.

Theory: Whitt, Planning queueing simulations, Management Science 35 (1989); Blomqvist, The covariance function of the
M/G/1 queuing system (1967).
"""

import json
import math

import numpy as np
import pytest
from refusals import flat, here, refused
from worlds import scenario

from sim.engine.money import Shares
from sim.ground.estimate import Estimate
from sim.ground.estimate.batch import batch_means, count_for, naive
from sim.ground.jobs import HELD, NOT_STARTED, Paths, Rows
from sim.ground.units import tick
from sim.questions.tables import steady_text
from sim.study import as_json
from sim.study.bins import COLUMNS, _at_work, _of_class
from sim.study.steady import BINS, BLOCKS, lengthened, of_blocks, steady, warm_ups

WORLD = """\
name: queue
seed: 3
horizon_days: 10
workload:
  jobs:
    kind: fine_tune
    arrivals: {law: poisson, mean_hours: 2.5}
    service_hours: {law: exponential, mean: 2}
plans:
  own: {held: {box: {gpus: 1, nodes: 1, usd_per_node_h: 3}}}
"""
EIGHT = WORLD.replace("mean_hours: 2.5", "mean_hours: 0.3125").replace("gpus: 1, nodes", "gpus: 8, nodes")

KNOWN = {  # arrivals an hour, services an hour, servers: asymptotic variances of time averages, and of the mean wait
    (0.4, 0.5, 1): {"in_system": 3600.0, "queue": 3443.2, "busy_gpus": 3.2, "wait_h": 7904.0},
    (3.2, 0.5, 8): {"in_system": 492.111443327, "queue": 338.086460974, "busy_gpus": 25.6},
}
NAIVE = {"var_single_wait": 96.0, "inflation": 82.3333333333, "effective": 12.1457489879, "coverage": 0.171014768757}


def asymptotic_variance(rate, pace, servers, measure, states=2000):
    """Asymptotic variance of a time average of a queue M/M/c (Whitt 1992), and its mean."""
    weights = [1.0]
    for n in range(1, states):
        weights.append(weights[-1] * rate / (pace * min(n, servers)))
    law = [weight / math.fsum(weights) for weight in weights]
    mean = math.fsum(measure(n, servers) * p for n, p in enumerate(law))
    above, total = 0.0, 0.0
    for n in range(states - 1, 0, -1):  # from the end, where all sums are small
        above += (measure(n, servers) - mean) * law[n]
        if law[n - 1] > 1e-200:
            total += above**2 / (rate * law[n - 1])
    return 2 * total, mean


MEASURES = {
    "in_system": lambda n, servers: n,
    "queue": lambda n, servers: max(0, n - servers),
    "busy_gpus": lambda n, servers: min(n, servers),
}


def mean_wait_variance(load, pace):
    """Asymptotic variance of the mean wait over jobs at one server with exponential services (Blomqvist 1967)."""
    return load * (2 + 5 * load - 4 * load**2 + load**3) / ((1 - load) ** 4 * pace**2)


@pytest.fixture(scope="module")
def long_run():
    return steady(scenario(WORLD), length=200_000, jobs=1).result


@pytest.fixture(scope="module")
def eight():
    return steady(scenario(EIGHT), length=200_000, jobs=1).result


class TestBatchMeans:
    def test_independent_values_have_the_usual_interval(self):
        draws = np.random.default_rng(1).normal(10, 2, (400, 5, 40))
        found = [batch_means(values, np.ones((5, 40)), 0.95) for values in draws]
        first = found[0].estimate
        assert first.value == pytest.approx(draws[0].mean(), rel=1e-12)
        assert first.n == 50
        assert first.high - first.value == pytest.approx(1.996 * first.se, rel=1e-2)
        # The correlation found is chance, and half of the time it is added: 5 % of the variance.
        assert np.mean([each.estimate.se**2 for each in found]) == pytest.approx(1.09 * 4 / 200, rel=0.04)
        assert abs(np.mean([each.correlation for each in found])) < 0.02
        assert np.mean([each.correlated for each in found]) < 0.1

    def test_a_ratio_is_that_of_the_sums(self):
        above, below = np.arange(40.0).reshape(1, 40), np.full((1, 40), 2.0)
        assert batch_means(above, below, 0.95).estimate.value == above.mean() / 2

    def test_coverage_where_neighbours_hang_on_each_other(self):
        # An autoregression of 0.9: the variance of its mean is 19 times that of independent values.
        rng, steps = np.random.default_rng(2), 4000
        values = np.empty((steps, 500, 3))
        values[0] = rng.normal(size=(500, 3))
        for k in range(1, steps):
            values[k] = 0.9 * values[k - 1] + rng.normal(size=(500, 3)) * math.sqrt(1 - 0.81)
        blocks = values.reshape(40, 100, 500, 3).sum(axis=1).transpose(1, 2, 0)
        found = [batch_means(each, np.full((3, 40), 100.0), 0.95).estimate for each in blocks]
        assert 0.92 < np.mean([each.low <= 0 <= each.high for each in found]) < 0.98
        assert np.mean([each.se for each in found]) == pytest.approx(1.04 * math.sqrt(19 / 12_000), rel=0.05)
        alone = values.reshape(steps, 500, 3).std() / math.sqrt(12_000)
        assert np.mean([abs(each.value) < 1.96 * alone for each in found]) < 0.5  # as of independent values

    def test_blocks_that_hang_on_each_other_are_told(self):
        walk = np.cumsum(np.random.default_rng(3).normal(size=(5, 40)), axis=1)
        found = batch_means(walk, np.ones((5, 40)), 0.95)
        assert found.correlated
        assert found.correlation > 0.3

    def test_what_is_always_the_same_has_no_spread(self):
        found = batch_means(np.full((5, 40), 3.0), np.full((5, 40), 2.0), 0.95)
        assert found.estimate == Estimate(1.5, 1.5, 1.5, 0.0, 50)
        assert batch_means(np.zeros((5, 40)), np.zeros((5, 40)), 0.95).estimate == Estimate(None)

    def test_jobs_that_it_takes(self):
        assert count_for(Estimate(10, 9, 11), 500, 0.01) == pytest.approx(50_000)
        assert count_for(Estimate(0, 0, 0), 500, 0.01) is None
        assert count_for(Estimate(None), 500, 0.01) is None


class TestBins:
    """Two GPUs for ten hours, in bins of two hours: who comes at 1 runs from 1 to 4, who comes at 3 on both, 4 to 9."""

    @pytest.fixture
    def binned(self):
        hours = np.array([tick(each) for each in (1, 3, 8)])
        paths = Paths(
            np.array([0, 3]), hours, hours * 0 + tick(3), np.array([1, 2, 1]), hours * 0, hours * 0, np.ones(3)
        )
        start, end = np.array([tick(1), tick(4), -1]), np.array([tick(4), tick(9), -1])
        rows = Rows(start, end, np.array([0, 0, -1]), np.array([HELD, HELD, NOT_STARTED]), np.zeros(3, np.int64))
        edges = np.array([tick(each) for each in (0, 2, 4, 6, 8, 10)])
        shares = Shares(np.array([5.0, 7.0, 0.0]), np.array([6.0, 8.0, 1.0]))
        bins = _of_class(paths, rows, shares, 0, edges, _at_work(paths, rows, 2))[0]
        return {name: bins[:, k].tolist() for k, name in enumerate(COLUMNS)}

    def test_by_hand(self, binned):
        assert binned == {
            "jobs": [1, 1, 0, 0, 1],
            "queue": [0, 1, 0, 0, 2],
            "in_system": [1, 3, 2, 2, 3],
            "busy_gpus": [1, 2, 4, 4, 2],
            "usd": [6, 8, 0, 0, 1],
            "waits": [1, 1, 0, 0, 0],
            "wait": [0, 1, 0, 0, 0],
            "wait_square": [0, 1, 0, 0, 0],
        }


class TestTheory:
    @pytest.mark.parametrize("queue", KNOWN, ids=str)
    def test_formulas_give_the_typed_numbers(self, queue):
        for key, measure in MEASURES.items():
            assert asymptotic_variance(*queue, measure)[0] == pytest.approx(KNOWN[queue][key], rel=1e-9)
        assert mean_wait_variance(0.8, 0.5) == pytest.approx(7904, rel=1e-12)
        jobs = 7904 * (1.959963984540054 / (0.01 * 8)) ** 2
        assert jobs == pytest.approx(4744201.64356, rel=1e-9)  # mean wait 8 h

    @pytest.mark.parametrize(("queue", "world"), [((0.4, 0.5, 1), "long_run"), ((3.2, 0.5, 8), "eight")])
    def test_half_widths_are_those_of_theory(self, request, queue, world):
        found = request.getfixturevalue(world)
        plan = found["plans"]["own"]
        hours = found["runs"] * (found["hours_a_run"] - plan["warm_up_hours"])
        for key, measure in MEASURES.items():
            variance, mean = asymptotic_variance(*queue, measure)
            each = plan[key]
            assert (each.high - each.low) / 2 == pytest.approx(1.96 * math.sqrt(variance / hours), rel=0.2), key
            assert each.low < mean < each.high, key
        if queue[2] == 1:
            wait, jobs = plan["wait_h"], plan["of_waits"]["jobs"]
            assert (wait.high - wait.low) / 2 == pytest.approx(1.96 * math.sqrt(7904 / jobs), rel=0.2)
            assert wait.low < 8 < wait.high
            assert plan["of_waits"]["jobs_for_1_percent"] == pytest.approx(4744201.64356, rel=0.4)

    def test_the_naive_interval_of_theory(self):
        plain = naive(NAIVE["var_single_wait"], 7904, 0.95)
        assert plain.inflation == pytest.approx(NAIVE["inflation"], rel=1e-9)
        assert plain.effective(1000) == pytest.approx(NAIVE["effective"], rel=1e-9)
        assert plain.coverage == pytest.approx(NAIVE["coverage"], rel=1e-9)

    def test_the_interval_told_is_not_the_naive_one(self, long_run):
        plan = long_run["plans"]["own"]
        told, wait = plan["of_waits"], plan["wait_h"]
        assert told["inflation"] == pytest.approx(NAIVE["inflation"], rel=0.4)
        assert told["naive_coverage"] == pytest.approx(NAIVE["coverage"], abs=0.04)
        assert told["effective_jobs"] == pytest.approx(told["jobs"] / told["inflation"], rel=1e-12)
        as_independent = 1.96 * math.sqrt(96 / told["jobs"])
        assert (wait.high - wait.low) / 2 > 7 * as_independent

    def test_money_of_the_long_run(self, long_run):
        plan = long_run["plans"]["own"]
        assert plan["usd_per_hour"].value == pytest.approx(3, rel=1e-3)
        assert plan["cost_per_job_usd"].low < 3 / 0.4 < plan["cost_per_job_usd"].high
        assert plan["utilization"].low < 0.8 < plan["utilization"].high
        assert plan["in_system"].value == pytest.approx(plan["queue"].value + plan["busy_gpus"].value, rel=1e-9)


class TestDesign:
    def test_threads_and_pieces_do_not_matter(self):
        world = scenario(WORLD)
        one, two = (steady(world, length=20_000, jobs=jobs).result for jobs in (1, 2))
        assert json.dumps(as_json(one)) == json.dumps(as_json(two))

    def test_the_horizon_is_that_of_the_jobs(self):
        long = lengthened(scenario(WORLD), 20_000)
        assert long.horizon_hours == pytest.approx(50_000)
        assert tick(long.horizon_hours) % BINS == 0
        assert long.warm_up_days == 0
        assert round(long.horizon_days / long.allocation.window_days) == BLOCKS

    def test_blocks_are_sums_of_bins(self):
        bins = np.arange(2 * BINS, dtype=float).reshape(1, BINS, 2)
        blocks = of_blocks(bins, [30])
        assert blocks[0].shape == (10, 2)
        assert blocks[0][-1].tolist() == bins[0, -25:].sum(axis=0).tolist()

    def test_a_run_does_not_decide_where_it_is_cut_itself(self):
        # A run that begins far above what it settles at, beside runs that do not: the others are cut, it is not.
        series = np.random.default_rng(5).normal(10, 0.1, (5, BINS))
        series[2, : BINS // 4] += 100
        cuts = warm_ups(series)
        assert cuts[2] == 0
        assert all(cuts[run] >= BLOCKS // 4 for run in (0, 1, 3, 4))
        assert BLOCKS // 4 <= warm_ups(series[2:3])[0] <= BLOCKS // 4 + 1  # alone it must

    def test_several_classes_and_plans(self):
        text = WORLD.replace(
            "plans:",
            "  more:\n    kind: fine_tune\n    arrivals: {law: poisson, mean_hours: 20}\n    service_hours: 1\nplans:",
        )
        text += "  rent: {hired: {box: {gpus: 1, usd_per_node_h: 5}}}\n"
        found = steady(scenario(text), length=5000, jobs=1).result
        own, rent = found["plans"]["own"], found["plans"]["rent"]
        each = own["classes"]
        assert own["queue"].value == pytest.approx(sum(part["queue"].value for part in each.values()), rel=1e-9)
        assert each["more"]["wait_h"].value == pytest.approx(each["jobs"]["wait_h"].value, rel=0.3)
        assert rent["wait_h"] == Estimate(0.0, 0.0, 0.0, 0.0, rent["wait_h"].n)
        assert rent["classes"]["more"]["cost_per_job_usd"].value == pytest.approx(5, rel=1e-9)
        assert rent["utilization"] == Estimate(None)
        assert "class `more`" in steady_text(found)


CHAT = """\
name: chat
seed: 7
horizon_days: 1
workload:
  chat:
    kind: inference
    arrivals: {law: poisson, rate_per_second: 20}
    prompt_tokens: 500
    output_tokens: 50
plans:
  own:
    held:
      gpu:
        gpus: 1
        nodes: 1
        usd_per_node_h: 3
        serve: {base_ms: 10, per_request_ms: 10, per_prefill_token_us: 50, kv_tokens: 100000}
  api: {api: {usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 2}}
"""
HEAVY = "service_hours: {law: lomax, mean: 2, alpha: %s}"


class TestWhatHasNoSteadyState:
    def test_a_load_that_cannot_be_carried(self):
        text = (
            WORLD.replace("mean_hours: 2.5", "mean_hours: 2") + "  rent: {hired: {box: {gpus: 1, usd_per_node_h: 5}}}\n"
        )
        found = steady(scenario(text), length=1000, jobs=1).result
        assert found["plans"]["own"] == {
            "steady": False,
            "reason": "unstable: offered load 1 erlangs reaches 1 GPUs, so the queue never settles",
        }
        assert found["plans"]["rent"]["steady"]
        assert found["warnings"][0]["code"] == "unstable"
        told = flat(steady_text(found))
        assert "warning (unstable): plan `own` has no steady state: offered load 1 erlangs reaches 1 GPUs" in told
        assert "rent" in told

    def test_replicas_that_cannot_carry_their_load(self):
        found = steady(scenario(CHAT), length=1000, jobs=1).result
        assert "times the rate that `gpu` can serve" in found["plans"]["own"]["reason"]
        api = found["plans"]["api"]
        assert api["cost_per_job_usd"].value == pytest.approx(500e-6 + 100e-6, rel=1e-9)
        carried = scenario(CHAT.replace("rate_per_second: 20", "rate_per_second: 1"))
        own = steady(carried, length=5000, jobs=1).result["plans"]["own"]
        assert own["usd_per_hour"].value == pytest.approx(3, rel=0.02)
        # Requests run in batches: GPU time at work is no more than the one GPU, and not none.
        assert 0.4 < own["busy_gpus"].value < 1
        assert own["in_system"].value > own["busy_gpus"].value

    @pytest.mark.parametrize(
        ("alpha", "codes", "mean"),
        [("1.9", {"infinite_variance"}, False), ("3.5", {"infinite_variance"}, True), ("4.5", set(), True)],
    )
    def test_tails_without_a_variance(self, alpha, codes, mean):
        world = scenario(WORLD.replace("service_hours: {law: exponential, mean: 2}", HEAVY % alpha))
        found = steady(world, length=20_000, jobs=1).result
        assert {entry["code"] for entry in found["warnings"]} & {"infinite_variance"} == codes
        plan = found["plans"]["own"]
        assert (plan["wait_h"].value is not None) == mean
        assert (plan["classes"]["jobs"]["in_system"].value is not None) == mean
        assert plan["cost_per_job_usd"].value is not None

    def test_runs_too_short_for_their_load(self):
        found = steady(scenario(WORLD.replace("mean_hours: 2.5", "mean_hours: 2.05")), length=1000, jobs=1).result
        codes = {entry["code"] for entry in found["warnings"]}
        assert codes & {"too_short", "correlated_batches", "no_steady_state"}
        fine = steady(scenario(WORLD.replace("mean_hours: 2.5", "mean_hours: 5")), length=20_000, jobs=1).result
        assert fine["warnings"] == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("old", "new", "text"),
        [
            ("mean_hours: 2.5}", "mean_hours: 2.5, growth_percent_per_month: 3}", "has a rate that changes with time"),
            ("mean_hours: 2.5}", "mean_hours: 2.5, pattern: {sine: {amplitude: 0.5}}}", "or use run"),
            ("arrivals: {law: poisson, mean_hours: 2.5}", "jobs: []", "and a list ends; state `arrivals`"),
            ("mean_hours: 2.5", "rate_per_day: 0", "no job ever comes, so there is no steady state to estimate"),
        ],
    )
    def test_laws_that_change(self, tmp_path, old, new, text):
        if "jobs: [" in new:
            new = "jobs: [{arrival_hours: 1, service_hours: 2}]"
            world = WORLD.replace(old, new).replace("    service_hours: {law: exponential, mean: 2}\n", "")
        else:
            world = WORLD.replace(old, new)
        (tmp_path / "w.yaml").write_text(world)
        assert text in refused("steady", tmp_path / "w.yaml")

    def test_numbers(self, tmp_path):
        (tmp_path / "w.yaml").write_text(WORLD)
        assert "--length: must be a whole number from 1000 to" in refused(
            "steady", tmp_path / "w.yaml", "--length", "9"
        )
        assert "--runs: must be a whole number from 1 to" in refused("steady", tmp_path / "w.yaml", "--runs", "0")

    def test_a_run_that_takes_too_long(self, tmp_path):
        (tmp_path / "w.yaml").write_text(CHAT.replace("rate_per_second: 20", "rate_per_second: 0.0001"))
        out = refused("steady", tmp_path / "w.yaml")
        assert "in a run of 20,000 jobs, which takes 2315 days, horizon_days must be at most 370" in out
        assert "give a smaller --length" in out


def test_the_command_line(tmp_path):
    (tmp_path / "w.yaml").write_text(WORLD)
    status, out, _ = here("steady", tmp_path / "w.yaml", "--length", "5000", "--jobs", "1")
    assert status == 0
    assert "queue, in the long run: 5 runs of 5,000 jobs (12,500 h) each, seed 3" in out
    assert "an interval of the wait as of independent jobs would hold" in out
    status, out, _ = here("steady", tmp_path / "w.yaml", "--length", "5000", "--format", "csv", "--jobs", "1")
    assert out.splitlines()[0] == "plan,job_class,measure,value,low,high,se,n"
    assert any(line.startswith("own,jobs,wait_h,") for line in out.splitlines())
    status, out, _ = here("steady", tmp_path / "w.yaml", "--length", "5000", "--format", "json", "--jobs", "1")
    assert json.loads(out)["plans"]["own"]["of_waits"]["jobs_for_1_percent"] > 1e5
