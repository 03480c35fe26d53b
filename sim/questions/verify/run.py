"""All checks in one go: theory, kernel against SimPy, invariants, negative controls."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from sim.questions.verify import api_worlds, elastic_worlds, serving_worlds, worlds
from sim.questions.verify.cases import Case, read_cases, shipped
from sim.questions.verify.controls import CONTROLS, run_control
from sim.questions.verify.invariants import INVARIANTS, run_invariant
from sim.questions.verify.theory import check_all, run_case
from sim.study.simulate import Experiment
from sim.study.threads import Progress, mapper, pool

_WORLDS_A_STEP: Final = 50
_KINDS: Final[tuple[tuple[str, Any, int], ...]] = (
    ("nodes that are always there", worlds, 1),
    ("nodes that come and go", elastic_worlds, 1),
    ("replicas that serve requests", serving_worlds, 2),
    ("accounts at an API", api_worlds, 1),
)
"""What the random worlds are of, their module, and how many of them a number makes."""

_SHORT: Final = 5_000
"""Replications of fewer jobs are bound by the interpreter, of which there is one for all threads."""


def _groups(cases: list[Case], quick: bool) -> list[list[Case]]:
    """Share the cases out: first those of short replications as one group, then one by one, the largest first.

    Two threads on short replications would only take the interpreter from each other; one of them and one that is
    mostly within kernels do not.
    """
    sizes = {case.id: Experiment.of(case.scenario, 0).jobs_expected for case in cases}

    def jobs(case: Case) -> float:
        replications = case.quick_replications if quick else case.replications
        return -sizes[case.id] * replications * len(case.scenario.plans)

    short = [case for case in cases if sizes[case.id] < _SHORT]
    long = [case for case in cases if sizes[case.id] >= _SHORT]
    return [short, *([case] for case in sorted(long, key=jobs))]


@dataclass(frozen=True)
class _Step:
    """Some random worlds of one kind, in which kernel and reference are compared."""

    kind: str
    compare: Callable[[range], tuple[int, int]]
    numbers: range
    worlds: int


def _comparisons(quick: bool) -> list[_Step]:
    """Cut the comparison of kernel and reference into steps."""
    steps = []
    for name, kind, makes in _KINDS:
        count = kind.QUICK if quick else kind.FULL
        for first in range(0, count, _WORLDS_A_STEP):
            numbers = range(first, min(first + _WORLDS_A_STEP, count))
            steps.append(_Step(name, kind.compare, numbers, makes * len(numbers)))
    return steps


def _by_kind(steps: list[_Step], compared: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Add up what was compared, a row a kind of world."""
    found = {
        name: {"worlds_of": name, "worlds": 0, "rows": 0, "differing": 0}
        for name in dict.fromkeys(s.kind for s in steps)
    }
    for step, (rows, differing) in zip(steps, compared, strict=True):
        row: dict[str, Any] = found[step.kind]
        row["worlds"] += step.worlds
        row["rows"] += rows
        row["differing"] += differing
    return list(found.values())


def verify(
    cases: Path | None = None, quick: bool = False, jobs: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Check the program against theory, against the SimPy fleets, and against what must always hold.

    Parameters
    ----------
    cases : path, optional
        A file of cases, which are then judged alone; without it those that are shipped, and all else that is checked.
    quick : bool
        Whether to run the short form: fewer replications, less precision asked for, fewer random worlds.
    jobs : int
        Threads; 0 for one a processor. The results do not depend on it.
    progress : callable, optional
        Called with checks done and checks in all.

    Returns
    -------
    dict
        ``cases`` (a row an expectation), ``invariants`` and ``controls``, ``passed`` and ``failed`` (of all three),
        ``theory`` (source and formula of each case), ``not_covered``, ``reference`` (kernel against SimPy by kind of
        world), ``reference_rows`` and ``rows_differing`` (of all of them), ``quick``.

    Raises
    ------
    InputError
        When a file is refused, with all its faults.
    """
    found = read_cases([cases] if cases is not None else shipped())
    check_all(found.cases)
    steps = _comparisons(quick) if cases is None else []
    always, planted = (INVARIANTS, CONTROLS) if cases is None else ((), ())
    total = len(steps) + len(always) + len(planted) + len(found.cases)
    done = itertools.count(1)

    def each(work: Callable[[Any], Any], pieces: Iterable[Any]) -> list[Any]:
        results = []
        for piece in pieces:
            results.append(work(piece))
            if progress is not None:
                progress(next(done), total)
        return results

    groups = _groups(found.cases, quick)
    with pool(jobs) as executor:
        rows = mapper(executor)(partial(each, partial(run_case, quick=quick)), groups)
    by_id = {
        case.id: row for group, part in zip(groups, rows, strict=True) for case, row in zip(group, part, strict=True)
    }
    compared = each(lambda step: step.compare(step.numbers), steps)
    invariants, controls = each(run_invariant, always), each(run_control, planted)
    table = [row for case in found.cases for row in by_id[case.id]]
    verdicts = [row["pass"] for row in (*table, *invariants, *controls)]
    return {
        "cases": table,
        "invariants": invariants,
        "controls": controls,
        "passed": verdicts.count(True),
        "failed": verdicts.count(False),
        "not_covered": found.not_covered,
        "theory": [case.told(quick) for case in found.cases],
        "reference": _by_kind(steps, compared),
        "reference_rows": sum(rows for rows, _ in compared),
        "rows_differing": sum(differing for _, differing in compared),
        "quick": quick,
    }
