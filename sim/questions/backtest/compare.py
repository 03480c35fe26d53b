"""What a month was simulated to cost against what it was billed: line by line, price and use told apart.

The difference of a line is simulated less billed: (q_s - q_b) p_b + (p_s - p_b) q_s, with quantities q and mean prices
p = USD / q. The first is an error of use, the second one of price; they add up.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import numpy as np

from sim.engine.money import LINES
from sim.engine.money.memo import HIRED_PAID_H
from sim.ground.estimate import Estimate, mean
from sim.ground.faults import InputError
from sim.ground.jobs import API
from sim.ground.scenario import Plan, Scenario
from sim.ground.units import HOURS_PER_DAY, Floats
from sim.questions.backtest.focus import Charges, Invoice
from sim.questions.backtest.lines import COMPARED
from sim.study.outcome import Outcome
from sim.study.simulate import Experiment, Served
from sim.study.threads import Progress, mapper, pool

Json = dict[str, Any]
SCHEMA: Final = 1
_SAME_HOURS: Final = 1e-6
_HIRED: Final = {"on_demand": ("on_demand_used", "on_demand_idle"), "spot": ("spot_used", "spot_idle")}
_SIMULATED: Final = {"held": ("held_used", "held_idle"), **_HIRED, "api": ("api",)}


def backtest(
    scenario: Scenario,
    plan_name: str | None,
    invoice: Invoice,
    replications: int,
    seed: int,
    threads: int = 0,
    progress: Progress | None = None,
) -> Json:
    """Simulate a month under the plan that was in force, and compare it with the month's invoice.

    Parameters
    ----------
    scenario : Scenario
        Its counted time is the month; usually its work is the month's log.
    plan_name : str or None
        May be left out where the scenario has but one plan.
    invoice : Invoice
        What was billed.
    replications, seed, threads : int
        As of a run.

    Returns
    -------
    dict
        Lines compared, what is invoiced and not simulated, what is simulated and not invoiced, totals.

    Raises
    ------
    InputError
        When the plan is not told, or the scenario's counted time is not as long as the month.
    """
    name = _plan_name(scenario, plan_name)
    if abs(scenario.counted_hours - invoice.hours) > _SAME_HOURS:
        days, counted = invoice.hours / HOURS_PER_DAY, scenario.counted_hours / HOURS_PER_DAY
        text = f"must leave {days:g} days after warm_up_days for {invoice.month:%Y-%m}, got {counted:g}"
        raise InputError.one("horizon_days", f"{text}; --set horizon_days={days + scenario.warm_up_days:g}")
    only = scenario.model_copy(update={"plans": {name: scenario.plans[name]}})
    outcome, tokens = _simulated(Experiment.of(only, seed), name, replications, threads, progress)
    confidence = float(scenario.confidence)
    usd = {line: _sum(outcome, _SIMULATED[line]) for line in COMPARED}
    quantities = _quantities(only.plans[name], only, outcome, usd["spot"], tokens)
    lines = {
        line: _line(list(invoice.lines[line].items()), usd[line], quantities[line], confidence) for line in COMPARED
    }
    billed = sum((each.usd for services in invoice.lines.values() for each in services.values()), Decimal(0))
    others = [line for line in LINES if not any(line in names for names in _SIMULATED.values())]
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "plan": name,
        "month": f"{invoice.month:%Y-%m}",
        "cost": invoice.cost,
        "seed": seed,
        "replications": replications,
        "confidence": confidence,
        "lines": lines,
        "compared": _difference(billed, np.sum(list(usd.values()), axis=0), confidence),
        "not_simulated": {key: _apart(each) for key, each in sorted(invoice.apart.items())},
        "not_invoiced": {line: mean(_sum(outcome, (line,)), confidence) for line in others},
        "invoice_usd": {cost: float(total) for cost, total in invoice.totals.items()},
        "adds_up": invoice.summed == invoice.totals[invoice.cost],
    }


def _plan_name(scenario: Scenario, told: str | None) -> str:
    """Find the plan that was in force."""
    if told is None and len(scenario.plans) == 1:
        return next(iter(scenario.plans))
    if told not in scenario.plans:
        known = ", ".join(scenario.plans)
        raise InputError.one("--plan", f"must name the plan that was in force ({known}), got {told!r}")
    return str(told)


def _simulated(
    ready: Experiment, name: str, replications: int, threads: int, progress: Progress | None
) -> tuple[Outcome, Floats]:
    """Run a plan; tell what came of it, and the tokens that its API was paid for in each replication."""

    def piece(numbers: range) -> tuple[Outcome, Floats]:
        served = ready.served(name, ready.work(numbers))
        return ready.charged(name, served)[0], _api_tokens(served, ready.opens, len(numbers))

    with pool(threads) as executor:
        parts: list[tuple[Outcome, Floats]] = list(mapper(executor, progress)(piece, ready.pieces(replications)))
    return Outcome.joined([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _api_tokens(served: Served, opens: int, replications: int) -> Floats:
    """Add up the tokens that the API is paid for: read and written by requests, trained by jobs; NaN if unknown.

    At an account a request is paid as often as it was charged; tokens that reserved units took are not among them.
    """
    found = np.zeros(replications)
    for _, requests, rows in served.requests:
        of = np.repeat(np.arange(replications), np.diff(requests.offsets))
        if rows.tries is None:
            times = (rows.outcome == API) & (rows.start >= opens)
        else:
            times = rows.tries.charged * (rows.tries.last >= opens)
        found += np.bincount(of, (requests.prompt + requests.output) * times, replications)
    if len(served.paths):
        of = np.repeat(np.arange(replications), np.diff(served.paths.offsets))
        at_api = (served.rows.outcome == API) & (served.rows.start >= opens)
        found += 1e6 * np.bincount(of[at_api], served.paths.tokens[at_api], replications)
    return found


def _sum(outcome: Outcome, names: Iterable[str]) -> Floats:
    """Add up lines of the bill in each replication."""
    return np.asarray(np.sum([outcome.lines[:, LINES.index(name)] for name in names], axis=0))


def _quantities(plan: Plan, scenario: Scenario, outcome: Outcome, spot_usd: Floats, tokens: Floats) -> dict[str, Json]:
    """Tell what was paid for: node hours and GPU hours, tokens at the API; what nobody can tell is left out."""
    replications = len(tokens)
    held = plan.all_nodes * scenario.counted_hours
    gpus = plan.all_gpus * scenario.counted_hours
    found: dict[str, Json] = {line: {} for line in COMPARED}
    if plan.api is None or plan.api.reserved is None:  # units are held too, and their hours are no node hours
        found["held"] = {"node hours": np.full(replications, held), "GPU hours": np.full(replications, gpus)}
    if not np.isnan(tokens).any():
        found["api"] = {"tokens": tokens}
    hired = outcome.memo[:, HIRED_PAID_H]
    tuning = plan.hired_tuning
    spot = np.zeros(replications)
    if tuning is not None and tuning.is_spot:
        rate = tuning.price("hired", scenario.price_date).value / tuning.gpus_per_node
        if not rate:
            return found
        spot = spot_usd / rate
    for line, hours in (("spot", spot), ("on_demand", np.maximum(hired - spot, 0.0))):
        sizes = {each.gpus_per_node for each in plan.hired.values() if each.is_spot == (line == "spot")}
        nodes = {"node hours": hours / next(iter(sizes))} if len(sizes) == 1 else {}
        found[line] = {"GPU hours": hours} | (nodes if sizes else {"node hours": hours})
    return found


def _line(services: list[tuple[str, Charges]], usd: Floats, quantities: Json, confidence: float) -> Json:
    """Compare one line: money, quantities, and which of the two makes the difference."""
    billed = sum((each.usd for _, each in services), Decimal(0))
    kinds = {kind for _, each in services for kind in each.quantities}
    kind = next(iter(kinds)) if len(kinds) == 1 else next(iter(quantities), "")
    silent = sum(each.silent for _, each in services)
    told = len(kinds) <= 1 and not silent
    used = sum((each.quantities.get(kind, Decimal(0)) for _, each in services), Decimal(0)) if told else None
    simulated = quantities.get(kind)
    return {
        **_difference(billed, usd, confidence),
        "unit": kind,
        "invoice_quantity": None if used is None else float(used),
        "simulated_quantity": Estimate(None) if simulated is None else mean(simulated, confidence),
        **_causes(billed, used, usd, simulated),
        "rows": sum(each.rows for _, each in services),
        "rows_without_quantity": silent,
        "services": {name: _apart(each) for name, each in sorted(services)},
    }


def _difference(billed: Decimal, usd: Floats, confidence: float) -> Json:
    """Tell money on both sides and what lies between."""
    apart = float(usd.mean()) - float(billed)
    return {
        "invoice_usd": float(billed),
        "simulated_usd": mean(usd, confidence),
        "difference_usd": apart,
        "difference_share": apart / float(billed) if billed else None,
    }


def _causes(billed: Decimal, used: Decimal | None, usd: Floats, simulated: Floats | None) -> Json:
    """Split the difference into what another price and what another use make of it; corrections alone have no price."""
    nothing = dict.fromkeys(("invoice_price", "simulated_price", "by_price_usd", "by_use_usd"))
    if used is None or simulated is None or used <= 0 or not simulated.mean():
        return nothing
    q_b, q_s, money = float(used), float(simulated.mean()), float(usd.mean())
    p_b, p_s = float(billed / used), money / q_s
    return {
        "invoice_price": p_b,
        "simulated_price": p_s,
        "by_price_usd": (p_s - p_b) * q_s,
        "by_use_usd": (q_s - q_b) * p_b,
    }


def _apart(each: Charges) -> Json:
    return {"usd": float(each.usd), "rows": each.rows}
