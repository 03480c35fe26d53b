"""A decision as the JSON contract states it. Keys are added, never renamed; what there is not is null."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from sim.ground.estimate import (
    WORST,
    Estimate,
    Lacking,
    clustered_mean,
    clustered_quantile,
    conditional_value_at_risk,
    probability_over,
    ratio,
    share,
    share_between,
)
from sim.ground.scenario.decision_misfits import completed
from sim.ground.units import Floats
from sim.questions.decision.outcomes import Outcomes, Values
from sim.questions.decision.regret import (
    Bools,
    cheapest,
    expected_regret,
    late_regret,
    probability_cheapest,
    regret,
    regret_where,
)
from sim.questions.decision.verdict import Verdict, judge, rankable
from sim.study.result import PERCENTILES

SCHEMA: Final = 1
_TAIL = 0.95
_DRAWN = {"p10": 0.1, "p50": 0.5, "p90": 0.9}

Json = dict[str, Any]


def _over_paths(values: Floats, confidence: float) -> Json:
    """Estimate the mean and the percentiles of one path."""
    percentiles = {key: clustered_quantile(values, p, confidence) for key, p in PERCENTILES.items()}
    return {"mean": _mean(values, confidence)} | percentiles


def _mean(values: Floats, confidence: float) -> Estimate:
    """Estimate an expectation; one future tells none."""
    return _alone(values) or clustered_mean(values, confidence)


def _alone(values: Floats) -> Lacking | None:
    """Say that one future tells no expectation, where there is but one."""
    return Lacking(None, n=1, reason="needs at least 2 futures, got 1") if len(values) < 2 else None


def _per_job(total: Floats, jobs: Floats, confidence: float) -> Json:
    """Estimate the cost of a path over its jobs: its mean as a ratio of sums, its percentiles over paths with jobs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(jobs > 0, total / jobs, np.nan)
    mean = _alone(total) or ratio(total.sum(axis=1), jobs.sum(axis=1), confidence)
    return _over_paths(each, confidence) | {"mean": mean}


def _worst(npv: Floats, confidence: float) -> Estimate:
    """Estimate the mean cost of the worst 5 % of the paths."""
    found = conditional_value_at_risk(npv, _TAIL, confidence)
    if found.value is not None:
        return found
    needed = round(WORST / (1 - _TAIL))
    return Lacking(None, n=len(npv), reason=f"needs at least {needed} futures, got {len(npv)}")


def _reasons(outcomes: Outcomes, number: int) -> list[Json]:
    """List why a strategy did not do the work, the most frequent first: in how many futures, and one such reason.

    Reasons that differ by their numbers alone are one.
    """
    met: dict[str, list[str]] = {}
    for each in outcomes.reasons:
        if (reason := each[number]) is not None:
            met.setdefault("".join(sign for sign in reason if not (sign.isdigit() or sign in ".,+-")), []).append(
                reason
            )
    return [{"futures": len(texts), "for_example": texts[0]} for texts in sorted(met.values(), key=len, reverse=True)]


def _strategy(outcomes: Outcomes, number: int, ranked: bool, credit: Floats, regrets: Floats) -> Json:
    """Estimate everything about one strategy."""
    confidence = float(outcomes.scenario.confidence)
    npv, total, jobs, paid = (
        each[:, :, number] for each in (outcomes.npv, outcomes.total, outcomes.jobs, outcomes.paid)
    )
    unfit = outcomes.unfit[:, number]
    parts = {name: each[:, number].sum(axis=1) for name, each in outcomes.parts.items()}
    return {
        "ranked": ranked,
        "unfit_share": share(float(unfit.sum()), len(unfit), confidence),
        "unfit": _reasons(outcomes, number),
        "npv_usd": _over_paths(npv, confidence),
        "cvar95_npv_usd": _worst(npv, confidence),
        "total_cost_usd": _over_paths(total, confidence),
        "cost_per_job_usd": _per_job(total, jobs, confidence),
        "jobs": _mean(jobs, confidence),
        "parts_usd": {name: _mean(each[:, None], confidence) for name, each in parts.items()},
        "stranded_usd": _mean(outcomes.stranded[:, [number]], confidence),
        "probability_over_budget": _over_budget(paid, outcomes.budget, confidence),
        "probability_cheapest": probability_cheapest(credit, confidence) if ranked else None,
        "expected_regret_usd": expected_regret(regrets, confidence) if ranked else None,
        "p95_regret_usd": late_regret(regrets, confidence) if ranked else None,
        "variance_from_futures": share_between(npv, confidence),
    }


def _over_budget(paid: Floats, budget: Floats, confidence: float) -> Estimate | None:
    """Estimate the probability that a path pays more than the budget, where there is one."""
    return None if np.isnan(budget).all() else probability_over(paid - budget[:, None], 0.0, confidence)


def _regret_table(
    names: Sequence[str], ranked: Bools, credit: Floats, regrets: Floats, confidence: float
) -> list[Json]:
    """Lay out what each choice costs more where a certain one is the cheapest: a row a cheapest strategy."""
    numbers = [int(each) for each in np.flatnonzero(ranked)]
    return [
        {
            "cheapest": names[row],
            "probability": probability_cheapest(credit[:, :, row], confidence),
            "futures": int(np.count_nonzero(credit[:, :, row].any(axis=1))),
            "regret_usd": {
                names[choice]: regret_where(credit[:, :, row], regrets[:, :, choice], confidence) for choice in numbers
            },
        }
        for row in numbers
    ]


def _verdict(verdict: Verdict, names: Sequence[str]) -> Json:
    """Tell the verdict by the names of the strategies."""
    return {
        "answer": verdict.answer,
        "choice": None if verdict.choice is None else names[verdict.choice],
        "runner_up": None if verdict.runner_up is None else names[verdict.runner_up],
        "others_cost_more_usd": {names[each]: more for each, more in verdict.more.items()},
        "alike": [names[each] for each in verdict.alike],
        "undecided": [names[each] for each in verdict.undecided],
    }


def _difference_share(outcomes: Outcomes, allowed: Bools, verdict: Verdict) -> Estimate | None:
    """Estimate which share of the variance of what the runner-up costs more comes from the futures."""
    if verdict.choice is None or verdict.runner_up is None:
        return None
    both = allowed[:, verdict.choice] & allowed[:, verdict.runner_up]
    apart = outcomes.npv[both][:, :, verdict.runner_up] - outcomes.npv[both][:, :, verdict.choice]
    return share_between(apart, float(outcomes.scenario.confidence))


def _drawn(values: Values) -> Json:
    """Sum up the values that were drawn: deciles of numbers, how often each word came."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = values.astype(np.float64)
        return {key: float(np.quantile(numbers, p)) for key, p in _DRAWN.items()}
    words = [str(value) for value in values]
    return {word: words.count(word) / len(words) for word in sorted(set(words))}


def _uncertain(outcomes: Outcomes) -> Json:
    """List the uncertain numbers: by which law, from where, and what was drawn."""
    return {
        key: {"law": law.words, "source": law.source, "drawn": _drawn(outcomes.values[key])}
        for key, law in outcomes.scenario.uncertain.items()
    }


def _warned(outcomes: Outcomes) -> list[Json]:
    """Warn of what makes a decision say less than it seems to."""
    found = []
    if not outcomes.scenario.uncertain and not _moves(outcomes):
        text = "nothing is uncertain: all futures are the same, only their noise differs"
        found.append({"code": "nothing_uncertain", "text": f"{text}; give {{p10: .., p90: ..}} to a number"})
    if outcomes.futures < 2:
        found.append({"code": "one_future", "text": "one future: no interval is available; raise --futures"})
    return found


def _moves(outcomes: Outcomes) -> bool:
    """Tell whether anything but the uncertain numbers differs from future to future: steps of prices, events."""
    decision = completed(outcomes.scenario)
    return bool(decision.events) or any(path.steps is not None for path in decision.prices.values())


def result(outcomes: Outcomes, warnings: list[dict[str, str]]) -> Json:
    """Estimate everything about a decision.

    Parameters
    ----------
    outcomes : Outcomes
        What every strategy came to in every future.
    warnings : list of dict
        What a reader must know of the scenario itself.

    Returns
    -------
    dict
        The contract's keys; estimates are ``Estimate`` objects until ``as_json`` makes them plain.
    """
    scenario, names = outcomes.scenario, outcomes.strategies
    confidence, decision = float(scenario.confidence), completed(scenario)
    ranked = rankable(outcomes.unfit, float(decision.unfit_share))
    allowed = ranked & ~outcomes.unfit
    regrets = regret(outcomes.npv, allowed)
    credit = cheapest(regrets)
    verdict = judge(outcomes.npv, allowed, regrets, confidence)
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "seed": outcomes.seed,
        "futures": outcomes.futures,
        "replications": outcomes.replications,
        "months": outcomes.months,
        "discount_percent_a_year": float(decision.discount_percent_a_year),
        "budget_usd": None if decision.budget_usd is None else float(decision.budget_usd),
        "confidence": confidence,
        "price_date": scenario.price_date,
        "inputs": [asdict(entry) for entry in scenario.inputs()],
        "uncertain": _uncertain(outcomes),
        "warnings": _warned(outcomes) + warnings,
        "verdict": _verdict(verdict, names),
        "strategies": {
            name: _strategy(outcomes, number, bool(ranked[number]), credit[:, :, number], regrets[:, :, number])
            for number, name in enumerate(names)
        },
        "regret_table": _regret_table(names, ranked, credit, regrets, confidence),
        "difference_variance_from_futures": _difference_share(outcomes, allowed, verdict),
    }
