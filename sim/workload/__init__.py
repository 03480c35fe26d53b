"""Everything random, drawn before the clock starts. Not here: queues, prices, anything that a plan decides."""

from sim.workload.path import sample, terms
from sim.workload.traces import Listed, listed_jobs

__all__ = ["Listed", "listed_jobs", "sample", "terms"]
