"""Compiled fleets: functions of a sample path and a plan's rules. Not here: anything random, any price."""

from sim.fleet.api import answer, attempts
from sim.fleet.nodes import serve
from sim.fleet.replicas import serve_requests
from sim.fleet.stream import RequestStream

__all__ = ["RequestStream", "answer", "attempts", "serve", "serve_requests"]
