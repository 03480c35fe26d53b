"""Compiled fleets: functions of a sample path and a plan's rules. Not here: anything random, any price."""

from sim.fleet.nodes import serve

__all__ = ["serve"]
