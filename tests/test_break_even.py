"""Where two plans cost the same: against closed forms and reference results, and on curves of every awkward shape."""

import json
import math

import pytest
from scipy.special import stdtrit
from studies import CHAT, HYBRID, RATE, plain
from test_theory import ORACLES
from worlds import scenario

import sim
from sim.ground.estimate import Estimate
from sim.ground.scenario import Tree, build
from sim.questions.search.pairs import TIE

PRICE, NODES = "plans.api.api.usd_per_job", "plans.node.held.n.nodes"
NODE = {"held": {"n": {"gpus": 8, "usd_per_node_h": 0.4, "nodes": 1}}}
PRICED = {"node": NODE, "api": {"api": {"usd_per_job": 1}}}
DAILY = {"law": "deterministic", "mean_hours": 24}


def priced(**more):
    """A node at 0.4 USD an hour for 10.5 days beside an API paid by the job."""
    return scenario(settings={"horizon_days": 10.5, "plans": PRICED, **more})


def only(found, a="node", b="api"):
    """The one crossing of two plans."""
    (crossing,) = found.pair(a, b).crossings
    return crossing


class TestClosedForms:
    def test_a_price_by_hand(self):
        # One run each day at noon: 10 runs; the API costs 10 p, the node 100.8: they meet at p = 10.08 exactly.
        found = sim.break_even(priced(**{"workload.tuning.arrivals": DAILY}), PRICE, (1, 40), replications=3)
        at = only(found)
        assert at.at.value == pytest.approx(10.08, rel=1e-9)
        assert at.at.high - at.at.low < 1e-6
        assert (at.kind, at.cheaper, at.precise, at.at.n) == ("equal", ("api", "node"), True, 3)

    def test_prices_that_are_the_same_over_a_range_are_told_as_a_range(self):
        # 10.5 days. With r runs a day the k-th comes at k / r days, 4 runs of 25.2 USD cost as
        # much as the node, and 4 come where 4 / r < 10.5 <= 5 / r: no value that is looked at first need lie there.
        settings = {"workload.tuning.arrivals": {"law": "deterministic", "rate_per_day": 1}, PRICE: 25.2}
        (tie,) = sim.break_even(priced(**settings), RATE, (0.1, 2), replications=2).pair("node", "api").crossings
        assert tie.kind == "tie"
        assert tie.cheaper == ("api", "node")
        assert tie.between[1] - tie.between[0] == pytest.approx(1 / 10.5, abs=2 * TIE * 1.9)

    def test_a_price_over_random_work_is_fieller_s(self):
        # On each path the difference is F - p N: |F - p mean(N)| = t p sd(N) / sqrt(n) bounds p.
        ready = priced(**{RATE: 4})
        found = only(sim.break_even(ready, PRICE, (0.5, 10), replications=40, most_replications=40))
        jobs = sim.sweep(ready, {PRICE: [1.0]}, 40).cells[0].bills["api"]
        fixed, t = 0.4 * 252, float(stdtrit(39, 0.975))
        half = t * jobs.std(ddof=1) / math.sqrt(40)
        assert found.at.value == pytest.approx(fixed / jobs.mean(), rel=1e-3)
        assert found.at.low == pytest.approx(fixed / (jobs.mean() + half), rel=2e-3)
        assert found.at.high == pytest.approx(fixed / (jobs.mean() - half), rel=2e-3)
        assert found.at.high - found.at.value > found.at.value - found.at.low  # as Fieller's, not symmetric

    def test_replications_are_doubled_until_it_is_precise(self):
        ready = priced(**{RATE: 4})
        rough = only(sim.break_even(ready, PRICE, (0.5, 10), replications=10, precision=0.2))
        fine = only(sim.break_even(ready, PRICE, (0.5, 10), replications=10, precision=0.04))
        assert rough.at.n < fine.at.n
        assert math.log2(fine.at.n / 10) % 1 == 0  # doubled, and doubled
        assert fine.precise
        assert fine.at.high - fine.at.low <= 0.08 * fine.at.value
        few = only(sim.break_even(ready, PRICE, (0.5, 10), replications=10, most_replications=20, precision=0.01))
        assert (few.precise, few.at.n) == (False, 20)

    def test_by_factors_it_is_the_same(self):
        ready = priced(**{RATE: 4})
        even, by_factors = (
            only(sim.break_even(ready, PRICE, (0.5, 40), log=log, replications=40, most_replications=40))
            for log in (False, True)
        )
        assert by_factors.at.value == pytest.approx(even.at.value, rel=1e-3)
        assert by_factors.at.low == pytest.approx(even.at.low, rel=5e-3)

    def test_whole_numbers_cross_between_neighbours(self):
        # The API costs 10 x 35 = 350 USD, a node 100.8: three nodes are cheaper, four are not.
        ready = priced(**{"workload.tuning.arrivals": DAILY, PRICE: 35})
        for high in (6, 600):
            found = sim.break_even(ready, NODES, (1, high), replications=2)
            crossing = only(found)
            assert (crossing.kind, crossing.between, crossing.cheaper) == ("between", (3.0, 4.0), ("node", "api"))
            assert crossing.at == Estimate(4.0, 4.0, 4.0, 0.0, 2)
            assert found.span.whole
        row = text(found).splitlines()[4]
        assert " ".join(row.split()) == "node = api 3 | 4 node api 2 between neighbours"

    def test_a_jump_is_found_and_called_one(self):
        # Two runs at a time of 2 h each on one node: the second waits 2 h or, with less patience, costs 8 USD.
        pairs = {"law": "deterministic", "mean_hours": 24, "batch": 2}
        hybrid = {"held": NODE["held"], "patience_hours": 1, "api": {"usd_per_job": 8}}
        node = {"held": {"n": {**NODE["held"]["n"], "usd_per_node_h": 0.5}}}
        ready = priced(**{"workload.tuning.arrivals": pairs, "plans": {"hybrid": hybrid, "dearer": node}})
        found = sim.break_even(ready, "plans.hybrid.patience_hours", (0.5, 9), replications=2)
        crossing = only(found, "dearer", "hybrid")
        assert (crossing.kind, crossing.cheaper) == ("jump", ("dearer", "hybrid"))
        assert crossing.between == pytest.approx((2, 2), rel=1e-7)
        assert crossing.between[0] < 2 <= crossing.between[1]
        assert "a jump" in text(found)

    def test_every_kind_of_number_may_be_looked_for(self):
        settings = {"horizon_days": 60, "plans.reserved.staff.usd_per_year": 20_000, RATE: 8}
        few = {"replications": 10, "most_replications": 20}
        ready = scenario(settings={**settings, "plans.hybrid": HYBRID})
        for key, low, high in (
            ("plans.reserved.staff.engineers", 0, 8),
            ("workload.tuning.hours_per_million_tokens", 0.5, 2.5),
            ("workload.tuning.tokens_millions", 0.3, 1.2),
        ):
            found = sim.break_even(ready, key, (low, high), ["reserved", "on_demand"], **few)
            crossing = only(found, "reserved", "on_demand")
            assert low <= crossing.at.low <= crossing.at.value <= crossing.at.high <= high
            assert set(crossing.cheaper) == {"reserved", "on_demand"}
        found = sim.break_even(ready, "plans.hybrid.patience_hours", (0, 20), ["hybrid", "on_demand"], **few)
        assert found.pair("hybrid", "on_demand").reason.startswith("none from 0 to 20")

    def test_threads_do_not_matter(self):
        ready = priced(**{RATE: 4})
        one, three = (
            plain(sim.break_even(ready, PRICE, (0.5, 10), replications=20, most_replications=40, jobs=jobs).result)
            for jobs in (1, 3)
        )
        assert one == three


def test_requests_by_the_second_and_the_reference_engine():
    ready = scenario(CHAT, {"plans.own.held.gpu.usd_per_node_h": 0.7})
    key = "workload.chat.arrivals.rate_per_second"
    found = sim.break_even(ready, key, (0.5, 6), ["own", "api"], replications=3, most_replications=3)
    crossing = only(found, "own", "api")
    grid = sim.sweep(ready, {key: [crossing.between[0], 6]}, 3)
    apart = [(cell.bills["own"] - cell.bills["api"]).mean() for cell in grid.cells]
    assert abs(apart[0]) < 0.01 * abs(apart[1])
    price = "plans.api.api.usd_per_job"
    few = {"replications": 2, "most_replications": 2}
    kernel, simpy = (
        only(sim.break_even(priced(**{RATE: 4}), price, (0.5, 10), engine=engine, **few))
        for engine in ("kernel", "simpy")
    )
    assert kernel == simpy


def text(found) -> str:
    from sim.questions.tables import break_even_table

    return break_even_table(found.result)


def reference(name: str) -> dict[str, float]:
    """Metrics of a reference result; typed ones where these do not lie beside the checkout."""
    typed = {
        "O-BE": {"breakeven_jobs_per_day": 57.66, "capacity_jobs_per_h": 0.5},
        "O-BE-conc8": {"breakeven_jobs_per_day": 57.66, "breakeven_utilization": 0.600625},
        "O-TOK": {"breakeven_util_vs_api": 0.177962962962963},
        "O-BEQ": {
            "queue_breakeven_low_lam": 2.43113421508,
            "queue_breakeven_high_lam": 3.72247150688,
            "loss_breakeven_lam": 2.61456998522,
        },
    }[name]
    if ORACLES.is_file():
        entries = {each["id"]: each["metrics"] for each in json.loads(ORACLES.read_text("utf-8"))["oracles"]}
        assert typed == pytest.approx({key: entries[name][key] for key in typed}, rel=1e-12)
    return typed


class TestReferenceResults:
    """K28 (O-BE, O-BE-conc8, O-TOK) and K33 (O-BEQ)."""

    @staticmethod
    def world(days: float, gpus: int, hours: float, **more):
        """A node of 19.22 USD an hour beside an API of 8 USD a job."""
        node = {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 19.22}}
        plans = {
            "held": {"held": node},
            "hired": {"hired": {"n": {"gpus": 8, "usd_per_node_h": 32.77}}},
            "api": {"api": {"usd_per_job": 8.0, "hours_per_million_tokens": 1}},
        }
        settings = {"horizon_days": days, "workload.tuning.gpus": gpus, "plans": plans, **more}
        return scenario(settings={**settings, "workload.tuning.hours_per_million_tokens": hours})

    def test_one_run_at_a_time_never_meets_the_api(self):
        exact = reference("O-BE")
        found = sim.break_even(self.world(365, 8, 2), RATE, (1, 60), ["held", "api"], replications=10)
        pair = found.pair("held", "api")
        assert pair.crossings == ()
        assert pair.reason.startswith("none below capacity 12 a day (compared from 1 to 11.")
        assert pair.left_out[0].capacity == pytest.approx(24 * exact["capacity_jobs_per_h"], rel=1e-6)
        assert exact["breakeven_jobs_per_day"] > pair.left_out[0].capacity

    def test_eight_runs_at_a_time_meet_it_at_60_percent(self):
        exact = reference("O-BE-conc8")
        found = sim.break_even(self.world(365, 1, 2), RATE, (1, 90), ["held", "api"], replications=20)
        crossing = only(found, "held", "api")
        assert crossing.at.low <= exact["breakeven_jobs_per_day"] <= crossing.at.high
        assert crossing.precise
        assert crossing.cheaper == ("api", "held")
        assert not crossing.at.low <= 1.05 * exact["breakeven_jobs_per_day"] <= crossing.at.high  # negative control

    def test_held_meets_hired_at_the_ratio_of_their_rates(self):
        found = sim.break_even(self.world(365, 8, 2), RATE, (1, 11), ["held", "hired"], replications=20)
        crossing = only(found, "held", "hired")
        assert crossing.at.low <= 12 * 0.586512053707659 <= crossing.at.high

    def test_tokens_meet_the_api_at_18_percent_of_the_node(self):
        # A million tokens at 2,500 a second is a job of 400 s; the API takes 12 USD.
        exact = reference("O-TOK")["breakeven_util_vs_api"] * 86_400 / 400
        ready = self.world(100, 8, 400 / 3600, **{PRICE: 12.0})
        crossing = only(sim.break_even(ready, RATE, (5, 200), ["held", "api"], replications=40), "held", "api")
        assert crossing.at.low <= exact <= crossing.at.high

    @pytest.mark.slow
    def test_congestion_brings_a_second_crossing(self):
        exact = reference("O-BEQ")
        held = {"gpu": {"gpus": 1, "nodes": 8, "usd_per_node_h": 2.4025}}
        api = {"usd_per_job": 8.0, "hours_per_million_tokens": 2}
        plans = {
            "queue": {"held": held},
            "loss": {"held": held, "patience_hours": 0, "api": api},
            "api": {"api": api},
        }
        law = {"law": "exponential", "mean": 1}
        settings = {"horizon_days": 210, "warm_up_days": 10, "plans": plans, "workload.tuning.gpus": 1}
        settings |= {"workload.tuning.tokens_millions": law, "workload.tuning.wait_usd_per_hour": 1.0}
        ready = scenario(settings=settings)
        sought = {"replications": 20, "most_replications": 160, "precision": 0.01}
        low, high = sim.break_even(ready, RATE, (24, 94), ["queue", "api"], **sought).pair("queue", "api").crossings
        loss = only(sim.break_even(ready, RATE, (24, 94), ["loss", "api"], **sought), "loss", "api")
        for crossing, name in (
            (low, "queue_breakeven_low_lam"),
            (high, "queue_breakeven_high_lam"),
            (loss, "loss_breakeven_lam"),
        ):
            assert crossing.at.low <= 24 * exact[name] <= crossing.at.high
            assert crossing.at.high - crossing.at.low < 0.02 * crossing.at.value
        assert (low.cheaper, high.cheaper) == (("api", "queue"), ("queue", "api"))


def test_the_contract_of_the_result():
    found = sim.break_even(scenario(settings={"horizon_days": 30}), RATE, (1, 11), replications=4)
    told = plain(found.result)
    assert set(told) == {
        *("schema", "scenario", "key", "between", "log", "whole", "stated", "seed", "replications"),
        *("most_replications", "precision", "confidence", "horizon_days", "vary", "pairs", "warnings"),
    }
    assert (told["stated"], told["between"], told["seed"]) == (6, [1.0, 11.0], 2023)
    assert [each["plans"] for each in told["pairs"]] == [
        ["reserved", "on_demand"],
        ["reserved", "api"],
        ["on_demand", "api"],
    ]
    for pair in told["pairs"]:
        assert set(pair) == {
            *("plans", "crossings", "reason", "ties", "unsure", "compared", "ends", "left_out"),
        }
        assert (pair["reason"] is None) == bool(pair["crossings"])
    with pytest.raises(
        sim.InputError, match="plans: `api` and `x` were not compared; there are reserved and on_demand"
    ):
        found.pair("api", "x")


def test_uncertain_numbers_stand_at_their_central_values_and_that_is_said():
    ready = priced(**{"plans.node.held.n.usd_per_node_h": {"cases": [0.4, 4.0], "weights": [0.7, 0.3]}})
    ready = build(Tree({**_values(ready), "workload": _values(priced())["workload"]}))
    found = sim.break_even(ready, PRICE, (0.5, 10), replications=5, most_replications=5)
    assert "uncertain" in {each["code"] for each in found.result["warnings"]}
    certain = sim.break_even(priced(), PRICE, (0.5, 10), replications=5, most_replications=5)
    assert only(found).at == only(certain).at


def _values(ready):
    from sim.ground.scenario import as_values

    return as_values(ready)
