"""From arrays over replications to estimates with intervals. Arrays only: no job, no plan, no price is known here."""

from sim.ground.estimate.clusters import (
    FEWEST,
    Lacking,
    clustered_mean,
    clustered_quantile,
    clustered_share,
    share_between,
)
from sim.ground.estimate.interval import (
    Estimate,
    deviation,
    jackknife,
    mean,
    order_statistic_ranks,
    plain,
    quantile,
    ratio,
    replications_needed,
    share,
)
from sim.ground.estimate.pooled import EXACT, Pooled
from sim.ground.estimate.tail import WORST, conditional_value_at_risk, probability_over
from sim.ground.estimate.warmup import mser5

__all__ = [
    "EXACT",
    "FEWEST",
    "WORST",
    "Estimate",
    "Lacking",
    "Pooled",
    "clustered_mean",
    "clustered_quantile",
    "clustered_share",
    "conditional_value_at_risk",
    "deviation",
    "jackknife",
    "mean",
    "mser5",
    "order_statistic_ranks",
    "plain",
    "probability_over",
    "quantile",
    "ratio",
    "replications_needed",
    "share",
    "share_between",
]
