"""Results drawn for a decider: percentile cost charts whose titles, marks and labels are computed from the results."""

from sim.charts.files import save
from sim.charts.percentiles import cost_percentiles

__all__ = ["cost_percentiles", "save"]
