"""The plans of a scenario: ways to buy capacity, and what each pays."""

import math
from datetime import date
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from sim.ground.scenario.api import Api
from sim.ground.scenario.buying import MINUTES, Bought, Held
from sim.ground.scenario.hired import Hired
from sim.ground.scenario.inputs import Input, stated
from sim.ground.scenario.laws import Part, PatienceLaw
from sim.ground.scenario.quantity import Count, Minutes, NonNegative, Positive, Slug, Text, WorkMinutes
from sim.ground.units import tick


class Staff(Part):
    """People who run the plan: a number of them, or one for so many held nodes (rounded up)."""

    engineers: NonNegative | None = None
    """Number of people, such as 0.5; or ``nodes_per_engineer``."""
    nodes_per_engineer: Positive | None = None
    """Held nodes that one person looks after, rounded up to whole people; or ``engineers``."""
    usd_per_year: NonNegative
    """What a person costs, in USD a year."""
    source: Text | None = None
    """Who says so; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _counted(self) -> Self:
        self.exactly_one("engineers", "nodes_per_engineer")
        return self

    def head_count(self, nodes: int) -> float:
        """How many people the plan pays."""
        if self.nodes_per_engineer is not None:
            return float(math.ceil(nodes / self.nodes_per_engineer))
        return float(self.engineers or 0.0)


class Checkpoints(Part):
    """How fine-tunes save their work: after each interval of it, each save taking its cost; an interval of 0 saves all.

    Where a job has no checkpoints, it begins anew when it loses its nodes.
    """

    interval_minutes: WorkMinutes
    """Minutes of work between two checkpoints; 0 saves all work at every instant."""
    cost_minutes: Minutes = 0.0
    """Minutes that writing a checkpoint takes, in which the job does no work; left out: 0."""
    source: Text | None = None
    """Who says so; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.cost_minutes > self.interval_minutes:
            words = "no cost_minutes with continuous checkpoints (interval_minutes 0)"
            if self.interval_minutes:
                words = f"cost_minutes of at most interval_minutes ({self.interval_minutes:g})"
            raise ValueError(f"must have {words}, got {self.cost_minutes:g}")
        return self

    @property
    def interval_ticks(self) -> int:
        """Work between two checkpoints, in ticks; 0: all work is kept at every instant."""
        return tick(self.interval_minutes / MINUTES)

    @property
    def cost_ticks(self) -> int:
        """How long writing one takes, in ticks."""
        return tick(self.cost_minutes / MINUTES)


def _as_checkpoints(value: Any) -> Any:
    """Read ``continuous`` as checkpoints without an interval."""
    if value == "continuous":
        return {"interval_minutes": 0.0}
    if not isinstance(value, dict | Checkpoints | None):
        example = "{interval_minutes: 30, cost_minutes: 1}"
        raise ValueError(f"must be `continuous` or a mapping like {example}")
    return value


class Plan(Part):
    """A way to buy capacity: nodes held, nodes hired when they are needed, the API, or some of them together."""

    held: dict[Slug, Held] = Field(default_factory=dict)
    """Nodes that are paid busy or idle, by name; left out: none."""
    hired: dict[Slug, Hired] = Field(default_factory=dict)
    """Nodes that are hired when they are needed, by name; left out: none."""
    api: Api | None = None
    """The API, for all work or for what overflows; left out: none."""
    patience_hours: PatienceLaw | None = None
    """Hours that a fine-tune waits for nodes before it goes to the API: a number or a law; left out: for ever; 0:
    whoever cannot start at once goes."""
    queue_limit: Count | None = None
    """Most fine-tunes that wait; who cannot start and finds so many goes to the API; left out: any number."""
    backfill: Annotated[bool, Field(strict=True)] = False
    """Whether a fine-tune may pass the head of the queue if it does not delay it; left out: false, first come, first
    served."""
    checkpoints: Annotated[Checkpoints | None, BeforeValidator(_as_checkpoints)] = None
    """How fine-tunes save their work, or ``continuous``, which loses none; left out: who loses its nodes begins
    anew."""
    restart_minutes: Minutes = 0.0
    """Minutes that an interrupted fine-tune needs before it goes on; left out: 0."""
    preempt: Annotated[bool, Field(strict=True)] = False
    """Whether more urgent fine-tunes interrupt others; left out: false."""
    staff: Staff | None = None
    """People who run the plan; left out: none."""
    overhead_usd_per_year: NonNegative = 0.0
    """Other costs of the plan whatever it does, in USD a year; left out: 0."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not (self.held or self.hired or self.api):
            raise ValueError("must buy something: give it `held`, `hired` or `api`")
        tuning = [name for name, group in self.hired.items() if group.serve is None]
        if len(tuning) > 1:
            raise ValueError(
                f"must hire one kind of node for fine-tunes, got {' and '.join(tuning)}; make it two plans"
            )
        if twice := sorted(set(self.serving) & set(self.hired_serving)):
            raise ValueError(f"must give `{twice[0]}` to one group that serves, got it under `held` and `hired`")
        if len(sizes := self._sizes()) > 1:
            raise ValueError(
                "must have nodes of one size for fine-tunes, held, hired and lent alike, got "
                f"{' and '.join(f'{size} GPUs' for size in sorted(sizes))}; put other sizes into a plan of their own"
            )
        if self.staff is not None and self.staff.nodes_per_engineer is not None and not self.held:
            raise ValueError("must count its staff by `engineers`, because it holds no nodes for `nodes_per_engineer`")
        self._check_queue()
        return self

    def _check_queue(self) -> None:
        """Refuse words about waiting and interrupted jobs where no job waits for nodes."""
        waiting = self.given("patience_hours", "queue_limit")
        if waiting and (self.api is None or not self.api.trains or not self.tunes_on_nodes):
            raise ValueError(
                "must have nodes for fine-tunes (held, hired or lent) and an `api` that trains to overflow to, "
                f"because it has `{waiting[0]}` (requests overflow by serve.overflow_above)"
            )
        words = {key: getattr(self, key) for key in ("checkpoints", "restart_minutes", "preempt")}
        said = [key for key, value in words.items() if value]
        if said and not self.tunes_on_nodes:
            raise ValueError(f"must have nodes for fine-tunes, because it has `{said[0]}`; leave it out")

    def _sizes(self) -> set[int]:
        """GPUs of the nodes that run fine-tunes; lent ones count."""
        hired = [group for group in self.hired.values() if group.serve is None]
        return {group.gpus_per_node for group in (*self.tuning.values(), *self.lenders.values(), *hired)}

    @property
    def tuning(self) -> dict[str, Held]:
        """The held nodes that run fine-tunes."""
        return {name: group for name, group in self.held.items() if group.serve is None}

    @property
    def serving(self) -> dict[str, Held]:
        """The held nodes that serve inference."""
        return {name: group for name, group in self.held.items() if group.serve is not None}

    @property
    def lenders(self) -> dict[str, Held]:
        """The held nodes that serve inference and run fine-tunes while serving does not need them."""
        return {name: group for name, group in self.serving.items() if group.lends}

    @property
    def hired_tuning(self) -> Hired | None:
        """The hired nodes that run fine-tunes."""
        return next((group for group in self.hired.values() if group.serve is None), None)

    @property
    def hired_serving(self) -> dict[str, Hired]:
        """The hired nodes that serve inference."""
        return {name: group for name, group in self.hired.items() if group.serve is not None}

    @property
    def all_serving(self) -> dict[str, Bought]:
        """Every group that serves inference, held ones first."""
        return {**self.serving, **self.hired_serving}

    def server(self, class_name: str) -> str | None:
        """Name the group of nodes (of ``all_serving``) that serves a class of requests; None where the API does."""
        for name, group in self.all_serving.items():
            if group.replicas and group.serve and (group.serve.classes is None or class_name in group.serve.classes):
                return name
        return None

    @property
    def tunes_on_nodes(self) -> bool:
        """Whether the plan has nodes for fine-tunes; a group of 0 nodes counts, for it may be swept."""
        return bool(self.tuning or self.lenders or self.hired_tuning)

    @property
    def trains(self) -> bool:
        """Whether the plan has something that runs fine-tunes."""
        return self.tunes_on_nodes or (self.api is not None and self.api.trains)

    @property
    def frictionless(self) -> bool:
        """Whether each fine-tune gets hired nodes of its own at once: nothing held or lent, no key but a price."""
        hired = self.hired_tuning
        alone = hired is not None and hired.frictionless and not (self.tuning or self.lenders)
        return alone and (self.checkpoints is None or not self.checkpoints.cost_minutes)

    @property
    def fails(self) -> bool:
        """Whether held nodes that run fine-tunes may go down."""
        return any(group.failures is not None and group.nodes for group in self.tuning.values())

    @property
    def nodes(self) -> int:
        """Number of held nodes that run fine-tunes and nothing else."""
        return sum(group.nodes for group in self.tuning.values())

    @property
    def lent(self) -> int:
        """Number of nodes that serve inference at some hours and run fine-tunes at others."""
        return sum(group.lends for group in self.lenders.values())

    @property
    def maximum_nodes(self) -> int | None:
        """Most nodes that can run fine-tunes at one time: held, lent and hired; None for no limit."""
        hired = self.hired_tuning
        most = 0 if hired is None else hired.most_nodes
        return None if most is None else self.nodes + self.lent + most

    @property
    def spot(self) -> bool:
        """Whether the hired nodes that run fine-tunes are spot capacity."""
        return self.hired_tuning is not None and self.hired_tuning.is_spot

    @property
    def restart_ticks(self) -> int:
        """What an interrupted fine-tune needs before it goes on, in ticks."""
        return tick(self.restart_minutes / MINUTES)

    @property
    def gpus_per_node(self) -> int:
        """GPUs of one node that runs fine-tunes, held, hired or lent; 0 where the plan has none."""
        return max(self._sizes(), default=0)

    @property
    def gpus(self) -> int:
        """GPUs of all held nodes that run fine-tunes and nothing else."""
        return self.nodes * self.gpus_per_node

    @property
    def all_gpus(self) -> int:
        """GPUs of all held nodes, whatever they do."""
        return sum(int(group.nodes) * group.gpus_per_node for group in self.held.values())

    @property
    def all_nodes(self) -> int:
        """Number of all held nodes, whatever they do."""
        return sum(int(group.nodes) for group in self.held.values())

    def inputs(self, on: date | None) -> list[Input]:
        """List what the plan rests on: prices with their dates and sources, paces, laws by which nodes come and go."""
        found = [entry for name, group in self.held.items() for entry in group.inputs(name, on)]
        found += [entry for name, group in self.hired.items() for entry in group.inputs(name, on)]
        if self.api is not None and self.api.trains:
            found.append(self.api.price(on))
        if self.api is not None and self.api.serves:
            found += self.api.inputs(on)
        for name, group in self.all_serving.items():
            if group.serve is not None:
                found += group.serve.inputs(name, group.gpu)
        if self.checkpoints is not None and self.checkpoints.cost_minutes:
            cost, source = float(self.checkpoints.cost_minutes), self.checkpoints.source
            found.append(stated("writing a checkpoint", cost, "minutes", source))
        if self.staff is not None:
            found.append(stated("engineer", float(self.staff.usd_per_year), "USD per year", self.staff.source))
        return found


def misfit_gpus(plan: Plan, largest: int, sizes: set[int]) -> str | None:
    """Say why jobs of these sizes can never run on a plan's nodes; None when they can."""
    per_node, most = plan.gpus_per_node, plan.maximum_nodes
    if per_node == 0 or (plan.api is not None and plan.api.trains and most == 0):
        return None
    for size in sorted(sizes):
        if size > per_node and size % per_node:
            return f"jobs of {size} GPUs fit no whole number of its nodes of {per_node} GPUs"
    if most is not None and largest > most * per_node:
        way_out = "add nodes" if plan.hired_tuning is None else "add nodes or raise the maximum of hired ones"
        return f"jobs of {largest} GPUs would block its {most * per_node} GPUs for ever; {way_out}"
    return None
