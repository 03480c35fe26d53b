"""The fleets told in SimPy, in the plainest words: the specification that runs. Not here: anything fast."""

from sim.reference.nodes import serve

__all__ = ["serve"]
