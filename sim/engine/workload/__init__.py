"""Everything random, drawn before the clock starts. Not here: queues, prices, anything that a plan decides."""

from sim.engine.workload.api import ApiChance, api_chance, api_times, api_windows
from sim.engine.workload.hazards import Sizes, enlarged, first_sizes, hazards, loads, numbers
from sim.engine.workload.logs import RequestList, listed_requests
from sim.engine.workload.path import sample, terms
from sim.engine.workload.replays import Replay, replay_of
from sim.engine.workload.requests import request_pieces, sample_requests
from sim.engine.workload.sessions import joined_turns
from sim.engine.workload.traces import Listed, listed_jobs

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
