"""Results drawn for a decider: charts whose titles, marks and labels are computed from the results."""

from sim.charts.assumptions import cost_by_assumption
from sim.charts.chance import Chance, chance_along
from sim.charts.distribution import cost_distribution
from sim.charts.fan import Fan, Happening, fan_chart
from sim.charts.files import save
from sim.charts.first_token import first_token
from sim.charts.flips import Move, flips
from sim.charts.frontier import frontier
from sim.charts.frontier_curve import frontier_curve
from sim.charts.idle import idle_money
from sim.charts.percentiles import cost_percentiles
from sim.charts.pooling import Adapters, Crowd, pooling
from sim.charts.regret import Regret, regret_bars
from sim.charts.tokens import Benchmark, cost_per_token
from sim.charts.tornado import Place, Swing, tornado

__all__ = [
    "Adapters",
    "Benchmark",
    "Chance",
    "Crowd",
    "Fan",
    "Happening",
    "Move",
    "Place",
    "Regret",
    "Swing",
    "chance_along",
    "cost_by_assumption",
    "cost_distribution",
    "cost_per_token",
    "cost_percentiles",
    "fan_chart",
    "first_token",
    "flips",
    "frontier",
    "frontier_curve",
    "idle_money",
    "pooling",
    "regret_bars",
    "save",
    "tornado",
]
