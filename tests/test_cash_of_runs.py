"""Money over months against the runs: where no price moves and nothing is left, all costs what the bill says."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim.ground.scenario import Scenario, load
from sim.questions.decision.cash import flows
from sim.questions.decision.futures import central
from sim.questions.decision.worlds import world

SCENARIOS = Path(__file__).parents[1] / "experiments" / "scenarios"
SHIPPED = sorted(path.stem for path in SCENARIOS.glob("*.yaml"))
PLAIN = {"discount_percent_a_year": 0, "prices": {}, "events": {}, "strategies": {}}


def still(name: str, months: int, **settings) -> Scenario:
    """A shipped scenario of which no price moves, and no term is owed beyond the span."""
    path = SCENARIOS / f"{name}.yaml"
    plans = load(path).plans
    terms = {
        f"plans.{plan}.held.{group}.commitment.beyond": "pro_rata"
        for plan, each in plans.items()
        for group, held in each.held.items()
        if held.term_months
    }
    decision = {"decision": {"months": months} | PLAIN, "correlations": [], "uncertain": {}}
    return load(path, decision | terms | settings)


def short(name: str) -> dict:
    """Settings that keep a shipped scenario small."""
    days = min(float(load(SCENARIOS / f"{name}.yaml").horizon_days), 20.0)
    chats = bool(load(SCENARIOS / f"{name}.yaml").chats)
    return {"horizon_days": days / 40 if chats else days, "warm_up_days": 0}


@pytest.mark.parametrize("name", SHIPPED)
def test_all_shipped_plans_cost_what_their_months_say(name):
    """Held lines too, though they are replaced by terms: the sum over the span is that of the simulated lines."""
    found = still(name, 2, **short(name))
    ahead = central(found, 1)
    simulated = world(ahead.scenario, 1, range(2))
    for plan, each in flows(ahead, simulated).items():
        bill = simulated[plan].lines.sum(axis=(1, 2))
        assert each.cost.sum(axis=1) == pytest.approx(bill, rel=1e-9), plan
        assert each.cash.sum(axis=1) == pytest.approx(bill, rel=1e-9), plan
        assert each.jobs.sum() == simulated[plan].jobs.sum()
        assert np.sum(list(each.parts.values()), axis=0) == pytest.approx(each.cost.mean(axis=0), rel=1e-9)
        assert each.stranded_usd == 0


@pytest.mark.parametrize("name", ["article", "elastic", "research_tunes"])
def test_a_span_simulated_whole_costs_the_bill_of_the_run(name):
    """Three months of 730 h: replication by replication what `run` says."""
    found = still(name, 3, horizon_days=3 * 730 / 24, warm_up_days=0)
    ahead = central(found, 5)
    study = sim.run(found, 3, seed=5, jobs=1)
    for plan, each in flows(ahead, world(ahead.scenario, 5, range(3))).items():
        assert each.cost.sum(axis=1) == pytest.approx(study.outcomes[plan].bills, rel=1e-9), plan


def test_owned_nodes_cost_the_run_s_price_where_life_and_span_agree():
    owned = {
        "usd": 200_000,
        "life_years": 0.5,
        "resale_share": 0.1,
        "power_kw": 6,
        "usd_per_kwh": 0.1,
        "space_usd_per_kw_month": 150,
        "maintenance_share_per_year": 0.05,
    }
    found = load(
        SCENARIOS / "article.yaml",
        {
            "decision": {"months": 6},
            "horizon_days": 6 * 730 / 24,
            "plans.reserved.held": {"own": {"gpus": 8, "nodes": 2, "owned": owned}},
        },
    )
    ahead, study = central(found, 5), sim.run(found, 2, seed=5, jobs=1)
    each = flows(ahead, world(ahead.scenario, 5, range(2)))["reserved"]
    assert each.cost.sum(axis=1) == pytest.approx(study.outcomes["reserved"].bills, rel=1e-9)
    assert each.cash[0, 0] == 400_000


def test_a_term_that_runs_on_costs_more_than_the_run():
    """The negative control: a year bought for three months."""
    found = load(SCENARIOS / "article.yaml", {"decision": {"months": 3}, "horizon_days": 3 * 730 / 24})
    ahead = central(found, 5)
    each = flows(ahead, world(ahead.scenario, 5, range(1)))["reserved"]
    assert each.stranded_usd == pytest.approx(9 * 730 * 19.22)
    assert each.cost.sum() == pytest.approx(sim.run(found, 1, seed=5).outcomes["reserved"].bills[0] + each.stranded_usd)
