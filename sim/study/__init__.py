"""Plans x replications x grid: run a scenario, sweep its numbers, hold the estimates."""

from sim.study.grid import Cell, Grid, cells_of, sweep
from sim.study.result import as_json
from sim.study.study import Study, draw_seed, run, threads

__all__ = ["Cell", "Grid", "Study", "as_json", "cells_of", "draw_seed", "run", "sweep", "threads"]
