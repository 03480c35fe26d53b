"""The words of a report: what it was made by, what it leaves out, and a glossary. Not here: numbers."""

from typing import Any, Final

from sim.doors.report.findings import Findings

Json = dict[str, Any]

_ALL: Final = {
    "plan": "A way to buy capacity that is compared with others. All plans get the same jobs.",
    "sample path, replication": "One possible course of the whole horizon: when jobs come and how large they are. All "
    "plans are run on the same ones.",
    "interval": "Where the true value lies with the confidence stated, given that the scenario is right. It tells of "
    "chance alone, not of wrong assumptions.",
    "bill": "All that a plan pays over the counted time.",
    "cheapest on": "Share of the sample paths on which a plan has the lowest bill of all that do the same work.",
    "does the same work": "Starts enough of the jobs, and meets the service level where one is asked for. A plan that "
    "does not is not ranked.",
    "attributed cost": "GPU time that a job used, at its rate, or what the API charged for it.",
    "fully loaded cost": "The attributed cost and the job's share of idle time, staff and overhead.",
    "percentile": "p95 over jobs: 95 % of the jobs cost, or wait, at most so much.",
    "held": "Paid busy or idle; jobs wait for each other.",
    "hired": "Ordered when jobs call for it, paid until it is given back.",
    "utilization": "Share of paid GPU time in which jobs ran.",
    "idle": "GPU time that was paid and given to no job.",
    "break-even": "Value at which the mean bills of two plans are the same.",
    "turning point": "Value of one number, all others as stated, from which on another plan is the cheapest.",
}
_OF_TUNES: Final = {"wait": "From a job's arrival to its start, or to its hand-over to the API."}
_OF_REQUESTS: Final = {
    "TTFT": "Time to first token: from a request's arrival to its first token.",
    "TPOT": "Time per output token, from the first token to the last, over the tokens after the first.",
    "USD per million output tokens": "The fully loaded bill of the requests over the tokens written.",
}
_OF_DECISIONS: Final = {
    "future": "One draw of everything that is uncertain: prices, demand, events.",
    "present value": "All that is paid over the months, discounted to today.",
    "regret": "What a choice costs more than the best one would have, in the same future with the same noise.",
    "worth of knowing": "Expected regret spared by choosing after an uncertain number is known.",
}

_METHOD: Final = (
    "This is a simulation of single jobs, not a formula for averages. Arrivals and sizes are drawn from the laws of "
    "the scenario; every plan serves the same jobs on an exact clock, job by job; what nodes, the API and people cost "
    "is then charged line by line, so that the lines of a bill add up and every job bears its share.",
    "Intervals come from the spread between replications: Student's t for means, Wilson's for shares, a jackknife "
    "over (groups of) replications for ratios, percentiles of jobs and break-evens. Plans are compared path by path, "
    "so most of the chance that they share cancels.",
)
_LIMITS: Final = (
    "The intervals hold if the scenario holds. They say nothing about prices, speeds or demand that turn out "
    "otherwise; for that see what would change the verdict.",
    "The horizon begins with empty queues, and what is unfinished at its end is charged only until then.",
    "Each number is moved alone where it is asked what would change the verdict; two that move together may do it "
    "sooner.",
)
_LIMITS_OF_TUNES: Final = (
    "Fine-tunes at an API never queue. A job of several nodes loses all of them when it loses one.",
)
_LIMITS_OF_REQUESTS: Final = (
    "Serving nodes neither fail nor are reclaimed. Replicas of a group are alike and serve first come, first served, "
    "without speculative decoding and without a split of prefill and decode; a prefix cache forgets nothing.",
)


def _kinds(found: Findings) -> set[str]:
    return {each.kind for each in found.scenario.workload.values()}


def glossary(found: Findings) -> dict[str, str]:
    """Explain the words that this report uses."""
    kinds = _kinds(found)
    parts = [_ALL, _OF_TUNES if "fine_tune" in kinds else {}, _OF_REQUESTS if "inference" in kinds else {}]
    parts.append({} if found.decided is None else _OF_DECISIONS)
    return {word: text for part in parts for word, text in part.items()}


def method(found: Findings) -> list[str]:
    """Say how the numbers were made."""
    result = found.study.result
    size = (
        f"The run has {result['replications']:,} replications of {result['horizon_days']:g} days, of which the first "
        f"{result['warm_up_days']:g} are not counted"
        if result["warm_up_days"]
        else f"The run has {result['replications']:,} replications of {result['horizon_days']:g} days"
    )
    return [*_METHOD, f"{size}{_sweep(found)}. Intervals are of {100 * result['confidence']:g} %.", *_beginnings(found)]


def _sweep(found: Findings) -> str:
    """Say how many replications the sweep has."""
    if found.grid is None:
        return ""
    own, swept = found.study.replications, found.grid.cells[0].result["replications"]
    return f"; the sweep runs {'as many' if own == swept else f'{swept:,}'} at each of {len(found.grid.cells)} values"


def _beginnings(found: Findings) -> list[str]:
    """Say what was looked at over the beginning of the horizon alone."""
    told = [] if found.swept_over is None else [f"the sweep goes over the {found.swept_over}"]
    over = dict.fromkeys(turn.over for turn in found.turns if turn.over is not None)
    told += [f"some turning points were looked at over {' and '.join(over)}"] if over else []
    if not told:
        return []
    return [f"So that this page takes a minute and not hours, {'; '.join(told)}, from empty queues on."]


def limits(found: Findings) -> list[str]:
    """Say what the numbers leave out."""
    kinds = _kinds(found)
    return [
        *_LIMITS,
        *(_LIMITS_OF_TUNES if "fine_tune" in kinds else ()),
        *(_LIMITS_OF_REQUESTS if "inference" in kinds else ()),
        *([] if found.decided is None else ["A decision scales each stage of its months up from a short simulation."]),
    ]


def levels(found: Findings) -> str:
    """Say which service level was asked for."""
    rules = found.scenario.equal_work
    asked = [f"at most {100 * float(rules.not_started_share):g} % of the jobs may never start"]
    asked += [f"p95 of the wait at most {rules.wait_p95_hours:g} h"] if rules.wait_p95_hours is not None else []
    asked += [f"p95 of the time to first token at most {rules.ttft_p95_s:g} s"] if rules.ttft_p95_s is not None else []
    return "To be ranked a plan must do the same work: " + "; ".join(asked) + "."
