"""What must hold of the ledger by window: its windows sum to the bill, line by line, whatever is simulated."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from sim.engine import fleet
from sim.engine.money import (
    LINES,
    Billing,
    Calendar,
    Lender,
    Tariff,
    enter_tunes,
    use_of_nodes,
    window_edges,
    with_waiting,
)
from sim.ground.jobs import Fleet, Paths, Rows
from sim.ground.units import TICKS_PER_HOUR, Floats
from sim.questions.verify import elastic_worlds, worlds
from sim.questions.verify.samples import SCENARIOS, scenario
from sim.study.simulate import Experiment
from sim.study.windows import by_window

_WORLDS: Final = 300
_CLOSE: Final = 1e-9
_IDLE: Final = LINES.index("held_idle")


def _apart(found: Floats, lines: Floats) -> tuple[int, int]:
    """Count the replications whose windows do not sum to their lines, within rounding of the largest line."""
    error = np.abs(found.sum(axis=1) - lines).max(axis=1)
    return len(lines), int(np.count_nonzero(error > _CLOSE * np.abs(lines).max(axis=1)))


def windows_sum_to_the_bill() -> tuple[int, int]:
    """Each line of each bill, waiting paid for, and the jobs: what the windows hold is all there is."""
    looked = broken = 0
    for values in SCENARIOS:
        priced: dict[str, Any] = {f"workload__{name}__wait_usd_per_hour": 3 for name in values["workload"]}
        ready = Experiment.of(scenario(values, allocation__window_days=values["horizon_days"] / 7, **priced), 5)
        work = ready.work(range(10))
        for name in ready.tunings:
            served = ready.served(name, work)
            told, outcome = by_window(ready, name, served), ready.charged(name, served)[0]
            counted, wrong = _apart(told.lines, outcome.lines)
            looked += counted
            broken += wrong + int(np.count_nonzero(told.jobs.sum(axis=1) != outcome.total("jobs")))
    return looked, broken


def _ledgers() -> Iterator[tuple[Fleet, Paths, Rows, int]]:
    """Serve random worlds: on nodes that are always there, and on nodes that come and go."""
    for number in range(_WORLDS):
        plain, elastic = worlds.world(number), elastic_worlds.world(number)
        yield plain.fleet, plain.paths, fleet.serve(plain.fleet, plain.paths, plain.terms), number
        yield elastic.fleet, elastic.paths, elastic.served(fleet.serve)[0], number


def _tariff(rules: Fleet, counted: int, number: int) -> Tariff:
    """Charge 1 USD for a held GPU tick, 2 for a hired one, 3 for a lent one."""
    gpus, usd = rules.nodes * rules.gpus_per_node, float(TICKS_PER_HOUR)
    hired = Billing(2 * usd, bool(number % 2), bool(number % 3), step=1 + number % 7, minimum=number % 11)
    lenders = (Lender(rules.lent, 3 * usd),) if rules.lent else ()
    held = float(gpus * counted)
    return Tariff(held, gpus, rules.gpus_per_node, usd, 0.0, 2.0, 0.0, 0.0, 0.0, 5.0, hired, lenders)


def random_ledgers_sum_by_window() -> tuple[int, int]:
    """Random fleets, billed in any way: entering spans and instants by window gives what charging job by job gives."""
    looked = broken = 0
    for rules, paths, rows, number in _ledgers():
        opens = number % 5 * (rules.horizon > 10)
        edges = window_edges(opens, rules.horizon, max(1.0, (rules.horizon - opens) / (1 + number % 6)))
        prices, waiting = _tariff(rules, rules.horizon - opens, number), np.array([7e8])
        use = use_of_nodes(prices, rules, paths, rows, edges, "gpu_time")
        lines = with_waiting(use, waiting, paths, rows, edges).lines.copy()
        lines[:, _IDLE] -= np.sum([lent.sum(axis=1) for lent in use.lent], axis=0)
        calendar = Calendar.blank(paths.replications, edges)
        enter_tunes(calendar, prices, rules, paths, rows)
        calendar.wait(waiting, paths, rows)
        counted, wrong = _apart(calendar.usd, lines)
        looked, broken = looked + counted, broken + wrong
    return looked, broken


CHECKS: Final[tuple[Callable[[], tuple[int, int]], ...]] = (windows_sum_to_the_bill, random_ledgers_sum_by_window)
