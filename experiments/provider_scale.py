"""The article's thesis: the provider wins by scale and by cheap LoRA.

    python experiments/provider_scale.py [--p-wait 0.2] [--reps 20] [--out outputs/provider_scale]

Scale: tenants with the article's 12 fine-tunes a day of 2 h each (1 erlang), on a fleet each or all on one fleet, each
fleet the smallest on which at most --p-wait of the runs have to wait. The sizes are searched by simulation; Erlang's C
formula and the square-root staffing line (Halfin & Whitt 1981) are drawn over them. Then the same tenants in bursts.

Cheap LoRA: adapters of one base model (Llama-3.1-8B on an H100, the measured pace of scenarios/chat.yaml), on a replica
each, or all on shared replicas, the fewest that have 95 % of the first tokens within a second.
"""

import argparse
import math
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

import sim
from sim.doors.cli.app import guarded
from sim.ground.estimate import Estimate, ratio
from sim.ground.faults import InputError
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, Tree, as_values, build, load
from sim.questions.charts.pooling import Adapters, Crowd
from sim.questions.tables import as_csv, grid_text, number, with_interval

CROWDS = (1, 2, 4, 8, 16, 32, 64)
RUNS_A_DAY, HOURS_A_RUN = 12.0, 2.0  # the article: 2 h a run, so 12 a day on a node that never idles
BURSTY_CV = 3.0  # assumed: cv of the gaps of a tenant who comes in bursts
ENGINEER, NODES_PER_ENGINEER = 200_000.0, 50  # the article's engineer; one for up to so many nodes (assumed)
ADAPTERS = (1, 2, 4, 8, 16, 24, 32, 48, 64)
RATE_OF_ONE = 0.5  # requests a second of one adapter (assumed)
SLOTS, LOAD_MS, SLOWDOWN = 64, 30.0, 0.1  # assumed: adapters in a replica, time to load one, iterations longer by
TTFT_P95_S = 1.0  # assumed level: 95 % of the first tokens within a second
RESERVED = 19.22  # USD an hour of a p4d.24xlarge, reserved for a year, list price of 2023


def erlang_c(servers: int, load: float) -> float:
    """Probability that a job must wait for one of some servers under an offered load in erlangs.

    References: Cooper, Introduction to Queueing Theory (1981), by the recursion of Erlang's B formula.
    """
    if servers <= load:
        return 1.0
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def halfin_whitt(p_wait: float) -> float:
    """Find beta of c = a + beta sqrt(a) at which so many jobs wait, in the limit of large loads.

    References: Halfin & Whitt, Heavy-Traffic Limits for Queues with Many Exponential Servers (1981).
    """
    low, high = 0.0, 10.0
    normal = NormalDist()
    for _ in range(100):
        beta = (low + high) / 2
        waits = 1 / (1 + beta * normal.cdf(beta) / normal.pdf(beta))
        low, high = (beta, high) if waits > p_wait else (low, beta)
    return (low + high) / 2


def tenants(count: int, nodes: int, cv: float, days: float) -> Scenario:
    """State so many tenants on one fleet."""
    law: dict[str, Any] = {"law": "poisson"} if cv == 1 else {"law": "gamma", "cv": cv}
    each = {
        "kind": "fine_tune",
        "arrivals": {**law, "rate_per_day": RUNS_A_DAY},
        "gpus": 8,
        "tokens_millions": {"law": "exponential", "mean": 1},
        "hours_per_million_tokens": HOURS_A_RUN,
    }
    held = {"p4d": {"instance": "p4d.24xlarge", "rate": "reserved_1y", "nodes": nodes}}
    values = {
        "name": "provider_scale",
        "seed": 2023,
        "horizon_days": days,
        "warm_up_days": 10,
        "price_date": "2023-10-01",
        "workload": {f"tenant_{k + 1}": each for k in range(count)},
        "plans": {"pool": {"held": held}},
    }
    return build(Tree(values))


def share_waiting(count: int, nodes: int, cv: float, reps: int) -> Estimate:
    """Simulate which share of the runs has to wait."""
    days = max(120.0, 2000 / count)  # some 24,000 runs or more a path
    outcome = sim.run(tenants(count, nodes, cv, days), reps, exact=True).outcomes["pool"]
    waited, jobs = np.zeros(reps), np.zeros(reps)
    for each in outcome.classes.values():
        offsets = each.offsets("wait_h")
        before = np.concatenate(([0], np.cumsum(each.values["wait_h"].values > 0)))
        waited += np.diff(before[offsets])
        jobs += np.diff(offsets)
    return ratio(waited, jobs, 0.95)


def smallest(meets: Callable[[int], bool], start: int) -> int:
    """Find the least number from 1 on that meets a level, where all larger ones do: by growing steps, then halving."""
    low, high, step = start - 1, start, 1
    while not meets(high):
        low, high, step = high, high + step, 2 * step
    while 0 < low < start and meets(low):
        low, high, step = max(0, low - step), low, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return high


def crowd(count: int, cv: float, p_wait: float, reps: int) -> Crowd:
    """Size the fleet of some tenants: the fewest nodes at which no more have to wait, with an interval."""

    @cache
    def waiting(nodes: int) -> Estimate:
        return share_waiting(count, nodes, cv, reps)

    load = count * RUNS_A_DAY * HOURS_A_RUN / 24
    least = math.floor(load) + 1
    guess = max(least, math.ceil(load + halfin_whitt(p_wait) * cv * math.sqrt(load)))

    def enough(bound: str) -> Callable[[int], bool]:
        def meets(nodes: int) -> bool:
            found = waiting(nodes) if nodes >= least else None
            return found is not None and (getattr(found, bound) or 0.0) <= p_wait

        return meets

    nodes = smallest(enough("value"), guess)
    low, high = smallest(enough("low"), nodes), smallest(enough("high"), nodes)
    return Crowd(count, load, nodes, (low, high), waiting(nodes))


def usd_a_run(crowd_: Crowd, nodes: float) -> float:
    """Price a run: the fleet's nodes over its runs."""
    return nodes * RESERVED * 24 / (crowd_.tenants * RUNS_A_DAY)


def staff_a_run(crowd_: Crowd) -> float:
    """Price the engineers of a run: one for so many nodes, at least one."""
    head_count = math.ceil(crowd_.nodes / NODES_PER_ENGINEER)
    return head_count * ENGINEER / (365 * crowd_.tenants * RUNS_A_DAY)


def erlang_nodes(load: float, p_wait: float) -> int:
    """Find the fewest nodes at which Erlang's C formula lets no more wait."""
    return smallest(lambda nodes: erlang_c(nodes, load) <= p_wait, math.floor(load) + 1)


def crowds_text(even: list[Crowd], bursty: list[Crowd], p_wait: float) -> str:
    """Lay out fleet sizes and costs, a row a number of tenants."""
    beta = halfin_whitt(p_wait)
    head = ["tenants", "nodes", "interval", "Erlang C", "a + beta sqrt(a)", "wait", "by Erlang C", "USD a run"]
    head += ["with engineers", f"bursty (cv {BURSTY_CV:g}): nodes", "interval", "bursty: USD a run"]
    rows = []
    for one, other in zip(even, bursty, strict=True):
        usd = usd_a_run(one, one.nodes)
        rows.append(
            [
                str(one.tenants),
                str(one.nodes),
                f"{one.interval[0]} to {one.interval[1]}",
                str(erlang_nodes(one.load, p_wait)),
                f"{one.load + beta * math.sqrt(one.load):.1f}",
                with_interval(one.waiting),
                number(erlang_c(one.nodes, one.load)),
                number(usd),
                number(usd + staff_a_run(one)),
                str(other.nodes),
                f"{other.interval[0]} to {other.interval[1]}",
                number(usd_a_run(other, other.nodes)),
            ]
        )
    return grid_text(head, rows)


def lora(count: int, nodes: int) -> Scenario:
    """State adapters on a replica each, and on shared replicas."""
    values = as_values(load(shipped("scenarios") / "chat.yaml"))
    own = values["plans"]["own"]["held"]["h100"]
    shared = {"placement": "shared", "slots": min(SLOTS, count), "load_ms": LOAD_MS, "slowdown": SLOWDOWN}
    for name, number_of, rules in (("shared", nodes, shared), ("dedicated", count, {"placement": "dedicated"})):
        serve = {**own["serve"], "adapters": rules}
        values["plans"][name] = {"held": {"h100": {**own, "nodes": number_of, "serve": serve}}}
    values["plans"] = {name: values["plans"][name] for name in ("shared", "dedicated", "api")}
    values["workload"]["chat"]["arrivals"] = {"law": "poisson", "rate_per_second": RATE_OF_ONE * count}
    values["workload"]["chat"]["adapters"] = {"count": count}
    values["equal_work"] = {"not_started_share": 0.01, "ttft_p95_s": TTFT_P95_S}
    values["name"] = "adapters"
    return build(Tree(values))


def adapters(count: int, reps: int) -> Adapters:
    """Find the fewest shared replicas that have the first token in time, and price both ways."""

    @cache
    def plans(nodes: int) -> dict[str, Any]:
        found: dict[str, Any] = sim.run(lora(count, nodes), reps).result["plans"]
        return found

    def meets(nodes: int) -> bool:
        return nodes >= 1 and bool(plans(nodes)["shared"]["eligible"])

    nodes = smallest(meets, 1)
    costs, first = [], []
    for plan in ("shared", "dedicated", "api"):
        each = plans(nodes)[plan]["classes"]["chat"]
        costs.append(each["usd_per_million_output_tokens"])
        first.append(each["ttft_s"]["all"]["p95"].value)
    return Adapters(count, nodes, costs[0], costs[1], costs[2].value or 0.0, (first[0], first[1]))


def adapters_text(found: list[Adapters]) -> str:
    """Lay out the cost of tokens, a row a number of adapters."""
    head = ["adapters", "shared H100s", "shared: USD/M", "dedicated: USD/M", "dedicated / shared"]
    rows = [
        [
            str(each.count),
            str(each.nodes),
            with_interval(each.shared),
            with_interval(each.dedicated),
            f"{each.times:.2f}",
            *(number(seconds) for seconds in each.ttft_p95_s),
        ]
        for each in found
    ]
    return grid_text([*head, "shared: TTFT p95, s", "dedicated: TTFT p95, s"], rows)


def verdict(even: list[Crowd], bursty: list[Crowd], found: list[Adapters]) -> str:
    """Judge the claim: how many times cheaper by scale, and by sharing a base model."""

    def times(crowds: list[Crowd]) -> str:
        one, all_ = crowds[0], crowds[-1]
        value = one.nodes * all_.tenants / all_.nodes
        low = one.interval[0] * all_.tenants / all_.interval[1]
        high = one.interval[1] * all_.tenants / all_.interval[0]
        return f"{value:.2f} [{low:.2f}, {high:.2f}] times"

    one, all_ = even[0], even[-1]
    staffed = [usd_a_run(each, each.nodes) + staff_a_run(each) for each in (one, all_)]
    most = found[-1]
    return "\n".join(
        [
            'The article: "the provider wins by scale and by cheap LoRA". Right in both; by how much:',
            f"- scale: on one fleet for {all_.tenants} tenants a run needs {times(even)} less hardware than on a fleet"
            f" each,\n  {times(bursty)} where they come in bursts; with engineers {staffed[0] / staffed[1]:.2f} times"
            f" ({number(staffed[0])} against {number(staffed[1])} USD).\n  Half of the gain by hardware is there at"
            f" {half_gain(even)} tenants: a large buyer has it as well.",
            f"- LoRA: {most.count} adapters on {most.nodes} shared H100s cost {most.times:.1f} times less a token than"
            f" on one each\n  ({with_interval(most.shared)} against {with_interval(most.dedicated)} USD per million"
            f" output tokens).\n  It is idle time filled: the gain ends where a shared replica is full.",
        ]
    )


def half_gain(crowds: list[Crowd]) -> int:
    """Find with how many tenants half of what the largest fleet saves is saved."""
    usd = [each.nodes / each.tenants for each in crowds]
    return next(each.tenants for each, cost in zip(crowds, usd, strict=True) if cost <= (usd[0] + usd[-1]) / 2)


def csv_text(even: list[Crowd], bursty: list[Crowd], found: list[Adapters]) -> str:
    """Write both tables as CSV."""
    rows = list[list[Any]]()
    for name, crowds in (("poisson", even), (f"gamma cv {BURSTY_CV:g}", bursty)):
        for each in crowds:
            usd = f"{usd_a_run(each, each.nodes):.6g}"
            rows.append([name, each.tenants, each.nodes, *each.interval, f"{each.waiting.value:.6g}", usd])
    rows += [[], ["adapters", "shared_nodes", "shared_usd_per_million", "dedicated_usd_per_million"]]
    for row in found:
        costs = (f"{cost.value:.6g}" for cost in (row.shared, row.dedicated))
        rows.append([row.count, row.nodes, *costs])
    return as_csv(["arrivals", "tenants", "nodes", "nodes_low", "nodes_high", "wait_share", "usd_a_run"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--p-wait", type=float, default=0.2, help="largest share of the runs that may have to wait")
    parser.add_argument("--reps", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("outputs/provider_scale"))
    arguments = parser.parse_args()
    if not 0 < arguments.p_wait < 1:
        raise InputError.one("--p-wait", f"must be between 0 and 1, got {arguments.p_wait:g}")
    folder = output_folder(arguments.out)
    even, bursty, found = [], [], []
    for done, count in enumerate(CROWDS, 1):
        even.append(crowd(count, 1.0, arguments.p_wait, arguments.reps))
        bursty.append(crowd(count, BURSTY_CV, arguments.p_wait, arguments.reps))
        sys.stderr.write(f"\r{done}/{len(CROWDS)} fleets" + "\n" * (done == len(CROWDS)))
    for done, count in enumerate(ADAPTERS, 1):
        found.append(adapters(count, max(2, arguments.reps // 4)))
        sys.stderr.write(f"\r{done}/{len(ADAPTERS)} sets of adapters" + "\n" * (done == len(ADAPTERS)))
    print(f"the fewest p4d at which at most {100 * arguments.p_wait:g} % of the runs wait (1 erlang a tenant):\n")
    print(crowds_text(even, bursty, arguments.p_wait))
    print(
        f"\nadapters of one base model, {RATE_OF_ONE:g} requests/s each, first token of 95 % within {TTFT_P95_S:g} s:\n"
    )
    print(adapters_text(found) + "\n")
    print(verdict(even, bursty, found))
    figure = sim.charts.pooling(
        even,
        bursty,
        found,
        usd_per_node=usd_a_run(even[0], 1.0) * even[0].tenants,
        beta=halfin_whitt(arguments.p_wait),
        p_wait=arguments.p_wait,
        note=f"Bursts: cv {BURSTY_CV:g} of each tenant's gaps. LoRA on Llama-3.1-8B, {RATE_OF_ONE:g} requests/s an"
        f" adapter (assumed), iterations {100 * SLOWDOWN:g} % longer where replicas are shared (assumed).",
        source=f"p4d.24xlarge reserved {RESERVED:g} USD/h (list price, 2023); H100 6.98 USD/h, pace measured"
        f" (arXiv 2606.11690); {arguments.reps} replications, seed 2023; interval: 95 %",
    )
    write(folder / "provider_scale.csv", csv_text(even, bursty, found))
    print("\nwrote", *sim.charts.save(figure, folder, "provider_scale"), folder / "provider_scale.csv")


if __name__ == "__main__":
    guarded(main)
