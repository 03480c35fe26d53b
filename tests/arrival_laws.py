"""Laws of arrivals for tests."""

from worlds import scenario

RATE = 24
STAYS = {
    "deterministic": {},
    "exponential": {},
    "erlang": {"phases": 3},
    "hyperexponential": {"cv": 2},
    "lognormal": {"cv": 1.5},
    "gamma": {"cv": 0.7},
    "weibull": {"shape": 0.7},
    "lomax": {"alpha": 3.5},
    "pareto": {"alpha": 3.5},
}
CUT = {"law": "lomax", "mean": 3, "alpha": 1.5, "truncate": {"low": 0.5, "high": 12}}
RING = {
    "law": "mmpp",
    "rates": [1, 0, 8],
    "stay_hours": [5, 10, 2],
    "next": [[0, 0.25, 0.75], [1, 0, 0], [0.5, 0.5, 0]],
}
CLIENT = {"law": "on_off", "on_s": {"law": "exponential", "mean": 7200}, "off_s": {"law": "exponential", "mean": 28800}}


def law(settings: dict, **more):
    """An arrival law."""
    return (
        scenario(settings={"workload.tuning.arrivals": settings | more, "horizon_days": 7}).workload["tuning"].arrivals
    )


def size(settings):
    """A law of sizes."""
    return scenario(settings={"workload.tuning.tokens_millions": settings}).workload["tuning"].tokens_millions
