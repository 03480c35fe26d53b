"""The cheapest setting of a plan that keeps its promises, with the certificate of its neighbours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.ground.estimate import Estimate
from sim.ground.faults import Fault, InputError
from sim.ground.scenario import Scenario, Tree, as_values, build, with_settings
from sim.questions.search.cells import DOES, Bench, Cell
from sim.questions.search.certificate import Certificate, Neighbour, Rules
from sim.questions.search.choices import Box, Setting, alone, by_load, given, start
from sim.questions.search.levels import Availability, Judged, levels
from sim.questions.search.race import race, survey
from sim.study.compare import warnings
from sim.study.result import SCHEMA, Json
from sim.study.study import MOST_REPLICATIONS, check_how, check_replications, draw_seed
from sim.study.threads import Progress, mapper, pool

if TYPE_CHECKING:
    import pandas as pd

Tell = Callable[[str], Progress | None]


@dataclass(frozen=True)
class Sized:
    """The cheapest setting found, and how sure that is.

    Attributes
    ----------
    scenario : Scenario
        What was asked, with its levels.
    plan : str
        That was sized.
    setting : dict or None
        The chosen keys and their values; None where no setting does the work.
    nearest : dict
        The setting itself, or the one that comes nearest to doing the work.
    box : Box
        The settings that were looked among.
    certificate : Certificate
        Its bill, its levels, its neighbours.
    result : dict
        Everything, by the keys of the JSON contract.
    """

    scenario: Scenario
    plan: str
    setting: Setting | None
    nearest: Setting
    box: Box = field(repr=False)
    certificate: Certificate = field(repr=False)
    result: Json = field(repr=False)

    @property
    def sure(self) -> bool:
        """Whether the setting does the work and no neighbour is better, all intervals together."""
        return self.setting is not None and self.certificate.sure

    @property
    def bill_usd(self) -> Estimate:
        """Bill of the setting over the counted time."""
        return self.certificate.bill_usd

    @property
    def chosen(self) -> Scenario:
        """The scenario with its levels and the setting in place; without a setting, as it was asked."""
        tree = Tree(as_values(self.scenario), file=self.scenario.name)
        return build(with_settings(tree, self.setting or {}), self.scenario.folder)

    def table(self) -> "pd.DataFrame":
        """Lay out the certificate.

        Returns
        -------
        DataFrame
            A row a neighbour: the chosen keys, ``verdict``, ``dearer_usd, low_usd, high_usd`` and ``replications``.
        """
        import pandas as pd

        rows = [
            each.setting
            | {"verdict": each.verdict, "dearer_usd": each.dearer_usd.value}
            | {"low_usd": each.dearer_usd.low, "high_usd": each.dearer_usd.high, "replications": each.replications}
            for each in self.certificate.neighbours
        ]
        return pd.DataFrame(rows)


def promised(scenario: Scenario, wait_p95_hours: float | None = None, ttft_p95_s: float | None = None) -> Scenario:
    """Put service levels into the rules of equal work.

    Raises
    ------
    InputError
        For a level that no value can be, or that is about no class of the workload.
    """
    told = {"--wait-p95": ("wait_p95_hours", wait_p95_hours), "--ttft-p95": ("ttft_p95_s", ttft_p95_s)}
    stated = {flag: (key, value) for flag, (key, value) in told.items() if value is not None}
    faults = [
        Fault(flag, f"must be a number above 0, got {value!r}")
        for flag, (_, value) in stated.items()
        if not (math.isfinite(value) and value > 0)
    ]
    if ttft_p95_s is not None and not scenario.chats:
        faults.append(Fault("--ttft-p95", "needs a class of kind inference, and the workload has none"))
    if faults:
        raise InputError(faults)
    if not stated:
        return scenario
    rules = scenario.equal_work.model_copy(update=dict(stated.values()))
    return scenario.model_copy(update={"equal_work": rules})


def available(share: float | None, within_hours: float | None) -> Availability | None:
    """Take the promise that a share of all jobs starts in time.

    Raises
    ------
    InputError
        For a share that no simulation can show, or a time without a share.
    """
    if share is None:
        if within_hours is not None:
            raise InputError.one("--within", "must come with --availability, the share that starts within it")
        return None
    if not 0 < share < 1:
        text = f"must be a share above 0 and below 1 (1 is more than a simulation can show), got {share!r}"
        raise InputError.one("--availability", text)
    if within_hours is not None and not (math.isfinite(within_hours) and within_hours >= 0):
        raise InputError.one("--within", f"must be a number of hours >= 0, got {within_hours!r}")
    return Availability(share, within_hours)


def _rules(scenario: Scenario, replications: int, most: int, usd: float, share: float) -> Rules:
    """Take the rules of the race."""
    check_replications(replications)
    check_replications(most)
    if replications < 2:
        raise InputError.one("--reps", f"must be at least 2, for one replication has no interval, got {replications}")
    if most < replications:
        raise InputError.one("--most-reps", f"must be at least --reps ({replications}), got {most}")
    for value in (usd, share):
        if not (math.isfinite(value) and value >= 0):
            raise InputError.one("--indifferent", f"must be USD >= 0, or like 0.1 %, got {value!r}")
    return Rules(float(scenario.confidence), usd, share, replications, most)


def size(
    scenario: Scenario,
    plan: str,
    choose: Mapping[str, Sequence[Any]] | None = None,
    *,
    wait_p95_hours: float | None = None,
    ttft_p95_s: float | None = None,
    availability: float | None = None,
    within_hours: float | None = None,
    replications: int = 10,
    most_replications: int = 640,
    indifferent_usd: float = 0.0,
    indifferent_share: float = 0.001,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    tell: Tell = lambda _text: None,
) -> Sized:
    """Find the cheapest setting of a plan that does the work under service levels.

    Parameters
    ----------
    scenario : Scenario
        The work and the plan.
    plan : str
        What is sized.
    choose : mapping, optional
        Keys of the plan and the values that each may take, in order. Default: the number of nodes of each held group,
        from 0 to twice what its load needs; the bound is doubled while the best setting lies on it.
    wait_p95_hours, ttft_p95_s : float, optional
        Levels in the place of the scenario's ``equal_work``.
    availability, within_hours : float, optional
        At least this share of all jobs that come start, or go to the API, within so many hours; without hours: before
        the clock stops.
    replications, most_replications : int
        To begin with, and at most; doubled for those that may still be the best.
    indifferent_usd, indifferent_share : float
        A setting that is cheaper by less, in USD or of the bill, is as good.
    seed, jobs, engine
        As of ``run``.
    tell : callable
        Is told what is simulated; may give a ``progress`` back, which counts its pieces.

    Returns
    -------
    Sized

    Raises
    ------
    InputError
        When the plan, a key, a value or a level is refused.

    Notes
    -----
    A step is to the next value of a key. The certificate holds against all settings one step away in one key, or in
    two at once, and, where several keys are chosen, against the best along the longest key at some twelve values of
    the others, and against no nodes at all; where the bill is no valley in between, a better one may lie further off.
    """
    check_how(seed, jobs, engine)
    asked, wanted = promised(scenario, wait_p95_hours, ttft_p95_s), available(availability, within_hours)
    alone(asked, plan)
    rules = _rules(asked, replications, most_replications, indifferent_usd, indifferent_share)
    box = by_load(asked, plan) if choose is None else given(asked, plan, choose)
    chosen = int(next(value for value in (seed, asked.seed, draw_seed()) if value is not None))
    with pool(jobs) as executor:
        bench = Bench(asked, plan, box, levels(asked, wanted), chosen, engine, partial(mapper, executor), tell)
        at = survey(bench, start(asked, plan, box), rules.first)
        if bench.cell(at).ready is None:
            raise InputError.one("--choose", f"leaves no plan that can be: {bench.cell(at).refusal}")
        at, found = race(bench, at, rules)
    best = bench.cell(at)
    does = bench.order(at, best.replications)[0] == DOES
    told = _result(bench, best, found, rules, does)
    return Sized(asked, plan, best.setting if does else None, best.setting, bench.box, found, told)


def _result(bench: Bench, best: Cell, found: Certificate, rules: Rules, does: bool) -> Json:
    """Give everything by the keys of the JSON contract."""
    reason = None if does else "no setting does the work"
    return {
        "schema": SCHEMA,
        "scenario": bench.scenario.name,
        "plan": bench.plan,
        "seed": bench.seed,
        "replications": best.replications,
        "horizon_days": float(bench.scenario.horizon_days),
        "confidence": rules.confidence,
        "confidence_of_each": found.confidence,
        "indifferent_usd": rules.zone(float(best.bills.mean())),
        "choices": {each.key: _bounds(each.values) for each in bench.box.choices},
        "setting": best.setting if does else None,
        "nearest": best.setting,
        "reason": reason,
        "sure": does and found.sure,
        "bill_usd": found.bill_usd,
        "levels": [_level(each) for each in found.levels],
        "neighbours": [_neighbour(each) for each in found.neighbours],
        "work": _work(bench, best.replications),
        "warnings": _warnings(bench, best),
    }


def _bounds(values: Sequence[Any]) -> Any:
    """Tell the ends of a range, or all values."""
    return {"low": values[0], "high": values[-1]} if isinstance(values, range) else list(values)


def _level(judged: Judged) -> Json:
    return asdict(judged.level) | {
        "share_missed": judged.share,
        "percentile": judged.percentile,
        "verdict": judged.verdict,
    }


def _neighbour(each: Neighbour) -> Json:
    return {
        "setting": each.setting,
        "verdict": each.verdict,
        "reason": each.reason,
        "replications": each.replications,
        "dearer_usd": each.dearer_usd,
        "levels": [_level(judged) for judged in each.levels],
    }


def _work(bench: Bench, replications: int) -> Json:
    """Count what was simulated, and what every setting of the bounds at the same replications would have taken."""
    done, all_ = sum(cell.replications for cell in bench.simulated), bench.box.settings * replications
    jobs = sum(cell.replications * cell.ready.jobs_expected for cell in bench.simulated if cell.ready is not None)
    return {
        "settings": len(bench.simulated),
        "replications": done,
        "jobs": jobs,
        "brute_force": {
            "settings": bench.box.settings,
            "replications": all_,
            "jobs": all_ * bench.jobs_expected,
        },
        "share": done / all_,
    }


def _warnings(bench: Bench, best: Cell) -> list[dict[str, str]]:
    """Take the warnings about the plan at its best setting; nothing is said here that few replications make unsure."""
    found = [] if best.ready is None else warnings(best.ready, MOST_REPLICATIONS)
    if count := len(bench.scenario.uncertain):
        text = f"{count} uncertain number{'s are' if count > 1 else ' is'} taken at the central value"
        found.append({"code": "uncertain", "text": text})
    return found
