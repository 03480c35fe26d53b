"""Logs of what happened, read as numbers: any form, any length, every fault with its place. Not here: any model."""

from sim.ground.logs.cells import Faults, instant, number, whole
from sim.ground.logs.forms import NAMES, TICKS, TOKENS, Form, Kind, known
from sim.ground.logs.log import Chunk, Log, gather, open_log
from sim.ground.logs.sizes import read_sizes
from sim.ground.logs.source import Limits, readable, text_lines, version
from sim.ground.logs.zones import to_local, zone_named

__all__ = [
    "NAMES",
    "TICKS",
    "TOKENS",
    "Chunk",
    "Faults",
    "Form",
    "Kind",
    "Limits",
    "Log",
    "gather",
    "instant",
    "known",
    "number",
    "open_log",
    "read_sizes",
    "readable",
    "text_lines",
    "to_local",
    "version",
    "whole",
    "zone_named",
]
