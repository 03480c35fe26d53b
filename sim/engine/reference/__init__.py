"""The fleets told in SimPy, in the plainest words: the specification that runs. Not here: anything fast."""

from sim.engine.reference.api import answer, attempts
from sim.engine.reference.nodes import serve
from sim.engine.reference.replicas import serve_requests

__all__ = ["answer", "attempts", "serve", "serve_requests"]
