"""Everything random, drawn before the clock starts. Not here: queues, prices, anything that a plan decides."""

from sim.workload.api import ApiChance, api_chance, api_times, api_windows
from sim.workload.hazards import Sizes, enlarged, first_sizes, hazards, loads, numbers
from sim.workload.logs import RequestList, listed_requests
from sim.workload.path import sample, terms
from sim.workload.replays import Replay, replay_of
from sim.workload.requests import request_pieces, sample_requests
from sim.workload.sessions import joined_turns
from sim.workload.traces import Listed, listed_jobs

__all__ = [
    "ApiChance",
    "Listed",
    "Replay",
    "RequestList",
    "Sizes",
    "api_chance",
    "api_times",
    "api_windows",
    "enlarged",
    "first_sizes",
    "hazards",
    "joined_turns",
    "listed_jobs",
    "listed_requests",
    "loads",
    "numbers",
    "replay_of",
    "request_pieces",
    "sample",
    "sample_requests",
    "terms",
]
