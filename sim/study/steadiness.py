"""Whether a scenario has a steady state at all: a law of arrivals that stays, a load that can be carried.

Not here: whether a run has reached it (``steady``).
"""

from collections.abc import Iterator

from sim.ground.faults import Fault, InputError
from sim.ground.scenario import Plan, Scenario
from sim.study.compare import account_load, overload, serving_load


def _changing(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Find the keys by which the law of what happens changes with time."""
    for name, job_class in scenario.workload.items():
        where, law = f"workload.{name}", job_class.arrivals
        if law is None:
            yield where, "lists its jobs, and a list ends; state `arrivals`, or use run"
        elif not law.steady:
            text = "has a rate that changes with time (pattern or growth_percent_per_month), so no mean holds for all"
            yield f"{where}.arrivals", f"{text} hours; leave it out for the steady state at the mean rate, or use run"
    for name, plan in scenario.plans.items():
        for group_name, group in plan.all_serving.items():
            if group.serve is not None and group.serve.schedule is not None:
                text = "changes the number of nodes by the hour, so there is no steady state; leave it out, or use run"
                yield f"plans.{name}.{group_name}.serve.schedule", text


def check_unchanging(scenario: Scenario) -> None:
    """Refuse a scenario whose laws change with time.

    Raises
    ------
    InputError
        With every key that makes them change.
    """
    if faults := [Fault(scenario.name, f"{where} {text}") for where, text in _changing(scenario)]:
        raise InputError(faults)


def unstable(scenario: Scenario, plan: Plan) -> str | None:
    """Say what of a plan cannot carry its load, so that a queue grows for ever; None where all can.

    At a load of exactly what can be carried a queue never settles either.
    """
    if (text := overload(scenario, plan)) is not None:
        return text
    for name, group in plan.all_serving.items():
        carried = serving_load(scenario, plan, name)
        if carried is not None and carried >= 1 and not (group.serve and group.serve.overflow_above):
            return f"requests come at {carried:.3g} times the rate that `{name}` can serve"
    asked = account_load(scenario, plan)
    if asked is not None and asked >= 1:
        return f"requests come at {asked:.3g} times the rate that its API lets pass"
    return None
