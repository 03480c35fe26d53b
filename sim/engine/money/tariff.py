"""A plan's prices as plain numbers. Not here: where a price comes from (``catalog``, ``scenario``)."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from sim.engine.money.account import Throughput
from sim.engine.money.billing import Billing
from sim.engine.money.requests import TokenTariff
from sim.ground.scenario import Bought, Held, Hired, Plan, Scenario
from sim.ground.units import HOURS_PER_YEAR, Floats


@dataclass(frozen=True)
class Lender:
    """A group of nodes that serves, and lends nodes to fine-tunes while it does not need them.

    Attributes
    ----------
    nodes : int
        That it lends at times.
    usd_per_gpu_h : float
        Its rate over its GPUs; who borrows pays it for what is used.
    list_usd_per_gpu_h : float or None
        On-demand list price of the same instance, where the book has one.
    """

    nodes: int
    usd_per_gpu_h: float
    list_usd_per_gpu_h: float | None = None


@dataclass(frozen=True)
class Tariff:
    """What one plan pays for what, in USD.

    Attributes
    ----------
    held_usd : float
        Held nodes that run fine-tunes, over all counted time, busy or idle.
    held_gpus, node_gpus : int
        GPUs of all these nodes; GPUs of one that runs fine-tunes, held, hired or lent.
    held_usd_per_gpu_h : float
        The held nodes' mean rate: which node a job landed on is chance, so it does not price the job.
    api_usd_per_million, api_usd_per_job, api_usd_per_service_h : float
        The API's price; two of the three are 0.
    staff_usd, overhead_usd : float
        Over all counted time.
    settle_usd : float
        For each job not started when the clock stops.
    hired : Billing or None
        How nodes are billed that are hired for fine-tunes.
    lenders : tuple of Lender
        Whose nodes the fleet's lent ones are, in their order.
    held_list_usd_per_gpu_h, hired_list_usd_per_gpu_h : float or None
        On-demand list price of the same instance, where the book has one.
    """

    held_usd: float
    held_gpus: int
    node_gpus: int
    held_usd_per_gpu_h: float
    api_usd_per_million: float
    api_usd_per_job: float
    api_usd_per_service_h: float
    staff_usd: float
    overhead_usd: float
    settle_usd: float
    hired: Billing | None = None
    lenders: tuple[Lender, ...] = ()
    held_list_usd_per_gpu_h: float | None = None
    hired_list_usd_per_gpu_h: float | None = None


def tariff(scenario: Scenario, plan: Plan) -> Tariff:
    """Look up everything that a plan pays for.

    A term longer than the counted time is charged pro rata; what is left of it is not this ledger's matter.
    """
    on, hours = scenario.price_date, scenario.counted_hours
    node_rates = sum(node.price(name, on).value * node.nodes for name, node in plan.tuning.items())
    per_million, per_job, per_service_h = _training_prices(plan, on)
    people = plan.staff.head_count(plan.all_nodes) * plan.staff.usd_per_year if plan.staff is not None else 0.0
    hired = plan.hired_tuning
    return Tariff(
        held_usd=node_rates * hours,
        held_gpus=plan.gpus,
        node_gpus=plan.gpus_per_node,
        held_usd_per_gpu_h=node_rates / plan.gpus if plan.gpus else 0.0,
        api_usd_per_million=per_million,
        api_usd_per_job=per_job,
        api_usd_per_service_h=per_service_h,
        staff_usd=people * hours / HOURS_PER_YEAR,
        overhead_usd=plan.overhead_usd_per_year * hours / HOURS_PER_YEAR,
        settle_usd=_settlement(scenario),
        hired=None if hired is None else billing(hired, on),
        lenders=tuple(_lender(group, on) for group in plan.lenders.values()),
        held_list_usd_per_gpu_h=mean_list_price(list(plan.tuning.values()), on),
        hired_list_usd_per_gpu_h=None if hired is None else list_price(hired, on),
    )


def token_tariff(scenario: Scenario, plan: Plan, group_name: str | None) -> TokenTariff:
    """Look up what the requests pay that a group of nodes serves, or the API alone where ``group_name`` is None."""
    on = scenario.price_date
    per_prompt, per_cached, per_output = _token_prices(scenario, plan)
    group = None if group_name is None else plan.all_serving[group_name]
    held = int(group.nodes) if isinstance(group, Held) else 0
    rate = 0.0 if group is None else group.price(str(group_name), on).value
    node_gpus = 0 if group is None else group.gpus_per_node
    return TokenTariff(
        held_usd=rate * held * scenario.counted_hours,
        held_gpus=held * node_gpus,
        replica_gpus=int(group.serve.gpus_per_replica) if group is not None and group.serve is not None else 0,
        usd_per_gpu_h=rate / node_gpus if node_gpus and (held or isinstance(group, Hired)) else 0.0,
        usd_per_prompt_token=per_prompt,
        usd_per_cached_token=per_cached,
        usd_per_output_token=per_output,
        settle_usd=_settlement(scenario),
        node_gpus=node_gpus,
        hired=billing(group, on) if isinstance(group, Hired) else None,
        list_usd_per_gpu_h=None if group is None else list_price(group, on),
    )


def throughput(scenario: Scenario, plan: Plan) -> Throughput:
    """Look up what the reserved units of a plan's API cost and take over all counted time."""
    units = None if plan.api is None else plan.api.reserved
    if units is None:
        return Throughput()
    hours = scenario.counted_hours
    rate = units.price(scenario.price_date).value
    return Throughput(hours * rate * int(units.units), hours * 60.0 * units.tokens_per_minute)


def billing(hired: Hired, on: date | None) -> Billing:
    """Look up how the nodes of a group are billed that come and go."""
    return Billing(
        usd_per_gpu_h=hired.price("hired", on).value / hired.gpus_per_node,
        spot=hired.is_spot,
        from_order=hired.bill_from == "order",
        step=hired.billing_step_ticks,
        minimum=hired.minimum_ticks,
    )


def list_price(group: Bought, on: date | None) -> float | None:
    """Look up what a GPU hour of the same instance costs on demand; None where the book does not say."""
    found = group.list_price(on)
    return None if found is None else found / group.gpus_per_node


def mean_list_price(groups: list[Held], on: date | None) -> float | None:
    """Average list prices over the nodes of groups; None where the book does not know all of them."""
    known = [(int(group.nodes), list_price(group, on)) for group in groups if group.nodes]
    prices = [(nodes, price) for nodes, price in known if price is not None]
    if not prices or len(prices) < len(known):
        return None
    return sum(nodes * price for nodes, price in prices) / sum(nodes for nodes, _ in prices)


def _lender(group: Held, on: date | None) -> Lender:
    """Look up what borrowed nodes cost."""
    return Lender(group.lends, group.price("held", on).value / group.gpus_per_node, list_price(group, on))


def _settlement(scenario: Scenario) -> float:
    """Look up what a job not started is settled at."""
    return float(scenario.equal_work.settle_usd_per_job or 0.0)


def _training_prices(plan: Plan, on: date | None) -> tuple[float, float, float]:
    """Look up what the API takes for a million trained tokens, a job and a service hour; two of the three are 0."""
    prices = {"per million trained tokens": 0.0, "per job": 0.0, "per service hour": 0.0}
    if plan.api is not None and plan.api.trains:
        price = plan.api.price(on)
        prices[price.unit.removeprefix("USD ")] = price.value
    per_million, per_job, per_service_h = prices.values()
    return per_million, per_job, per_service_h


def _token_prices(scenario: Scenario, plan: Plan) -> Floats:
    """Look up what the API takes for a token of each class: read, read from its cache, written."""
    prices = np.zeros((3, len(scenario.workload)))
    if plan.api is not None and plan.api.serves:
        for number, name in enumerate(scenario.workload):
            if name in scenario.chats:
                batched = plan.api.batches(scenario.chats[name].deadline_hours)
                told = (plan.api.batch_prices if batched else plan.api.token_prices)(scenario.price_date)
                prices[:, number] = [price.value * 1e-6 for price in told]
    return prices
