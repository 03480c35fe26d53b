"""Plans x replications x grid: run a scenario, sweep its numbers, hold the estimates."""

from sim.study.grid import Cell, Grid, cells_of, sweep
from sim.study.precise import Goal, run_until
from sim.study.result import as_json
from sim.study.study import Study, draw_seed, run
from sim.study.threads import threads

__all__ = ["Cell", "Goal", "Grid", "Study", "as_json", "cells_of", "draw_seed", "run", "run_until", "sweep", "threads"]
