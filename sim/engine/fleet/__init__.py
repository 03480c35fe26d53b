"""Compiled fleets: functions of a sample path and a plan's rules. Not here: anything random, any price."""

from sim.engine.fleet.api import answer, attempts
from sim.engine.fleet.nodes import serve
from sim.engine.fleet.replicas import serve_requests
from sim.engine.fleet.stream import RequestStream

__all__ = ["RequestStream", "answer", "attempts", "serve", "serve_requests"]
