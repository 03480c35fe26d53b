"""What can be known of waits before anything is run: who waits for ever, and whether a wait has a mean."""

import math

from sim.ground.scenario import Plan, Scenario
from sim.ground.scenario.tails import tail_index

_MOST_EXPONENT = 600.0  # far beyond what fits into memory


def waits_for_ever(plan: Plan) -> bool:
    """Tell whether all jobs of a plan wait for its nodes, however long."""
    queue = plan.maximum_nodes != 0 and plan.tunes_on_nodes and not plan.frictionless
    return queue and plan.patience_hours is None and plan.queue_limit is None


def load_at_end(scenario: Scenario) -> float | None:
    """Offered load of all fine-tunes in GPUs when the clock stops, grown until then; None where it is not known.

    Patterns count by their mean, growth of the parts of a superposition is left out.
    """
    total = 0.0
    for each in scenario.tunes.values():
        work, law = each.mean_gpu_hours, each.arrivals
        if work is None or law is None:
            return None
        total += work * law.jobs_per_hour * math.exp(min(_MOST_EXPONENT, law.growth * scenario.horizon_hours))
    return total


def spare_places(scenario: Scenario, plan: Plan) -> int | None:
    """Count the places for jobs beyond those that the load fills wholly: how many endless jobs would stop a fleet.

    None where jobs do not wait for nodes however long, or the load is not known, or not carried.
    """
    load, usable = scenario.offered_gpus, scenario.reachable_gpus(plan)
    sizes = {size for each in scenario.tunes.values() for size in each.gpu_sizes}
    if not waits_for_ever(plan) or load is None or usable is None or load >= usable or not sizes:
        return None
    return max(1, int(usable // max(sizes)) - math.floor(load / max(sizes)))


def tail_of_waits(scenario: Scenario, plan: Plan) -> tuple[str, float] | None:
    """Find the index of the tail of the wait in the long run, where a service time has a tail like a power.

    Returns
    -------
    (class, index) or None
        The class with the heaviest tail; P(wait > x) falls like x^-index. At 1 or below the wait has no mean, at 2 no
        variance, at 3 the mean over one long run has none.

    References
    ----------
    Scheller-Wolf & Sigman, Delay moments for FIFO GI/GI/s queues, Queueing Systems 25 (1997): with k places to spare a
    long wait takes k long jobs at once, so the index is k (alpha - 1). Daley, The serial correlation coefficients of
    waiting times in a stationary single server queue (1968).
    """
    spare = spare_places(scenario, plan)
    tails = {name: tail_index(job_class) for name, job_class in scenario.tunes.items()}
    known = {name: alpha for name, alpha in tails.items() if alpha is not None}
    if spare is None or not known:
        return None
    worst = min(known, key=lambda name: known[name])
    return worst, spare * (known[worst] - 1)
