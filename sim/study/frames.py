"""Rows of one replication as frames for people: a unit in the name of each column, nothing where nothing is known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.engine.money import Shares
from sim.ground.hires import Hires
from sim.ground.jobs import OUTCOMES, Paths, Rows
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import NEVER, TICKS_PER_SECOND, Ticks, to_hours

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Named:
    """A column of names, told by their numbers."""

    codes: Ticks
    names: Any


Columns = dict[str, Any]
"""Arrays of equal length, or ``Named``, by the name of the column."""


def _frame(columns: Columns) -> "pd.DataFrame":
    """Lay columns out for people."""
    import pandas as pd

    return pd.DataFrame(
        {name: each.names[each.codes] if isinstance(each, Named) else each for name, each in columns.items()}
    )


def _common_columns(paths: Any, rows: Any, shares: Shares, names: Any) -> tuple[dict[str, Any], Any]:
    """Lay out what every job has; and a function that blanks what jobs not started do not have."""
    started = rows.start >= 0

    def known(values: Any) -> Any:
        return np.where(started, values, np.nan)

    columns = {
        "job_class": Named(paths.job_class, names),
        "arrival_h": to_hours(paths.arrival),
        "start_h": known(to_hours(rows.start)),
        "end_h": known(to_hours(rows.end)),
        "wait_h": known(to_hours(rows.start - paths.arrival)),
        "outcome": Named(rows.outcome, np.array([OUTCOMES[code] for code in sorted(OUTCOMES)])),
        "attributed_usd": shares.attributed,
        "fully_loaded_usd": shares.fully_loaded,
    }
    return columns, known


def tunes_columns(paths: Paths, rows: Rows, shares: Shares, names: Any) -> Columns:
    """Tell of fine-tunes what became of each."""
    columns, _ = _common_columns(paths, rows, shares, names)
    own = {
        "service_h": to_hours(paths.service),
        "priority": paths.priority,
        "gpus": paths.gpus,
        "tokens_millions": paths.tokens,
        "node": rows.node,
        "interrupted": rows.interrupted,
    }
    return columns | own


def tunes_frame(paths: Paths, rows: Rows, shares: Shares, names: Any) -> "pd.DataFrame":
    """Lay out fine-tunes, a row each."""
    return _frame(tunes_columns(paths, rows, shares, names))


def requests_columns(requests: Requests, rows: RequestRows, shares: Shares, names: Any) -> Columns:
    """Tell of requests what became of each."""
    columns, known = _common_columns(requests, rows, shares, names)
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot = np.where(requests.output > 1, (rows.end - rows.first_token) / (requests.output - 1), np.nan)
    own = {
        "prompt_tokens": requests.prompt,
        "cached_tokens": requests.cached,
        "output_tokens": requests.output,
        "adapter": requests.adapter,
        "ttft_s": known((rows.first_token - requests.arrival) / TICKS_PER_SECOND),
        "tpot_s": known(tpot / TICKS_PER_SECOND),
        "sojourn_s": known((rows.end - requests.arrival) / TICKS_PER_SECOND),
        "gpu_s": rows.gpu_time / TICKS_PER_SECOND,
        "replica": rows.replica,
        "preempted": rows.preempted,
    }
    if (tries := rows.tries) is not None:
        own |= {"attempts": tries.attempts, "throttled": tries.throttled, "last_attempt_h": _since_start(tries.last)}
    if requests.turns is not None:
        own |= {"session": requests.turns.session, "turn": requests.turns.turn}
    return columns | own


def requests_frame(requests: Requests, rows: RequestRows, shares: Shares, names: Any) -> "pd.DataFrame":
    """Lay out requests, a row each."""
    return _frame(requests_columns(requests, rows, shares, names))


def _since_start(ticks: Any) -> Any:
    """Tell instants in hours; what never was is missing."""
    return np.where(ticks >= 0, to_hours(ticks), np.nan)


def _hours_or_nothing(ticks: Any) -> Any:
    """Tell instants in hours; what never comes is missing."""
    return np.where(ticks < NEVER, to_hours(ticks), np.nan)


def stints_frame(rows: Rows) -> "pd.DataFrame":
    """Lay out stints, a row each."""
    import pandas as pd

    stints = rows.stints
    whole, hours = ("job", "node", "hire"), ("since", "until", "restart", "writing", "lost")
    if stints is None:
        return pd.DataFrame({name: [] for name in (*whole, *(f"{each}_h" for each in hours))})
    columns = {name: getattr(stints, name) for name in whole}
    return pd.DataFrame(columns | {f"{name}_h": to_hours(getattr(stints, name)) for name in hours})


def hires_frame(tables: list[tuple[str, Hires]]) -> "pd.DataFrame":
    """Lay out hires, a row each, of several groups of nodes."""
    import pandas as pd

    frames = [
        pd.DataFrame(
            {
                "group": group,
                "node": hires.node,
                "ordered_h": to_hours(hires.ordered),
                "ready_h": _hours_or_nothing(hires.ready),
                "left_h": _hours_or_nothing(hires.left),
            }
        )
        for group, hires in tables
    ]
    return pd.concat(frames, ignore_index=True) if frames else hires_frame([("", Hires.none(1))])
