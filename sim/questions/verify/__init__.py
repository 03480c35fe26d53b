"""Checks of this program against what is known apart from it: theory, the SimPy fleet, what must always hold.

Not here: whether a scenario file is right (``check``) or agrees with measured data (``validate``).
"""

from sim.questions.verify.run import verify

__all__ = ["verify"]
