"""A decision over years: futures drawn, plans simulated in each, money by month, and the verdict."""

from sim.questions.decision.study import Decided, decide
from sim.questions.decision.sweep import Swept, decide_at

__all__ = ["Decided", "Swept", "decide", "decide_at"]
