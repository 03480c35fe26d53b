"""Compiled fleets: functions of a sample path and a plan's rules. Not here: anything random, any price."""

from sim.fleet.nodes import serve
from sim.fleet.replicas import serve_requests

__all__ = ["serve", "serve_requests"]
