"""Agreement with a peer, the queueing simulator Ciw, on two networks: each within the error of the difference."""

import math

import ciw
import numpy as np
from worlds import scenario

from sim.ground.estimate import Estimate, mean
from sim.study import run

HOURS, WARM_UP, REPLICATIONS = 1200, 120, 20
NODES = {"held": {"n": {"gpus": 1, "usd_per_node_h": 1, "nodes": 3}}}
WORLD = """
name: peer
seed: 5
horizon_days: 50
warm_up_days: 5
workload: {}
plans: {}
"""


def ours(workload: dict, plan: dict) -> dict:
    """Our classes with their estimates, from 20 times as many replications as Ciw gets."""
    study = run(scenario(WORLD, {"workload": workload, "plans": {"own": plan}}), replications=20 * REPLICATIONS)
    return study.result["plans"]["own"]["classes"]


def theirs(network, *job_classes: str) -> dict[str, tuple[Estimate, Estimate]]:
    """Ciw's mean wait of each class, and the share of it that reneged, over replications."""
    found = {name: ([], []) for name in job_classes}
    for seed in range(REPLICATIONS):
        ciw.seed(seed)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_time(HOURS + 50)
        records = [each for each in simulation.get_all_records() if WARM_UP <= each.arrival_date < HOURS]
        for name, (waits, shares) in found.items():
            own = [each for each in records if each.original_customer_class == name]
            waits.append(np.mean([each.waiting_time for each in own]))
            shares.append(np.mean([each.record_type == "renege" for each in own]))
    return {name: tuple(mean(np.array(values), 0.95) for values in pair) for name, pair in found.items()}


def agree(mine: Estimate, other: Estimate, factor: float = 1.0) -> bool:
    """Whether two estimates differ by at most 5 standard errors of their difference."""
    return abs(mine.value * factor - other.value) <= 5 * math.hypot(mine.se, other.se)


def test_three_servers():
    service = {"law": "exponential", "mean": 0.9}
    tuning = {"kind": "fine_tune", "arrivals": {"law": "poisson", "mean_hours": 0.5}, "service_hours": service}
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(2.0)],
        service_distributions=[ciw.dists.Exponential(1 / 0.9)],
        number_of_servers=[3],
    )
    wait, reneged = theirs(network, "Customer")["Customer"]
    found = ours({"tuning": tuning}, NODES)["tuning"]["wait_h"]["mean"]
    assert wait.se < 0.05 * wait.value
    assert agree(found, wait)
    assert not agree(found, wait, factor=1.3)  # negative control
    assert reneged.value == 0


def test_priorities_and_patience_on_lognormal_service():
    # Two classes on two servers, offered load 2.2: the second yields to the first, both lose patience after 2 h on
    # average (exponential). Lognormal service of mean 1.1 and cv 0.8, of mean 0.8 and cv 1.5.
    sizes = {"first": (1.1, 0.8), "second": (0.8, 1.5)}
    rates = {"first": 1.0, "second": 1.375}
    workload = {
        name: {
            "kind": "fine_tune",
            "arrivals": {"law": "poisson", "mean_hours": 1 / rates[name]},
            "service_hours": {"law": "lognormal", "mean": sizes[name][0], "cv": sizes[name][1]},
            "priority": priority,
        }
        for priority, name in enumerate(sizes)
    }
    plan = {"held": {"n": NODES["held"]["n"] | {"nodes": 2}}, "patience_hours": {"law": "exponential", "mean": 2}}
    spread = {name: math.log1p(cv * cv) for name, (_, cv) in sizes.items()}
    network = ciw.create_network(
        arrival_distributions={name: [ciw.dists.Exponential(rate)] for name, rate in rates.items()},
        service_distributions={
            name: [ciw.dists.Lognormal(math.log(size) - spread[name] / 2, math.sqrt(spread[name]))]
            for name, (size, _) in sizes.items()
        },
        reneging_time_distributions={name: [ciw.dists.Exponential(0.5)] for name in sizes},
        priority_classes={"first": 0, "second": 1},
        number_of_servers=[2],
    )
    found = ours(workload, plan | {"api": {"usd_per_job": 1}})
    for name, (wait, reneged) in theirs(network, *sizes).items():
        assert max(wait.se / wait.value, reneged.se / reneged.value) < 0.05
        assert agree(found[name]["wait_h"]["mean"], wait)
        assert agree(found[name]["api_share"], reneged)
        assert not agree(found[name]["wait_h"]["mean"], wait, factor=1.3)  # negative control
    assert found["first"]["wait_h"]["mean"].value < found["second"]["wait_h"]["mean"].value
