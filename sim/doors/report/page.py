"""A report as one HTML file that asks for nothing else: no script, no link that loads, no date, no place."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from sim.doors.report import of_decision, of_study, of_sweep, origins, turns, words
from sim.doors.report.findings import Findings, undecided
from sim.doors.report.pictures import Picture, picture
from sim.questions import charts
from sim.questions.charts.words import key_words
from sim.questions.decision.pictures import fan_of, fans_of, regret_of, tornado_of
from sim.questions.tables import decision_verdict, verdict
from sim.study.grid import is_number

_ROOM: Final = "sim.doors.report"
_KEPT: Final = re.compile(r"(?<=\d) (?=(?:%|USD|h|s)(?!\w))")
"""Spaces at which no line ends: between a number and its unit."""


def report(found: Findings) -> str:
    """Write a report.

    Parameters
    ----------
    found : Findings
        What ``gather`` found.

    Returns
    -------
    str
        One HTML page, the same to the last byte for the same findings.
    """
    style = files(_ROOM).joinpath("templates/report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    text = _template().render(style=Markup(style), style_hash=digest, **_contents(found))  # noqa: S704 - our own file
    return f"{text}\n"


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader(_ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ticked"] = ticked
    return environment.get_template("report.html")


def ticked(text: str) -> Markup:
    """Show names that stand between backticks as such; everything is escaped."""
    text = _KEPT.sub("\N{NO-BREAK SPACE}", text)
    parts = [str(escape(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:  # a backtick without another: left as it is
        return escape(text)
    return Markup("".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(parts)))  # noqa: S704


def _contents(found: Findings) -> dict[str, Any]:
    """Gather all that the page says, in its order."""
    result = found.study.result
    classes = list(found.scenario.workload)
    return {
        "result": result,
        "verdict": verdict(result).split("\n"),
        "decision_verdict": [] if found.decided is None else decision_verdict(found.decided.result).split("\n"),
        "levels": words.levels(found),
        "glance": of_study.glance(result),
        "pictures": list(_pictures(found)),
        "bill": of_study.bill_lines(result),
        "bills": of_study.bill_percentiles(result),
        "costs": [of_study.costs(result, name) for name in classes],
        "waits": [each for name in classes for each in of_study.waits(result, name)],
        "utilization": [of_study.utilization(result), *of_study.replicas(result)],
        "break_even": _break_even(found),
        "turning": turns.turning_table(found.turns) if found.turns else None,
        "turning_finding": turns.turning_finding(found.turns, result["comparison"]["cheapest"]),
        "decision": _decision(found),
        "assumptions": origins.assumptions(found.scenario),
        "stated": origins.everything_stated(found.scenario),
        "warnings": _warnings(found),
        "method": words.method(found),
        "limits": words.limits(found),
        "glossary": words.glossary(found),
        "command": origins.command(found),
        "made_by": origins.made_by(found),
    }


def _numbers(found: Findings) -> bool:
    """Tell whether numbers were swept, so that a line can be drawn along them."""
    return found.grid is not None and all(is_number(value) for each in found.vary.values() for value in each)


def _pictures(found: Findings) -> Any:
    """Draw the three charts, those that there is something for."""
    result, first = found.study.result, next(iter(found.scenario.workload))
    if found.grid is not None and _numbers(found):
        along = key_words(found.scenario, next(iter(found.vary)))[0]
        drawn, numbers = charts.cost_percentiles(found.grid), of_sweep.sweep_table(found.grid, first, found.swept_over)
        yield picture("along", f"Cost and wait by {along}", drawn, numbers)
    drawn = charts.cost_distribution(found.study)
    yield picture("spread", "How costs differ from job to job", drawn, of_study.costs(result, first))
    if found.turns:
        drawn = turns.turning_chart(found.turns, result)
        yield picture("turns", "What would change the verdict", drawn, turns.turning_table(found.turns))


def _break_even(found: Findings) -> Any:
    several = len(found.scenario.plans) > 1
    if found.grid is None or not _numbers(found) or not several:
        return None
    return of_sweep.break_evens(found.grid, found.swept_over)


def _decision(found: Findings) -> dict[str, Any] | None:
    """Tell the decision, where there is one."""
    if (decided := found.decided) is None:
        return None
    numbers = of_decision.strategies(decided.result)
    drawn: list[Picture] = [
        picture("fan", "What strategies cost month by month", fan_of(decided), of_decision.months(fans_of(decided))),
        picture("regret", "What each choice is regretted", regret_of(decided), numbers),
    ]
    if found.mattered is not None:
        swings = of_decision.swings(found.mattered)
        drawn.append(picture("tornado", "Which uncertain inputs matter", tornado_of(found.mattered), swings))
    return {"strategies": numbers, "pictures": drawn, "result": decided.result}


def _warnings(found: Findings) -> list[tuple[str, str]]:
    """List every warning once: of the run, of the decision."""
    told = list(found.study.result["warnings"])
    told += [] if found.decided is None else found.decided.result["warnings"]
    found_out = [(each["code"], each["text"]) for each in told]
    why = undecided(found.scenario)
    return list(dict.fromkeys([*found_out, *([] if why is None else [("no_decision", why)])]))
