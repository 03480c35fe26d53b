"""Where two plans cost the same over two numbers: a curve with its band, joined from break-evens row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.questions.search.break_even import check_search, span_of, stated, told_of
from sim.questions.search.crossing import Crossing, Rules
from sim.questions.search.difference import Along, placed
from sim.questions.search.pairs import Compared, compare_all
from sim.questions.search.span import Span
from sim.study.grid import is_number
from sim.study.result import SCHEMA, Json
from sim.study.study import chosen_seed
from sim.study.threads import Progress, mapper, pool

MOST_ROWS: Final = 200

Range = tuple[str, float, float, bool]
"""A key, the ends of its range, and whether it is walked by factors."""


@dataclass(frozen=True)
class Branch:
    """A part of the frontier that runs through neighbouring rows.

    Attributes
    ----------
    cheaper : (str, str)
        Who is cheaper below and above it.
    rows : tuple of int
        The rows it runs through, one after the other.
    crossings : tuple of Crossing
        Where it is in each.
    """

    cheaper: tuple[str, str]
    rows: tuple[int, ...]
    crossings: tuple[Crossing, ...]


@dataclass(frozen=True)
class Frontier:
    """Where two plans cost the same over two numbers.

    Attributes
    ----------
    scenario : Scenario
        What was varied.
    plans : (str, str)
        Who is compared.
    span : Span
        The range of the first number.
    y : tuple of float
        Values of the second.
    rows : tuple of Compared
        What was found at each.
    branches : tuple of Branch
        The curve.
    result : dict
        By the keys of the JSON contract.
    """

    scenario: Scenario
    plans: tuple[str, str]
    span: Span
    y: tuple[float, ...]
    rows: tuple[Compared, ...] = field(repr=False)
    branches: tuple[Branch, ...]
    result: Json = field(repr=False)


def frontier(
    scenario: Scenario,
    x: Range,
    y: tuple[str, Sequence[float]],
    plans: Sequence[str] | None = None,
    replications: int = 100,
    precision: float = 0.02,
    most_replications: int = 800,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    progress: Progress | None = None,
) -> Frontier:
    """Find where two plans cost the same over two numbers.

    Parameters
    ----------
    scenario : Scenario
        What is varied.
    x : (str, float, float, bool)
        The number that is looked for: its key, the ends of its range, and whether that is walked by factors.
    y : (str, sequence of float)
        The other number: its key and its values.
    plans : sequence of str, optional
        The two plans; not needed where there are but two.
    replications, precision, most_replications, seed, jobs, engine
        As of ``break_even``.
    progress : callable, optional
        Counts rows.

    Returns
    -------
    Frontier

    Raises
    ------
    InputError
        When a key, a value, a plan or a number is refused, before any work is done.
    """
    chosen = check_search(scenario, plans, replications, precision, most_replications, seed, jobs, engine)
    if len(chosen) != 2:
        raise InputError.one("--plans", f"must be two plans, got {len(chosen)}: {', '.join(chosen)}")
    pair, drawn = (chosen[0], chosen[1]), chosen_seed(scenario, seed)
    values = rows_of(x[0], y)
    scenarios = [placed(scenario, y[0], value, "--y") for value in values]
    spans = [span_of(each, x[0], x[1:3], x[3], "--x") for each in scenarios]
    rules = Rules(precision, max(1, most_replications // replications))
    found: list[Compared] = []
    with pool(jobs) as executor:
        for done, (each, span) in enumerate(zip(scenarios, spans, strict=True), 1):
            along = Along(each, x[0], "--x", drawn, engine, replications, mapper(executor))
            found += compare_all(along, span, [pair], rules)
            if progress is not None:
                progress(done, len(values))
    joined = branches(spans[0], found)
    told = _result(scenario, x, y[0], values, pair, found, joined)
    told |= {"seed": drawn, "replications": replications, "most_replications": rules.most * replications}
    told |= {"precision": precision, "warnings": told_of(scenario, drawn, replications)}
    return Frontier(scenario, pair, spans[0], values, tuple(found), joined, told)


def rows_of(x: str, y: tuple[str, Sequence[float]]) -> tuple[float, ...]:
    """Take the values of the second number in order of size: different ones, not too many.

    Raises
    ------
    InputError
        With the rule; what is too much is refused by its number alone.
    """
    key, given = y
    if key == x:
        raise InputError.one("--y", f"must be another key than --x, got {key} twice")
    if key == "seed":
        raise InputError.one("--y", "cannot be seed: all values share their noise; give it with --seed")
    if len(given) > MOST_ROWS:
        raise InputError.one("--y", f"makes {len(given):,} rows; at most {MOST_ROWS} are searched at once")
    if not all(map(is_number, given)):
        raise InputError.one("--y", f"must give numbers, got {', '.join(map(str, given))[:80]}")
    if len(set(given)) < 2 or len(set(given)) < len(given):
        raise InputError.one("--y", f"must give two different values at least and none twice, got {len(given)}")
    return tuple(sorted(float(value) for value in given))


def branches(span: Span, rows: Sequence[Compared]) -> tuple[Branch, ...]:
    """Join the crossings of neighbouring rows: those between the same plans that lie nearest to each other."""
    growing: list[tuple[list[int], list[Crossing]]] = []
    done: list[tuple[list[int], list[Crossing]]] = []
    for i, row in enumerate(rows):
        left, kept = list(row.crossings), []
        for branch, crossing in _nearest(span, growing, left):
            branch[0].append(i)
            branch[1].append(crossing)
            left.remove(crossing)
            kept.append(branch)
        done += [branch for branch in growing if branch not in kept]
        growing = kept + [([i], [crossing]) for crossing in left]
    found = [Branch(each[1][0].cheaper, tuple(each[0]), tuple(each[1])) for each in done + growing]
    return tuple(sorted(found, key=lambda branch: (branch.rows[0], branch.crossings[0].at.value or 0.0)))


def _nearest(
    span: Span, growing: Sequence[tuple[list[int], list[Crossing]]], crossings: Sequence[Crossing]
) -> list[tuple[tuple[list[int], list[Crossing]], Crossing]]:
    """Pair branches with the crossings of the next row, the nearest first; each at most once."""

    def apart(branch: tuple[list[int], list[Crossing]], crossing: Crossing) -> float:
        return abs(span.seen(branch[1][-1].at.value or span.low) - span.seen(crossing.at.value or span.low))

    options = [
        (apart(branch, crossing), k, n)
        for k, branch in enumerate(growing)
        for n, crossing in enumerate(crossings)
        if branch[1][-1].cheaper == crossing.cheaper
    ]
    found, used, taken = [], set[int](), set[int]()
    for _, k, n in sorted(options):
        if k not in used and n not in taken:
            used.add(k)
            taken.add(n)
            found.append((growing[k], crossings[n]))
    return found


def _result(
    scenario: Scenario,
    x: Range,
    y: str,
    values: Sequence[float],
    plans: tuple[str, str],
    rows: Sequence[Compared],
    joined: Sequence[Branch],
) -> Json:
    """Give a frontier by the keys of the JSON contract."""
    key, low, high, log = x
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "x": {"key": key, "between": [float(low), float(high)], "log": log, "stated": stated(scenario, key)},
        "y": {"key": y, "values": list(values), "stated": stated(scenario, y)},
        "plans": list(plans),
        "confidence": float(scenario.confidence),
        "horizon_days": float(scenario.horizon_days),
        "warm_up_days": float(scenario.warm_up_days),
        "allocation": {"rule": scenario.allocation.rule, "window_days": float(scenario.allocation.window_days)},
        "price_date": scenario.price_date,
        "vary": {key: [float(low), float(high)], y: list(values)},
        "rows": [{"at": at, **row.as_result()} for at, row in zip(values, rows, strict=True)],
        "branches": [
            {
                "cheaper": {"below": each.cheaper[0], "above": each.cheaper[1]},
                "rows": list(each.rows),
                "at": [crossing.at for crossing in each.crossings],
            }
            for each in joined
        ],
    }
