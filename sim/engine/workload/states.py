"""Rates that change by chance: the states of a modulated arrival process, from its steady state on.

Not here: the arrivals themselves (``arrivals``).
"""

import math
from typing import Any

import numpy as np

from sim.engine.workload.draws import Draws, Open, mean_before
from sim.ground.compiled import kernel
from sim.ground.scenario.continuous import Continuous
from sim.ground.scenario.modulated import MmppArrivals, OnOffArrivals
from sim.ground.units import Floats, Ticks

_FEWEST, _MOST = 16, 2**16


@kernel
def _walk(
    unit: Floats, uniform: Floats, stays: Floats, chances: Floats, state: int, last: float, until: Floats, states: Ticks
) -> int:
    """Walk through states: how long from exponential numbers, where to from uniform ones; tell the state after."""
    for k in range(len(unit)):
        states[k] = state
        last += unit[k] * stays[state]
        until[k] = last
        nearer = 0
        while nearer < len(stays) - 1 and chances[state, nearer] <= uniform[k]:
            nearer += 1
        state = nearer
    return state


@kernel
def _product(at: Floats, total: Floats, until: Floats, rates: Floats, new_at: Floats, new_total: Floats) -> int:
    """Multiply a cumulated rate by that of the state at hand; tell the number of knots of the product."""
    count, piece, turn, here, risen = 1, 0, 0, at[0], 0.0
    new_at[0], new_total[0] = here, risen
    while piece < len(at) - 1:
        there = min(at[piece + 1], until[turn])
        slope = (total[piece + 1] - total[piece]) / (at[piece + 1] - at[piece])
        risen += rates[turn] * slope * (there - here)
        here = there
        new_at[count], new_total[count] = here, risen
        count += 1
        if here >= until[turn]:
            turn += 1
        if here >= at[piece + 1]:
            piece += 1
    return count


def modulated(at: Floats, total: Floats, until: Floats, rates: Floats) -> tuple[Floats, Floats]:
    """Multiply a cumulated rate, by its knots, by a rate that changes with a state, by the ends of its stays."""
    new_at, new_total = np.empty(len(at) + len(until)), np.empty(len(at) + len(until))
    count = _product(at, total, until, rates, new_at, new_total)
    return new_at[:count], new_total[:count]


def _chunk(turns: float) -> int:
    """Tell how many turns to draw at once; the draws are the same however many."""
    return int(min(max(_FEWEST, 1.1 * turns), _MOST))


def _mmpp(law: MmppArrivals, open_stream: Open, quantity: str, hours: float) -> tuple[Floats, Floats]:
    """Draw the states of a Markov-modulated process."""
    stay, where = open_stream(f"{quantity}/stay"), open_stream(quantity)
    stays, chances = np.array(law.stays), np.cumsum(np.array(law.chances), axis=1)
    state = int(np.searchsorted(np.cumsum(law.shares)[:-1], where.random(), side="right"))
    last, chunk = 0.0, _chunk(law.turns_per_hour * hours)
    untils, states = [], []
    while last < hours:
        until, visited = np.empty(chunk), np.empty(chunk, np.int64)
        state = _walk(
            stay.standard_exponential(chunk), where.random(chunk), stays, chances, state, last, until, visited
        )
        untils.append(until)
        states.append(visited)
        last = float(until[-1])
    return np.concatenate(untils), np.array(law.rates_per_hour)[np.concatenate(states)]


def _length_biased(law: Any, mean: float, generator: np.random.Generator) -> float:
    """Draw a stay as who comes at any time meets it: with a chance in proportion to its length."""
    match str(law.law):
        case "deterministic":
            return mean
        case "exponential":
            return generator.standard_gamma(2.0) * mean
        case "erlang":
            return generator.standard_gamma(int(law.phases) + 1.0) * (mean / int(law.phases))
        case "gamma":
            squared = float(law.cv) ** 2
            return generator.standard_gamma(1 / squared + 1) * mean * squared
        case "weibull":
            inverse = 1 / float(law.shape)
            return math.pow(generator.standard_gamma(1 + inverse), inverse) * mean / math.gamma(1 + inverse)
        case "lognormal":
            variance = math.log1p(float(law.cv) ** 2)
            return mean * math.exp(math.sqrt(variance) * generator.standard_normal() + variance / 2)
        case "lomax":
            power = max(generator.standard_gamma(float(law.alpha) - 1), 1e-300)
            return float(law.scale) * generator.standard_gamma(2.0) / power
        case "pareto":
            return float(law.least) * (1 + generator.pareto(float(law.alpha) - 1))
    weights, means = law.phases()  # hyperexponential, whose phases forget
    load = np.cumsum([weight * each for weight, each in zip(weights, means, strict=True)])
    phase = int(np.searchsorted(load[:-1], generator.random() * load[-1], side="right"))
    return generator.standard_gamma(2.0) * float(means[phase] * mean / law.mixture_mean())


def residual(law: Any, generator: np.random.Generator, mean: float | None = None) -> float:
    """Draw how long a stay, or a gap, still lasts that was under way when the clock started.

    In the unit of its mean before truncation, which is the law's own unless it is given.

    A uniform share of a length-biased stay, whose law is known for each: the gamma's shape is one more, the
    lognormal's mean of the logarithm a variance more, the Pareto's index one less, the Lomax's a ratio of gammas
    (the residual is then Lomax of alpha - 1). A truncated law is biased, then truncated.

    References
    ----------
    Cox, Renewal Theory (1962), chapter 5.
    """
    mean = mean_before(law) if mean is None else mean
    low, high = law.range if isinstance(law, Continuous) else (0.0, math.inf)
    while not low <= (whole := _length_biased(law, mean, generator)) <= high:
        pass
    return generator.random() * whole


def _on_off(law: OnOffArrivals, open_stream: Open, quantity: str, hours: float) -> tuple[Floats, Floats]:
    """Draw the turns of a process that is on and off; it begins on with its share of the time on."""
    start = open_stream(quantity)
    begins_off = int(start.random() >= law.on_share)
    laws, unit = law.stay_laws, law.stay_unit_hours
    draws = [Draws(each, open_stream, f"{quantity}/{name}") for each, name in zip(laws, ("on", "off"), strict=True)]
    first, second = draws[1 - begins_off], draws[begins_off]
    ends = [np.array([residual(laws[begins_off], start) * unit])]
    chunk = _chunk(law.turns_per_hour * hours) // 2
    while (last := float(ends[-1][-1])) < hours:
        turns = np.empty(2 * chunk + 1)
        turns[0], turns[1::2], turns[2::2] = last, first.take(chunk) * unit, second.take(chunk) * unit
        ends.append(np.cumsum(turns)[1:])  # one addition after the other, whatever the chunk
    until = np.concatenate(ends)
    on = (np.arange(len(until)) + begins_off) % 2 == 0
    return until, np.where(on, law.on_rate_per_hour, 0.0)


def states(law: Any, open_stream: Open, quantity: str, hours: float) -> tuple[Floats, Floats]:
    """Draw the states of a modulated arrival law in one replication.

    Parameters
    ----------
    law : MmppArrivals or OnOffArrivals
        Of the scenario.
    open_stream : callable
        Opens a random stream by name.
    quantity : str
        Name of the states, ``.../states``.
    hours : float
        Until when they are needed.

    Returns
    -------
    until, rates : float64[n]
        End of each stay in hours, increasing, the last at ``hours`` or later; arrivals an hour during it.
    """
    draw = _mmpp if isinstance(law, MmppArrivals) else _on_off
    return draw(law, open_stream, quantity, hours)
