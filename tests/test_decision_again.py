"""Decisions worked out again by a small program of its own, node by node and month by month."""

import math
from itertools import pairwise

import numpy as np
import pytest
from worlds import scenario

from sim.questions.decision import decide
from sim.study import run

MONTHS, HOURS, GAP = 30, 730.0, 7.0
OWN = {
    "usd": 30_000.0,
    "life_years": 1.5,
    "resale_share": 0.2,
    "power_kw": 6.0,
    "usd_per_kwh": 0.15,
    "pue": 1.3,
    "space_usd_per_kw_month": 110.0,
    "maintenance_share_per_year": 0.06,
    "load_share": 0.8,
}
YEAR = {"gpus": 1, "nodes": 2, "usd_per_node_h": 3.0, "commitment": {"term_months": 12, "upfront_share": 0.5}}
PLANS = {
    "year": {"held": {"n": YEAR}, "staff": {"engineers": 0.5, "usd_per_year": 120_000.0}},
    "more": {
        "held": {"n": YEAR | {"nodes": 3}, "m": {"gpus": 1, "nodes": 1, "usd_per_node_h": 4.0}},
        "overhead_usd_per_year": 3000.0,
    },
    "monthly": {"held": {"n": {"gpus": 1, "nodes": 1, "usd_per_node_h": 4.0}}},
    "mine": {"held": {"n": {"gpus": 1, "nodes": 2, "owned": OWN}}},
    "api": {"api": {"usd_per_job": 5.0}},
}
TEXT = f"""\
name: again
seed: 1
horizon_days: {MONTHS * HOURS / 24}
workload:
  tuning: {{kind: fine_tune, arrivals: {{law: deterministic, mean_hours: {GAP}}}, service_hours: 0.5}}
plans: {{api: {{api: {{usd_per_job: 5}}}}}}
"""


# ---- the small program


def factor(path: dict, at: float, rises: float) -> float:
    """What a price has come to, ``at`` months from now."""
    drift = (1 + path.get("percent_a_year", 0) / 100) ** (at / 12)
    return drift * (path["rise"]["times"] if "rise" in path and at >= rises else 1)


class Prices:
    """Prices by kind: at the beginning of a month, and over it."""

    def __init__(self, paths: dict, events: dict):
        self.paths, self.events = paths, events

    def _rises(self, kind: str) -> float:
        rise = self.paths.get(kind, {}).get("rise", {})
        return self.events[rise["event"]] if "event" in rise else rise.get("after_months", math.inf)

    def on(self, kind: str, month: int) -> float:
        return factor(self.paths.get(kind, {}), month, self._rises(kind))

    def over(self, kind: str, month: int) -> float:
        rises = self._rises(kind)
        return factor(self.paths.get(kind, {}), month + 0.5, math.floor(rises) if rises < math.inf else rises)


def timetable(strategy: dict, prices: Prices) -> tuple[list[str], list[float]]:
    """Which plan is in force in each month, and what is paid for switching at its beginning."""
    switching = [0.0] * MONTHS
    switching[0] += strategy.get("switching_usd", 0)
    waiting = list(strategy.get("moves", []))
    lead = math.ceil(strategy.get("lead_months", 0))
    now, coming = (strategy.get("meanwhile"), (strategy["plan"], lead)) if lead else (strategy["plan"], None)
    found = []
    for month in range(MONTHS):
        while True:
            if coming and coming[1] == month:
                now, coming = coming[0], None
            if coming or not waiting or not came(waiting[0]["when"], prices, month):
                break
            move = waiting.pop(0)
            due = month + math.ceil(move.get("lead_months", 0))
            if due >= MONTHS:
                waiting = []
                break
            switching[month] += move.get("switching_usd", 0)
            coming = (move["to"], due)
        found.append(now)
    return found, switching


def came(when: dict, prices: Prices, month: int) -> bool:
    """Whether a cause has come by the beginning of a month."""
    if "event" in when:
        return prices.events[when["event"]] <= month
    if "month" in when:
        return when["month"] <= month
    stands = prices.on(when["price"], month)
    return stands >= when["times"] if when["times"] > 1 else stands <= when["times"]


class Books:
    """Cost by the month, cash at the end of each month and today."""

    def __init__(self):
        self.cost, self.cash = [0.0] * MONTHS, [0.0] * (MONTHS + 1)

    def pay(self, month: int, usd: float) -> None:
        """Accrue in a month, pay at its end."""
        self.cost[month] += usd
        self.cash[month + 1] += usd


def kinds(plan: str, month: int) -> dict[str, int]:
    """Nodes that a plan needs, by the terms they are bought on."""
    found: dict[str, int] = {}
    for group in PLANS[plan].get("held", {}).values():
        kind = "mine" if "owned" in group else "year" if "commitment" in group else "monthly"
        staged = sum(stage["nodes"] for stage in group.get("stages", []) if stage["month"] <= month)
        found[kind] = found.get(kind, 0) + group["nodes"] + staged
    return found


def terms(books: Books, needed: list[int], prices: Prices, pro_rata: bool = False) -> None:
    """Nodes for a year at 3 USD an hour, half of it upfront."""
    ends: list[tuple[int, float]] = []  # of each node whose term runs: when, and what a month costs
    for month, wanted in enumerate(needed):
        ends = [each for each in ends if each[0] > month]
        while len(ends) < wanted:
            monthly = 3.0 * HOURS * prices.on("held", month)
            ends.append((month + 12, monthly))
            books.cash[month] += 6 * monthly
        for _, monthly in ends:
            books.cost[month] += monthly
            books.cash[month + 1] += monthly / 2
    idle = 1 - needed[-1] / len(ends) if ends else 0.0
    for end, monthly in ends:
        beyond, owed = (end - MONTHS) * monthly, idle if pro_rata else 1.0
        books.cost[-1] += beyond * owed
        books.cash[-1] += beyond * (owed - 0.5)


def bought(books: Books, needed: list[int], prices: Prices) -> None:
    """Owned nodes: the one that came last goes first; each is sold for what the straight line leaves of it."""
    stack: list[tuple[int, float]] = []
    months = round(OWN["life_years"] * 12)
    power = HOURS * OWN["power_kw"] * OWN["load_share"] * OWN["pue"] * OWN["usd_per_kwh"]
    monthly = power + OWN["power_kw"] * OWN["space_usd_per_kw_month"]

    def left(at: int, each: tuple[int, float]) -> float:
        return each[1] * (1 - (1 - OWN["resale_share"]) * (at - each[0]) / months)

    for month, wanted in enumerate([*needed, 0]):
        while len(stack) > wanted:
            books.cash[month] -= left(month, stack.pop())
        for place, each in enumerate(stack):
            if each[0] + months == month:
                books.cash[month] -= left(month, each)
                stack[place] = (month, OWN["usd"] * prices.on("server", month))
                books.cash[month] += stack[place][1]
        while len(stack) < wanted:
            stack.append((month, OWN["usd"] * prices.on("server", month)))
            books.cash[month] += stack[-1][1]
        for _, usd in stack:
            books.cost[month] += usd * (1 - OWN["resale_share"]) / months
            books.pay(month, usd * OWN["maintenance_share_per_year"] / 12 + monthly)


def used(books: Books, plan: str, month: int, prices: Prices, jobs: float) -> None:
    """What a month of a plan costs besides its nodes for terms and its own."""
    books.pay(month, kinds(plan, month).get("monthly", 0) * 4.0 * HOURS * prices.over("held", month))
    if (staff := PLANS[plan].get("staff")) is not None:
        books.pay(month, staff["engineers"] * staff["usd_per_year"] / 12 * prices.over("staff", month))
    books.pay(month, PLANS[plan].get("overhead_usd_per_year", 0) / 12)
    if plan == "api":
        books.pay(month, 5.0 * jobs * prices.over("api", month))


def arrivals(month: int) -> int:
    """Jobs at 7, 14, 21 .. hours."""
    return math.ceil((month + 1) * HOURS / GAP) - max(1, math.ceil(month * HOURS / GAP))


def again(strategy: dict, paths: dict, events: dict, jobs=arrivals, pro_rata: bool = False) -> Books:
    """Follow a strategy through a future."""
    prices, books = Prices(paths, events), Books()
    plans, switching = timetable(strategy, prices)
    for month, plan in enumerate(plans):
        used(books, plan, month, prices, jobs(month))
        books.cost[month] += switching[month]
        books.cash[month] += switching[month]
    needed = [kinds(plan, month) for month, plan in enumerate(plans)]
    terms(books, [each.get("year", 0) for each in needed], prices, pro_rata)
    bought(books, [each.get("mine", 0) for each in needed], prices)
    return books


# ---- held against the product


PATHS = {
    "api": {"percent_a_year": -30.0, "rise": {"event": "ends", "times": 4.0}},
    "held": {"percent_a_year": -20.0},
    "server": {"percent_a_year": -15.0, "rise": {"after_months": 9.3, "times": 1.5}},
    "staff": {"percent_a_year": 4.0},
}
STRATEGIES = {
    "year": {"plan": "year"},
    "mine": {"plan": "mine", "switching_usd": 1000.0},
    "late": {"plan": "year", "lead_months": 1.5, "meanwhile": "api", "switching_usd": 500.0},
    "never": {"plan": "year", "lead_months": 40, "meanwhile": "api"},
    "sold": {"plan": "mine", "moves": [{"to": "api", "when": {"event": "new"}, "switching_usd": 70.0}]},
    "left": {
        "plan": "more",
        "moves": [
            {"to": "monthly", "when": {"event": "new"}, "lead_months": 2, "switching_usd": 20.0},
            {"to": "year", "when": {"month": 14}, "switching_usd": 30.0},
            {"to": "mine", "when": {"month": 20}, "lead_months": 1},
        ],
    },
    "both_at_once": {
        "plan": "api",
        "moves": [
            {"to": "year", "when": {"event": "new"}, "lead_months": 1, "switching_usd": 11.0},
            {"to": "more", "when": {"event": "new"}, "lead_months": 3, "switching_usd": 13.0},
        ],
    },
    "by_price": {
        "plan": "api",
        "moves": [
            {"to": "mine", "when": {"price": "held", "times": 0.9}, "lead_months": 0.2, "switching_usd": 5.0},
            {"to": "monthly", "when": {"price": "api", "times": 1.7}, "switching_usd": 6.0},
            {"to": "mine", "when": {"month": 25}, "lead_months": 5},
        ],
    },
    "to_itself": {"plan": "year", "moves": [{"to": "year", "when": {"month": 3}, "switching_usd": 9.0}]},
}
EVENTS = {"new": {"p10": 2.0, "p90": 20.0}, "ends": {"cases": [0, 0.0001, 3.5, 17.2, 29.9]}}


def question(strategies: dict, settings: dict | None = None, **more):
    decision = more | {
        "months": MONTHS,
        "discount_percent_a_year": 9.0,
        "budget_usd": 210_000.0,
        "prices": PATHS,
        "events": {name: {"after_months": law} for name, law in EVENTS.items()},
        "strategies": strategies,
    }
    return scenario(TEXT, {"plans": PLANS, "decision": decision, **(settings or {})})


def assert_same(decided, strategies: dict, *how) -> None:
    for number in range(decided.futures):
        events = {name: decided.values[f"decision.events.{name}.after_months"][number] for name in EVENTS}
        for place, name in enumerate(decided.strategies):
            books = again(strategies[name], PATHS, events, *how)
            told = f"{name} in future {number}: {events}"
            np.testing.assert_allclose(decided.cost[number, place], books.cost, atol=0.005, rtol=0, err_msg=told)
            np.testing.assert_allclose(decided.cash[number, place], books.cash, atol=0.005, rtol=0, err_msg=told)
            worth = sum(usd / 1.09 ** (month / 12) for month, usd in enumerate(books.cash))
            assert decided.npv[number, 0, place] == pytest.approx(worth, abs=0.005), told


def test_strategies_to_the_cent():
    decided = decide(question(STRATEGIES), futures=12, replications=1, jobs=1)
    assert_same(decided, STRATEGIES)
    over = (decided.cash.sum(axis=2) > 210_000).mean(axis=0)
    found = decided.result["strategies"]
    assert [found[name]["probability_over_budget"].value for name in STRATEGIES] == pytest.approx(over)
    assert 0 < over.mean() < 1


def test_terms_in_proportion_to_the_cent():
    made = question(STRATEGIES, {f"plans.{plan}.held.n.commitment.beyond": "pro_rata" for plan in ("year", "more")})
    assert_same(decide(made, futures=6, replications=1, jobs=1), STRATEGIES, arrivals, True)


def sampled(month: int) -> float:
    """Jobs a month of a period that ten days stand for, in a world that grows by 5 % a month: its gap shrinks."""
    cuts = [0, 6, 7, 12, 18, 24, 30]
    begin, end = next((a, b) for a, b in pairwise(cuts) if a <= month < b)
    growth = math.log(1.05) / HOURS
    expected = 1.05**begin * (1.05 ** (end - begin) - 1) / growth / GAP  # of the period
    return math.floor(expected * 240 / ((end - begin) * HOURS)) * HOURS / 240


def test_samples_of_a_world_that_grows_with_nodes_in_stages_to_the_cent(monkeypatch):
    staged = YEAR | {"stages": [{"month": 7, "nodes": 2}]}
    monkeypatch.setitem(PLANS, "year", PLANS["year"] | {"held": {"n": staged}})
    growing = {"horizon_days": 10, "workload.tuning.arrivals.growth_percent_per_month": 5}
    decided = decide(question(STRATEGIES, growing, step_months=6), futures=6, replications=1, jobs=1)
    assert_same(decided, STRATEGIES, sampled)


def test_what_only_a_run_leaves_out_is_no_warning_of_a_decision():
    made = question(
        {"year": {"plan": "year"}}, {"horizon_days": 10, "plans.year.held.n.stages": [{"month": 7, "nodes": 2}]}
    )
    codes = [each["code"] for each in decide(made, futures=2, replications=1, jobs=1).result["warnings"]]
    assert not {"uncertain", "stages"} & set(codes)
    told = [each["code"] for each in run(made, 2, jobs=1).result["warnings"]]
    assert {"uncertain", "stages"} <= set(told)  # negative control
