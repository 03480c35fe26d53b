"""Results drawn for a decider: charts whose titles, marks and labels are computed from the results."""

from sim.questions.charts.assumptions import cost_by_assumption
from sim.questions.charts.chance import Chance, chance_along
from sim.questions.charts.distribution import cost_distribution
from sim.questions.charts.fan import Fan, Happening, fan_chart
from sim.questions.charts.files import save
from sim.questions.charts.first_token import first_token
from sim.questions.charts.flips import Move, flips
from sim.questions.charts.frontier import frontier
from sim.questions.charts.frontier_curve import frontier_curve
from sim.questions.charts.idle import idle_money
from sim.questions.charts.percentiles import cost_percentiles
from sim.questions.charts.pooling import Adapters, Crowd, pooling
from sim.questions.charts.regret import Regret, regret_bars
from sim.questions.charts.tokens import Benchmark, cost_per_token
from sim.questions.charts.tornado import Place, Swing, tornado

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
