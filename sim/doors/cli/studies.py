"""How a run and a sweep end: what is written into their folder, and what is told."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.doors.cli.keeping import tidied
from sim.doors.cli.output import Progress, show, write_results
from sim.ground.faults import InputError

if TYPE_CHECKING:
    from sim.ground.scenario import Scenario
    from sim.study import Grid, Study
    from sim.study.units import Means


def check_rows(out: Path | None, shard: str | None) -> None:
    """Refuse to write every job where that cannot be, before any work."""
    if out is None:
        raise InputError.one("--rows", "are files in a folder; give --out DIR with it")
    if shard is not None:
        text = "and --shard exclude each other: `merge` the shares, then run with --rows where all is done"
        raise InputError.one("--rows", text)
    from sim.study.parquet import arrow

    arrow()


def write_run(found: "Study", scenario: "Scenario", out: Path | None, means: "Means", rows: bool = False) -> None:
    """Write the folder of a run, where there is one; every job too, if that is asked."""
    if out is not None:
        from sim.questions import charts
        from sim.questions.tables import study_csv

        tidied(means)
        figures = {"cost_distribution": lambda: charts.cost_distribution(found)}
        write_results(out, scenario, found.result, study_csv(found.result), figures)
        if rows:
            from sim.study.parquet import write_rows

            write_rows(found.experiment, found.replications, out, Progress("rows of replications"))


def write_sweep(grid: "Grid", scenario: "Scenario", out: Path | None, means: "Means") -> None:
    """Write the folder of a sweep, where there is one."""
    if out is not None:
        from sim.questions.tables import sweep_csv

        tidied(means)
        found = grid.as_result()
        write_results(out, scenario, found, sweep_csv(found), _pictures(grid))


def show_run(found: "Study", format_: str) -> None:
    """Print what came of a run."""
    from sim.questions.tables import study_blocks, study_csv

    show(found.result, format_, study_blocks, study_csv)


def show_sweep(grid: "Grid", format_: str) -> None:
    """Print what came of a sweep."""
    from sim.questions.tables import sweep_blocks, sweep_csv

    show(grid.as_result(), format_, sweep_blocks, sweep_csv)


def _pictures(grid: "Grid") -> dict[str, Any]:
    """Draw costs and idle money along a key of numbers."""
    from sim.questions import charts
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
