"""Results drawn for a decider: charts whose titles, marks and labels are computed from the results."""

from sim.charts.assumptions import cost_by_assumption
from sim.charts.distribution import cost_distribution
from sim.charts.files import save
from sim.charts.idle import idle_money
from sim.charts.percentiles import cost_percentiles

__all__ = ["cost_by_assumption", "cost_distribution", "cost_percentiles", "idle_money", "save"]
