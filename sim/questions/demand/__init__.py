"""What a log of demand tells, which process reproduces it, and the scenario that says so.

Not here: reading logs (``ground.logs``), drawing it (``engine.workload``), the pace of a replica (``questions.fit``).
"""

from sim.questions.demand.reading import Told
from sim.questions.demand.workload import RateWorkload, Workload, learn
from sim.questions.demand.writing import slug

__all__ = ["RateWorkload", "Told", "Workload", "learn", "slug"]
