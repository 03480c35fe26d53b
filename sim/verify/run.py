"""All checks in one go: theory, kernel against SimPy, invariants."""

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

from sim.study.simulate import Experiment
from sim.study.study import Progress, mapper, pool
from sim.verify import api_worlds, elastic_worlds, serving_worlds, worlds
from sim.verify.cases import Case, read_cases, shipped
from sim.verify.invariants import INVARIANTS, run_invariant
from sim.verify.theory import check_all, run_case

_WORLDS_A_STEP: Final = 50
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


def _comparisons(quick: bool) -> list[Callable[[], tuple[int, int]]]:
    """Cut the comparison of kernel and reference: nodes, nodes that come and go, replicas, API accounts."""
    steps: list[Callable[[], tuple[int, int]]] = []
    for kind in (worlds, elastic_worlds, serving_worlds, api_worlds):
        count = kind.QUICK if quick else kind.FULL
        ranges = (range(first, min(first + _WORLDS_A_STEP, count)) for first in range(0, count, _WORLDS_A_STEP))
        steps.extend(partial(kind.compare, numbers) for numbers in ranges)
    return steps


def verify(
    cases: Path | None = None, quick: bool = False, jobs: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Check the program against theory, against the SimPy fleets, and against what must always hold.

    Parameters
    ----------
    cases : path, optional
        A file of cases; without it those that are shipped.
    quick : bool
        Whether to run the short form: fewer replications, less precision asked for, fewer random worlds.
    jobs : int
        Threads; 0 for one a processor. The results do not depend on it.
    progress : callable, optional
        Called with checks done and checks in all.

    Returns
    -------
    dict
        ``cases`` (a row an expectation), ``invariants``, ``passed`` and ``failed`` (of both), ``not_covered``,
        ``reference_rows`` and ``rows_differing`` (kernel against SimPy).

    Raises
    ------
    InputError
        When a file is refused, with all its faults.
    """
    found = read_cases([cases] if cases is not None else shipped())
    check_all(found.cases)
    steps = _comparisons(quick)
    total = len(steps) + len(INVARIANTS) + len(found.cases)
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
    compared = each(lambda step: step(), steps)
    invariants = each(run_invariant, INVARIANTS)
    table = [row for case in found.cases for row in by_id[case.id]]
    verdicts = [row["pass"] for row in table] + [row["pass"] for row in invariants]
    return {
        "cases": table,
        "invariants": invariants,
        "passed": verdicts.count(True),
        "failed": verdicts.count(False),
        "not_covered": found.not_covered,
        "reference_rows": sum(rows for rows, _ in compared),
        "rows_differing": sum(differing for _, differing in compared),
    }
