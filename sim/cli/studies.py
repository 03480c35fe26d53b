"""How a run and a sweep end: their folder is written and they are told."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.keeping import tidied
from sim.cli.output import show, write_results

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.study import Grid, Study
    from sim.study.units import Means


def finish_run(found: "Study", scenario: "Scenario", out: Path | None, format_: str, means: "Means") -> None:
    """Write a run's folder, and tell what came of it."""
    from sim.tables import study_blocks, study_csv

    tidied(means)
    if out is not None:
        from sim import charts

        figures = {"cost_distribution": lambda: charts.cost_distribution(found)}
        write_results(out, scenario, found.result, study_csv(found.result), figures)
    show(found.result, format_, study_blocks, study_csv)


def finish_sweep(grid: "Grid", scenario: "Scenario", out: Path | None, format_: str, means: "Means") -> None:
    """Write a sweep's folder, and tell what came of it."""
    from sim.tables import sweep_blocks, sweep_csv

    found = grid.as_result()
    tidied(means)
    if out is not None:
        write_results(out, scenario, found, sweep_csv(found), _pictures(grid))
    show(found, format_, sweep_blocks, sweep_csv)


def _pictures(grid: "Grid") -> dict[str, Any]:
    """Draw costs and idle money along a key of numbers."""
    from sim import charts
    from sim.study.grid import is_number

    if len(grid.vary) != 1 or not all(map(is_number, next(iter(grid.vary.values())))):
        return {}
    figures: dict[str, Any] = {
        "cost_percentiles": lambda: charts.cost_percentiles(grid),
        "idle_money": lambda: charts.idle_money(grid),
    }
    if next(iter(grid.vary)).endswith(".rate_per_second"):
        figures["cost_per_token"] = lambda: charts.cost_per_token(grid)
    return figures
