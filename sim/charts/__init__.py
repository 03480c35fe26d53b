"""Results drawn for a decider: charts whose titles, marks and labels are computed from the results."""

from sim.charts.assumptions import cost_by_assumption
from sim.charts.distribution import cost_distribution
from sim.charts.files import save
from sim.charts.first_token import first_token
from sim.charts.frontier import frontier
from sim.charts.idle import idle_money
from sim.charts.percentiles import cost_percentiles
from sim.charts.pooling import Adapters, Crowd, pooling
from sim.charts.tokens import Benchmark, cost_per_token

__all__ = [
    "Adapters",
    "Benchmark",
    "Crowd",
    "cost_by_assumption",
    "cost_distribution",
    "cost_per_token",
    "cost_percentiles",
    "first_token",
    "frontier",
    "idle_money",
    "pooling",
    "save",
]
