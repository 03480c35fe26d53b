"""What a log of demand tells, which process reproduces it, and the scenario that says so.

Not here: reading logs (``sim.logs``), drawing demand (``sim.workload``), the pace of replicas (``sim.fit``).
"""

from sim.demand.reading import Told
from sim.demand.workload import RateWorkload, Workload, learn
from sim.demand.writing import slug

__all__ = ["RateWorkload", "Told", "Workload", "learn", "slug"]
