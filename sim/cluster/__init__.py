"""Many machines, through a Dask cluster that is there already. Not here: what is computed; only functions and keys."""

from sim.cluster.farm import Cluster, Task
from sim.cluster.join import WAIT, joined

__all__ = ["WAIT", "Cluster", "Task", "joined"]
