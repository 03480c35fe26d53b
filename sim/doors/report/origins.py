"""What the numbers of a report rest on, and how to make them again."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sim.doors.report.cells import Table, short, table
from sim.doors.report.findings import Findings
from sim.doors.report.swept import arrival_rate
from sim.ground.manifest import manifest
from sim.ground.scenario import Input, Scenario
from sim.ground.scenario.inputs import stated
from sim.ground.scenario.levers import Lever, levers
from sim.ground.scenario.read import values_used

VERB: Final = "report"
_WORK: Final = ("rate", "burstiness", "nodes", "patience")
"""Kinds of levers that are no input: nobody sells or measures them."""
_SAID_ELSEWHERE: Final = ("source", "name", "seed", "uncertain", "price_book", "price_date")


def assumptions(scenario: Scenario) -> Table:
    """Lay out every price, pace and uncertain number with its source, date and label."""
    return table(
        "assumptions",
        "Prices, paces, uncertain numbers, work and capacity",
        ["What", "Value", "Unit", "Label", "Date", "Source"],
        [*map(_assumed, scenario.inputs()), *map(_moved, _capacity(scenario))],
        texts=6,
    )


def _assumed(entry: Input) -> list[str]:
    dates = [f"{word} {each.isoformat()}" for word, each in (("since", entry.since), ("seen", entry.seen)) if each]
    return [entry.what, short(entry.value), entry.unit, entry.basis, ", ".join(dates), entry.source]


def _capacity(scenario: Scenario) -> list[Lever]:
    """List the numbers that nobody sells, measures or draws: rates, bursts, nodes, patience."""
    known = [each for each in levers(scenario) if each.kind in _WORK]
    return [each for each in known if each.keys[0] not in scenario.uncertain]


def _moved(lever: Lever) -> list[str]:
    """Tell a number that no price or pace is."""
    return [lever.label, short(lever.value), lever.unit, lever.basis, "", "the scenario"]


def everything_stated(scenario: Scenario) -> Table:
    """Lay out every value of the scenario, defaults too, by its key, with the source that is given nearest to it."""
    return table(
        "stated",
        "Every value of the scenario, defaults in their places; units stand in the keys",
        ["Key", "Value", "Label", "Source"],
        [[key, *cells] for key, *cells in _leaves(values_used(scenario), "", None)],
        texts=4,
    )


def _leaves(value: Any, path: str, source: str | None) -> Iterator[tuple[str, str, str, str]]:
    """Walk to every value that is no text about another one."""
    if isinstance(value, Mapping):
        source = value.get("source", source)
        for key, each in value.items():
            if key not in _SAID_ELSEWHERE:
                yield from _leaves(each, f"{path}.{key}" if path else str(key), source)
    elif isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(e, Mapping) for e in value):
        for number, each in enumerate(value, 1):
            yield from _leaves(each, f"{path}[{number}]", source)
    else:
        rests = stated(path, 0.0, "", source)
        yield path, _written(value), rests.basis, rests.source if source else ""


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.10g}"
    return ", ".join(map(_written, value)) if isinstance(value, list | tuple) else str(value)


def command(found: Findings) -> str:
    """Give the command that makes the same report again, from the folder of the run."""
    scenario, words = found.scenario, ["fleetecon", VERB, "scenario.yaml", "--seed", str(found.study.seed)]
    words += ["--reps", str(found.study.replications)]
    if found.vary != arrival_rate(scenario):
        words += [f"--vary={key}={','.join(map(_written, values))}" for key, values in found.vary.items()]
    if found.decided is not None:
        words += ["--futures", str(found.decided.futures)]
    return shlex.join(words)


def made_by(found: Findings) -> Table:
    """Lay out seed, size, versions and hash of what made the report."""
    told = manifest(found.scenario, {**found.study.result, "vary": found.vary}, VERB)
    packages = ", ".join(f"{name} {version}" for name, version in told["packages"].items())
    rows = [
        ["seed", str(told["seed"])],
        ["replications", f"{told['replications']:,}"],
        ["program", told["program"]],
        ["made with", f"Python {told['python']}, {packages}"],
        ["SHA-256 of the scenario", told["scenario_sha256"]],
        *([f"SHA-256 of {name}", digest] for name, digest in told["traces_sha256"].items()),
    ]
    return table("made-by", "What made these numbers", ["What", "Value"], rows, texts=2)
