"""Many machines, through a Dask cluster that is there already. Not here: what is computed; only functions and keys."""

from sim.ground.cluster.farm import Cluster, Task
from sim.ground.cluster.join import WAIT, joined

__all__ = ["WAIT", "Cluster", "Task", "joined"]
