"""All checks in one go: theory, kernel against SimPy, invariants."""

import itertools
from pathlib import Path
from typing import Any

from sim.study.simulate import Experiment
from sim.study.study import Progress, mapper, pool
from sim.verify.cases import Case, read_cases, shipped
from sim.verify.invariants import INVARIANTS, run_invariant
from sim.verify.theory import check_all, run_case
from sim.verify.worlds import FULL, QUICK, compare

_WORLDS_A_STEP = 50


def _work(case: Case, quick: bool) -> float:
    """How many jobs a case serves, roughly."""
    replications = case.quick_replications if quick else case.replications
    return Experiment.of(case.scenario, 0).jobs_expected * replications * len(case.scenario.plans)


def verify(
    cases: Path | None = None, quick: bool = False, jobs: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Check the program against theory, against the SimPy fleet, and against what must always hold.

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
    worlds = QUICK if quick else FULL
    steps = [range(first, min(first + _WORLDS_A_STEP, worlds)) for first in range(0, worlds, _WORLDS_A_STEP)]
    largest_first = sorted(range(len(found.cases)), key=lambda k: -_work(found.cases[k], quick))
    total = len(steps) + len(INVARIANTS) + len(found.cases)
    done = itertools.count(1)

    def tell(*_: int) -> None:
        if progress is not None:
            progress(next(done), total)

    with pool(jobs) as executor:
        rows = mapper(executor, tell)(lambda k: run_case(found.cases[k], quick), largest_first)
    compared = list(mapper_alone(compare, steps, tell))
    invariants = list(mapper_alone(run_invariant, INVARIANTS, tell))
    by_case = dict(zip(largest_first, rows, strict=True))
    table = [row for k in range(len(found.cases)) for row in by_case[k]]
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


def mapper_alone(work: Any, pieces: Any, tell: Any) -> Any:
    """Do Python-bound work in this thread alone: threads would only take the interpreter from each other."""
    for piece in pieces:
        yield work(piece)
        tell()
