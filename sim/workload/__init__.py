"""Everything random, drawn before the clock starts. Not here: queues, prices, anything that a plan decides."""

from sim.workload.logs import RequestList, listed_requests
from sim.workload.path import sample, terms
from sim.workload.requests import api_times, sample_requests
from sim.workload.traces import Listed, listed_jobs

__all__ = [
    "Listed",
    "RequestList",
    "api_times",
    "listed_jobs",
    "listed_requests",
    "sample",
    "sample_requests",
    "terms",
]
