"""What the SimPy fleet wrote down of stints and hires, as tables."""

import numpy as np

from sim.engine.reference.market import Hire
from sim.ground.hires import Hires
from sim.ground.jobs import Stints


def stints_of(tables: list[list[list[int]]]) -> Stints:
    """Put the stints of all replications into one table."""
    offsets = np.cumsum([0, *map(len, tables)])
    columns = np.array([row for table in tables for row in table], np.int64).reshape(-1, len(Stints.COLUMNS))
    return Stints(offsets, *columns.T.copy())


def hires_of(tables: list[list[Hire]]) -> Hires:
    """Put the hires of all replications into one table."""
    offsets = np.cumsum([0, *map(len, tables)])
    rows = [(each.node, each.ordered, each.ready, each.left) for table in tables for each in table]
    return Hires(offsets, *np.array(rows, np.int64).reshape(-1, 4).T.copy())
