"""The serving side of a plan: which nodes serve which classes of requests, under which rules and prices."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sim.engine.money import TokenTariff, token_tariff
from sim.engine.workload import loads
from sim.ground.hires import ExhaustedError
from sim.ground.requests import ApiTimes, Replicas, RequestRows, Requests, Scaling, Serve, all_by_api, by_adapter
from sim.ground.scenario import Bought, Plan, Scenario
from sim.ground.units import NEVER, TICKS_PER_SECOND, Floats, Ticks, fine, tick

_FIRST_LOADS = 64


@dataclass
class _Drawn:
    """How many loads are drawn for a replication of a pool: as many as its hungriest piece needed so far."""

    loads: int = _FIRST_LOADS


@dataclass(frozen=True)
class Pool:
    """A group of nodes and the classes of requests that it serves; without replicas the API alone.

    Attributes
    ----------
    group : Bought or None
        The nodes.
    name : str or None
        Of the group.
    classes : tuple of str
        In the scenario's order.
    replicas : Replicas or None
        The rules.
    dedicated : int
        Adapters that have replicas of their own; 0 where all share.
    tariff : TokenTariff
        What the requests pay.
    """

    name: str | None
    group: Bought | None
    classes: tuple[str, ...]
    replicas: Replicas | None
    dedicated: int
    tariff: TokenTariff
    drawn: _Drawn = field(default_factory=_Drawn, compare=False)

    def serve(
        self,
        engine: Serve,
        seed: int,
        replications: Sequence[int],
        requests: Requests,
        api: ApiTimes | None,
        windows: int,
    ) -> RequestRows:
        """Serve the requests of this pool's classes."""
        if self.replicas is None:
            if api is None:
                return RequestRows.empty(len(requests), requests.replications, windows)
            return all_by_api(requests, api, windows)
        if self.group is not None and self.group.serve is not None and not self.group.serve.prefix_cache:
            requests = replace(requests, cached=np.zeros_like(requests.cached))
        if self.dedicated > 1:
            return by_adapter(engine, self.replicas, self.dedicated, requests, api)
        if self.replicas.scaling is None or self.group is None:
            return engine(self.replicas, requests, api)
        while True:
            times = loads(self.group, seed, replications, self.drawn.loads)
            try:
                return engine(self.replicas, requests, api, loads=times)
            except ExhaustedError:
                self.drawn.loads *= 2

    def replica_ticks(self, rows: RequestRows, opens: int, closes: int) -> Floats:
        """Tell for how many ticks replicas were there in each replication, within counted time, boots and all."""
        if self.replicas is None:
            return np.zeros(len(rows.batch_time))
        hires, scaling = rows.hires, self.replicas.scaling
        if hires is None or scaling is None:
            return np.full(len(rows.batch_time), float(self.replicas.count * (closes - opens)))
        there = np.maximum(0, np.minimum(hires.left, closes) - np.maximum(hires.ordered, opens)) * scaling.per_node
        of_hire = np.repeat(np.arange(len(rows.batch_time)), np.diff(hires.offsets))
        return np.asarray(np.bincount(of_hire, there, len(rows.batch_time)))


def _scaling(group: Bought, horizon: int) -> Scaling | None:
    """Take from a group of nodes the rules by which they come and go."""
    rules = group.serve
    if rules is None or (rules.autoscale is None and rules.schedule is None):
        return None
    if rules.autoscale is None:
        return Scaling(group.replicas_per_node, schedule=np.array(rules.timetable(horizon), np.int64))
    auto = rules.autoscale
    return Scaling(
        per_node=group.replicas_per_node,
        minimum=int(auto.minimum),
        target=int(auto.target),
        tick=round(float(auto.tick_s) * TICKS_PER_SECOND),
        cool_down=tick(float(auto.cool_down_minutes) / 60),
    )


def _replicas(group: Bought, has_api: bool, edges: Ticks) -> Replicas:
    """Take from a group of nodes the rules by which its replicas serve."""
    rules, made = group.serve, group.profile
    if rules is None:
        raise LookupError("these nodes serve no inference")
    adapters = rules.adapters
    return Replicas(
        count=group.replicas,
        gpus=int(rules.gpus_per_replica),
        base=fine(made.base_s),
        per_request=fine(made.per_request_s),
        per_kv_token=fine(made.per_kv_token_s),
        per_prefill_token=fine(made.per_prefill_token_s),
        prefill=fine(made.prefill_s),
        floor=max(1, fine(made.floor_s)),  # no iteration takes no time
        kv_tokens=made.kv_tokens,
        max_num_seqs=made.max_num_seqs,
        token_budget=made.token_budget,
        edges=edges,
        overflow_above=NEVER if rules.overflow_above is None else int(rules.overflow_above),
        has_api=has_api,
        join_lag=int(rules.join_lag),
        frontend=round(float(rules.frontend_ms) * 1e-3 * TICKS_PER_SECOND),
        slots=0 if adapters is None or adapters.slots is None else int(adapters.slots),
        load=0 if adapters is None else fine(float(adapters.load_ms) * 1e-3),
        scaling=_scaling(group, int(edges[-1])),
    )


def _dedicated(scenario: Scenario, group: Bought, classes: Sequence[str]) -> int:
    """Count the adapters that have replicas of their own."""
    rules = None if group.serve is None else group.serve.adapters
    if rules is None or rules.placement != "dedicated":
        return 0
    return max((each.count for name in classes if (each := scenario.chats[name].adapters) is not None), default=0)


def pools(scenario: Scenario, plan: Plan, edges: Ticks) -> list[Pool]:
    """List the pools of a plan: each group that serves, then the API for the classes that no group serves.

    Parameters
    ----------
    edges : int64[windows + 1]
        Microseconds at which the windows of the counted time begin and end.
    """
    has_api = plan.api is not None and plan.api.serves
    served: dict[str | None, list[str]] = {name: [] for name in plan.all_serving}
    for class_name in scenario.chats:
        served.setdefault(plan.server(class_name), []).append(class_name)
    found = []
    for group_name, classes in served.items():
        group = None if group_name is None else plan.all_serving[group_name]
        replicas = None if group is None or not group.replicas else _replicas(group, has_api, edges)
        dedicated = 0 if group is None else _dedicated(scenario, group, classes)
        prices = token_tariff(scenario, plan, group_name)
        found.append(Pool(group_name, group, tuple(classes), replicas, dedicated, prices))
    return found
