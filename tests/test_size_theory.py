"""The best sizes that theory knows: reserved capacity (K27), square-root staffing (K26). `sim.size` must find them."""

import numpy as np
import pytest
from scipy.stats import poisson

import sim
from sim.ground.scenario import Scenario, Tree, build

NODES = "plans.own.held.gpu.nodes"
OF_P4D = {"usd_per_node_h": 2.4025}


def fleet(rate_per_h: float, mean_h: float, node, name: str = "fleet", days: float = 100, **changes) -> Scenario:
    """Poisson jobs with exponential times on single GPUs."""
    work = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 24 * rate_per_h}}
    work["service_hours"] = {"law": "exponential", "mean": mean_h}
    work |= changes.pop("work", {})
    plan = {"held": {"gpu": {"gpus": 1, "nodes": 1, **node}}, **changes}
    values = {"name": name, "seed": 26, "horizon_days": days, "warm_up_days": 2}
    return build(Tree(values | {"workload": {"jobs": work}, "plans": {"own": plan}}))


def loss(rate_per_h: float, node, api) -> Scenario:
    """Whoever finds no free GPU goes to the API at once."""
    return fleet(rate_per_h, 2, node, queue_limit=0, api=api)


K27 = {  # id: (fleet, best number of GPUs, USD an hour more with one less, with one more); Erlang B and C
    "O-NEWSV": (loss(6.4, OF_P4D, {"usd_per_service_hour": 4.09625}), 12, 0.2130352394, 0.0291313253),
    "O-NEWSV-big": (loss(50, OF_P4D, {"usd_per_service_hour": 4.09625}), 101, 0.0451991006, 0.0508568612),
    "O-CAPOPT": (loss(6, OF_P4D, {"usd_per_job": 8}), 11, 6 * 0.0328592833, 6 * 0.0068314056),
    "O-CAPOPT-never": (loss(0.5, {"usd_per_node_h": 19.22}, {"usd_per_job": 8}), 0, None, 0.5 * 34.44),
    "O-QOPT": (fleet(3.2, 2, OF_P4D, work={"wait_usd_per_hour": 20}), 11, 0.6280811909, 1.181874652),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "O-NEWSV-big" else name for name in K27]
)
def test_the_best_reserved_capacity_is_found_and_its_neighbours_cost_what_theory_says(name):
    scenario, best, *apart = K27[name]
    found = sim.size(scenario, "own", indifferent_share=0, most_replications=1280)
    assert found.setting == {NODES: best}
    assert found.sure
    hours, told = scenario.counted_hours, {each.setting[NODES]: each for each in found.certificate.neighbours}
    for nodes, usd in zip((best - 1, best + 1), apart, strict=True):
        if usd is not None:
            dearer = told[nodes].dearer_usd
            assert told[nodes].verdict == "dearer"
            assert abs(dearer.value / hours - usd) <= 5 * dearer.se / hours
            assert abs(dearer.value + usd * hours) > 5 * dearer.se  # negative control: it is not cheaper


def erlang_c(servers: int, load: float) -> float:
    """Probability of waiting, by the recursion of Erlang B."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return servers * blocked / (servers - load * (1 - blocked))


STAFF = {1: (3, 0.0909090909), 4: (7, 0.1351101728), 16: (21, 0.1708916366)}
MORE_STAFF = {64: (73, 0.1944795881), 256: (274, 0.1863820671)}


@pytest.mark.parametrize("load", [*STAFF, *(pytest.param(load, marks=pytest.mark.slow) for load in MORE_STAFF)])
def test_the_least_staff_that_lets_four_in_five_start_at_once(load):
    # O-STAFF (Halfin & Whitt 1981): the smallest c with a probability of waiting of at most 0.2.
    least, waits = (STAFF | MORE_STAFF)[load]
    assert erlang_c(least, load) == pytest.approx(waits, rel=1e-8)
    assert erlang_c(least - 1, load) > 0.2
    scenario = fleet(load, 1, {"usd_per_node_h": 2}, days=200 if load < 16 else 60)
    found = sim.size(scenario, "own", availability=0.8, within_hours=0, most_replications=1280)
    assert found.setting == {NODES: least}
    assert found.sure
    level = next(each for each in found.certificate.levels if each.level.what == "availability")
    assert level.verdict == "met"
    assert level.share.low < waits < level.share.high < 0.2
    fewer = next(each for each in found.certificate.neighbours if each.setting[NODES] == least - 1)
    assert fewer.verdict == "misses a level"


@pytest.mark.parametrize(("load", "best"), [(12.8, 12), pytest.param(100, 98, marks=pytest.mark.slow)])
def test_with_migration_the_best_capacity_is_a_quantile_of_the_busy_gpus(load, best):
    # O-NEWSV's c* with migration: min c with P(Poisson(a) <= c) >= 1 - r/p (Arrow, Harris & Marschak 1951), from the
    # jobs of a fleet without limit.
    assert poisson.ppf(1 - 2.4025 / 4.09625, load) == best
    scenario = fleet(load / 2, 2, OF_P4D, days=200)
    unlimited = scenario.model_copy(update={"plans": {"own": _hired(scenario)}})
    jobs = sim.run(unlimited, replications=1).jobs("own")
    starts, ends = jobs["arrival_h"].to_numpy(), jobs["end_h"].to_numpy()
    at = np.arange(48.0, 4800.0, 0.5)
    busy = np.searchsorted(np.sort(starts), at, "right") - np.searchsorted(np.sort(ends), at, "right")
    usd = {c: 2.4025 * c + 4.09625 * np.maximum(0, busy - c).mean() for c in range(best - 3, best + 4)}
    assert abs(min(usd, key=usd.__getitem__) - best) <= 1  # one path; the valley is flat
    exact = 2.4025 * best + 4.09625 * (load - best + poisson.cdf(np.arange(best), load).sum())
    assert usd[best] == pytest.approx(exact, rel=0.02)
    assert exact == pytest.approx({12: 36.3621681547112, 98: 256.141541831028}[best], rel=1e-12)


def _hired(scenario: Scenario):
    values = {"hired": {"gpu": {"gpus": 1, "usd_per_node_h": 4.09625}}}
    return type(scenario.plans["own"]).model_validate(values)
