"""A plan's prices as plain numbers. Not here: where a price comes from (``catalog``, ``scenario``)."""

from dataclasses import dataclass

import numpy as np

from sim.money.requests import TokenTariff
from sim.scenario import Plan, Scenario
from sim.units import HOURS_PER_YEAR


@dataclass(frozen=True)
class Tariff:
    """What one plan pays for what, in USD.

    Attributes
    ----------
    held_usd : float
        Held nodes that run fine-tunes, over all counted time, busy or idle.
    held_gpus, node_gpus : int
        GPUs of all these nodes; GPUs of one.
    held_usd_per_gpu_h : float
        The held nodes' mean rate: which node a job landed on is chance, so it does not price the job.
    hired_usd_per_gpu_h : float
        Rate of a hired node over its GPUs.
    api_usd_per_million, api_usd_per_job, api_usd_per_service_h : float
        The API's price; two of the three are 0.
    staff_usd, overhead_usd : float
        Over all counted time.
    settle_usd : float
        For each job not started when the clock stops.
    """

    held_usd: float
    held_gpus: int
    node_gpus: int
    held_usd_per_gpu_h: float
    hired_usd_per_gpu_h: float
    api_usd_per_million: float
    api_usd_per_job: float
    api_usd_per_service_h: float
    staff_usd: float
    overhead_usd: float
    settle_usd: float


def tariff(scenario: Scenario, plan: Plan) -> Tariff:
    """Look up everything that a plan pays for.

    A term longer than the counted time is charged pro rata; what is left of it is not this ledger's matter.
    """
    on, hours = scenario.price_date, scenario.counted_hours
    node_rates = sum(node.price(name, on).value * node.nodes for name, node in plan.tuning.items())
    hired = [node.price(name, on).value / node.gpus_per_node for name, node in plan.hired.items()]
    api = {"per million trained tokens": 0.0, "per job": 0.0, "per service hour": 0.0}
    if plan.api is not None and plan.api.trains:
        price = plan.api.price(on)
        api[price.unit.removeprefix("USD ")] = price.value
    people = plan.staff.head_count(plan.all_nodes) * plan.staff.usd_per_year if plan.staff is not None else 0.0
    return Tariff(
        held_usd=node_rates * hours,
        held_gpus=plan.gpus,
        node_gpus=plan.gpus_per_node,
        held_usd_per_gpu_h=node_rates / plan.gpus if plan.gpus else 0.0,
        hired_usd_per_gpu_h=hired[0] if hired else 0.0,
        api_usd_per_million=api["per million trained tokens"],
        api_usd_per_job=api["per job"],
        api_usd_per_service_h=api["per service hour"],
        staff_usd=people * hours / HOURS_PER_YEAR,
        overhead_usd=plan.overhead_usd_per_year * hours / HOURS_PER_YEAR,
        settle_usd=float(scenario.equal_work.settle_usd_per_job or 0.0),
    )


def token_tariff(scenario: Scenario, plan: Plan, group_name: str | None) -> TokenTariff:
    """Look up what the requests pay that a group of nodes serves, or the API alone where ``group_name`` is None."""
    on, classes = scenario.price_date, list(scenario.workload)
    per_prompt, per_output = np.zeros(len(classes)), np.zeros(len(classes))
    if plan.api is not None and plan.api.serves:
        full, cached, output = (price.value * 1e-6 for price in plan.api.token_prices(on))
        for name, requests in scenario.chats.items():
            share = float(requests.cached_share)
            per_prompt[classes.index(name)] = full * (1 - share) + cached * share
            per_output[classes.index(name)] = output
    rate, gpus, replica_gpus = 0.0, 0, 0
    if group_name is not None:
        group = plan.held[group_name]
        rate = group.price(group_name, on).value * group.nodes
        gpus = int(group.nodes) * group.gpus_per_node
        replica_gpus = 0 if group.serve is None else int(group.serve.gpus_per_replica)
    return TokenTariff(
        held_usd=rate * scenario.counted_hours,
        held_gpus=gpus,
        replica_gpus=replica_gpus,
        usd_per_gpu_h=rate / gpus if gpus else 0.0,
        usd_per_prompt_token=per_prompt,
        usd_per_output_token=per_output,
        settle_usd=float(scenario.equal_work.settle_usd_per_job or 0.0),
    )
