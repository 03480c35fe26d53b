"""What replicas can carry along a swept rate: the load on top, the wall on the right, the level that latency must meet.

Not here: curves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from sim.ground.scenario import InferenceClass, Scenario
from sim.ground.units import SECONDS_PER_HOUR, Floats
from sim.questions.charts.axis import Panel, spaced_out
from sim.questions.charts.reading import Bools, Sweep
from sim.questions.charts.style import SMALL_SIZE, limits, spans_decade
from sim.questions.charts.words import key_words, plain, plan_word, wrapped

_SECONDS: Final = {"rate_per_second": 1.0, "rate_per_day": 24.0 * SECONDS_PER_HOUR}
_NICE: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_LETTER: Final = 0.074


@dataclass(frozen=True)
class Work:
    """What a plan makes of the requests at each swept value.

    Attributes
    ----------
    done : bool[n]
        It does the work that the others do, on time.
    late : bool[n]
        It serves them all, but breaks the level.
    """

    done: Bools
    late: Bools

    @classmethod
    def of(cls, sweep: Sweep, plan: str, job_class: str) -> "Work":
        """Tell a broken level from work left undone."""
        jobs = sweep.of_class(plan, job_class, "jobs")[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            left = sweep.of_class(plan, job_class, "not_started")[0] / jobs
        allowed = float(sweep.grid.scenario.equal_work.not_started_share)
        capacity = carried(sweep.grid.scenario, plan, job_class, sweep.key)
        below = np.ones(len(sweep.x), np.bool_) if capacity is None else sweep.x < capacity
        done = sweep.eligible(plan)
        return cls(done, ~done & (left <= allowed) & below)

    def shown(self, values: Floats, late: bool) -> Floats:
        """Keep a curve where it is done; or where it is late, with the points before and after."""
        kept = self.done
        if late:
            beside = np.zeros(len(values), np.bool_)
            beside[:-1] |= self.late[1:]
            beside[1:] |= self.late[:-1]
            kept = self.late | (beside & self.done)
        return np.where(kept, values, np.nan)


def alone(scenario: Scenario, plan: str) -> bool:
    """Tell whether a plan serves on held replicas, with no API to help."""
    return bool(scenario.plans[plan].all_serving) and scenario.plans[plan].api is None


def carried(scenario: Scenario, plan: str, job_class: str, key: str) -> float | None:
    """Estimate the swept rate at which a plan's replicas have all they can carry; None where no such rate is swept.

    From mean lengths, as the warning of overload has it: variation of lengths is left out.
    """
    requests, last = scenario.workload[job_class], key.split(".")[-1]
    if key != f"workload.{job_class}.arrivals.{last}" or last not in _SECONDS or not alone(scenario, plan):
        return None
    server = scenario.plans[plan].server(job_class)
    if not isinstance(requests, InferenceClass) or requests.mean_tokens is None or server is None:
        return None
    if len(scenario.chats) > 1:
        return None
    group = scenario.plans[plan].all_serving[server]
    return group.replicas * group.rate_at_most(requests) * _SECONDS[last] / requests.mean_turns


def served_panel(sweep: Sweep, plans: Sequence[str], job_class: str, others: Sequence[float] = ()) -> Panel:
    """Lay out the swept axis, with the stretches that plans without an API cannot serve."""
    x = np.append(sweep.x, np.array(others, dtype=np.float64))
    log = not sweep.names and spans_decade(x)
    low, high = limits(x, log, 0.02, 0.02)
    walls: dict[float, list[str]] = {}
    for plan in plans:
        if (wall := _wall(sweep, plan, job_class)) is not None:
            walls.setdefault(wall, []).append(plan_word(plan))
    if walls:
        last = max(max(walls), float(x.max()))
        span = np.log10(last / low) if log else last - low
        least = float(last * 10 ** (0.05 * span)) if log else last + 0.05 * span
        high = max(high, least)
    starts = [*sorted(walls), high]
    edges = tuple(
        (starts[k], starts[k + 1], f"cannot be served by {', '.join(walls[starts[k]])}") for k in range(len(walls))
    )
    return Panel(sweep, low, high, log, edges)


def _wall(sweep: Sweep, plan: str, job_class: str) -> float | None:
    """Find from where on a plan leaves work undone: at what its replicas can carry, if that lies there."""
    work = Work.of(sweep, plan, job_class)
    served = np.flatnonzero(work.done | work.late)
    if sweep.names or not len(served) or served[-1] + 1 >= len(sweep.x):
        return None
    before, after = float(sweep.x[served[-1]]), float(sweep.x[served[-1] + 1])
    capacity = carried(sweep.grid.scenario, plan, job_class, sweep.key)
    return capacity if capacity is not None and before <= capacity <= after else after


def load_axis(axes: Axes, panel: Panel, plan: str, job_class: str) -> bool:
    """Show on top which share of what it can carry a plan has; tell whether there is such a share."""
    scenario, sweep = panel.sweep.grid.scenario, panel.sweep
    capacity = carried(scenario, plan, job_class, sweep.key)
    if capacity is None:
        return False
    places = np.array([share * capacity for share in _NICE])
    places = places[(places >= panel.low) & (places <= panel.high)]
    top = axes.secondary_xaxis("top")
    top.xaxis.set_major_locator(FixedLocator([float(places[k]) for k in spaced_out(panel, places)]))
    top.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value / capacity:.3g} %"))
    top.xaxis.set_minor_locator(FixedLocator([]))
    most = f"{plain(capacity)}{key_words(scenario, sweep.key)[1]}"
    text = f"load of {plan_word(plan)}: share of the {most} that it can carry (estimate from mean lengths)"
    letters = int(axes.get_window_extent().width / axes.figure.dpi / _LETTER)
    top.set_xlabel(wrapped(text, letters), parse_math=False, size=SMALL_SIZE)
    top.tick_params(labelsize=SMALL_SIZE)
    return True
