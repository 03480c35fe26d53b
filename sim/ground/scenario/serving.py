"""How nodes serve inference: the model, its pace, the engine's settings, how many nodes when.

Not here: the clock (``fleet``).
"""

from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sim.ground import catalog
from sim.ground.profile import Profile, from_physics
from sim.ground.scenario.inputs import BASES, Input, law_input, nearest
from sim.ground.scenario.laws import NOTHING, Part, SizeLaw, law_mean
from sim.ground.scenario.quantity import (
    Count,
    Gpus,
    HourOfDay,
    Lag,
    Milliseconds,
    Minutes,
    NonNegative,
    PositiveCount,
    Slug,
    Text,
    TickSeconds,
    Tokens,
)
from sim.ground.units import HOURS_PER_DAY, tick

_TERMS = ("base_ms", "per_request_ms", "per_kv_token_us", "per_prefill_token_us", "prefill_ms", "floor_ms")


class AdapterRules(Part):
    """How replicas hold LoRA adapters: one each, or shared with a number of slots.

    ``dedicated``: each adapter has replicas of its own. ``shared``: every replica serves all; an adapter that is in
    none of its slots is loaded first, and all iterations last longer by ``slowdown``.
    """

    placement: Literal["shared", "dedicated"] = "shared"
    """``shared``: every replica serves all adapters; ``dedicated``: each adapter has replicas of its own; left out:
    ``shared``."""
    slots: PositiveCount | None = None
    """Adapters that a replica holds at one time; needed where they are shared, and only there."""
    load_ms: Milliseconds = 0.0
    """Time to load an adapter that is in no slot, in milliseconds, by which the iteration lasts longer; left out: 0."""
    slowdown: NonNegative = 0.0
    """Share by which all iterations last longer because of adapters, such as 0.1; left out: 0."""
    source: Text | None = None
    """Who says so; left out: no source is named."""

    @model_validator(mode="after")
    def _shared(self) -> Self:
        if (self.placement == "shared") != (self.slots is not None):
            raise ValueError("must have `slots` where placement is shared, and only there")
        return self


class Autoscale(Part):
    """How many hired nodes serve: every ``tick_s`` so many that a replica has ``target`` requests, queued and running.

    More are ordered at once, those that boot or load counted; nodes leave when fewer were enough all through
    ``cool_down_minutes``. ``minimum`` and ``maximum`` count nodes; ``minimum`` are there from the beginning.
    """

    target: PositiveCount
    """Requests, queued and running, that a replica should have at most; more nodes are ordered above that."""
    maximum: PositiveCount
    """Most nodes."""
    minimum: Count = 0
    """Least nodes, there from the beginning; left out: 0, it scales to zero."""
    tick_s: TickSeconds = 15.0
    """Seconds from one look at the queue to the next; left out: 15."""
    load_minutes: SizeLaw = NOTHING
    """Minutes that a node takes to load the model when it has booted: a number or a law; left out: 0."""
    cool_down_minutes: Minutes = 5.0
    """Minutes for which fewer nodes must have been enough before any leaves; left out: 5."""
    source: Text | None = None
    """Who says so; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"must have a minimum of at most maximum ({self.maximum}), got {self.minimum}")
        return self


class Shift(Part):
    """How many nodes serve from an hour of the day on."""

    from_hour: HourOfDay
    """Hour of the day from which the number counts, such as 8; the clock starts at midnight."""
    nodes: Count
    """Number of nodes that serve from then on; the others of the group are lent to fine-tunes."""


class Serving(Part):
    """What the replicas on a group of nodes run.

    The pace comes from a ``model`` of the catalog on the nodes' GPU (physics with measured efficiencies), or is stated
    in terms, as ``fleetecon fit`` prints it. An iteration with n decoding requests over kv cached tokens and x tokens
    of prefill lasts max(floor, base + per_request n + per_kv_token kv + per_prefill_token x, + prefill where x > 0).
    With a ``prefix_cache``, which engines have unless it is switched off, the cached part of a prompt needs no prefill.
    """

    model: Text | None = None
    """Model of the catalog, such as ``llama_3_1_8b``, for a pace by physics; left out: the pace is stated in terms."""
    accelerator: Text | None = None
    """GPU of the catalog that the pace is of; left out: that of the nodes' instance or server."""
    gpus_per_replica: Gpus = 1
    """GPUs of a replica, all on one node; left out: 1."""
    base_ms: Milliseconds | None = None
    """What each iteration takes before any request, in milliseconds; left out: 0."""
    per_request_ms: Milliseconds | None = None
    """What each decoding request adds to an iteration, in milliseconds; left out: 0."""
    per_kv_token_us: Milliseconds | None = None
    """What each cached token of decoding requests adds to an iteration, in microseconds; left out: 0."""
    per_prefill_token_us: Milliseconds | None = None
    """What each token of prefill adds to an iteration, in microseconds; left out: 0."""
    prefill_ms: Milliseconds | None = None
    """What an iteration with any prefill takes besides, in milliseconds; left out: 0."""
    floor_ms: Milliseconds | None = None
    """Least that an iteration takes, in milliseconds; left out: 0."""
    kv_tokens: Tokens | None = None
    """Tokens that the KV cache of a replica holds; left out: what fits beside the ``model``; with stated terms it must
    be given."""
    max_num_seqs: PositiveCount = 256
    """Most requests that run together on a replica; left out: 256."""
    token_budget: PositiveCount = 2048
    """Most tokens, decoded and prefilled, in one iteration; left out: 2048."""
    join_lag: Lag = 0
    """1: a newcomer waits for one whole iteration before it joins a running batch (asynchronous scheduling); left out:
    0."""
    frontend_ms: Milliseconds = 0.0
    """What the front end adds to every time that is reported, in milliseconds; left out: 0."""
    prefix_cache: Annotated[bool, Field(strict=True)] = True
    """Whether the cached part of a prompt needs no prefill; left out: true."""
    overflow_above: PositiveCount | None = None
    """Queued and running requests of the emptiest replica at which a new one goes to the API instead; left out: none
    overflows, all queue."""
    adapters: AdapterRules | None = None
    """How replicas hold LoRA adapters; left out: they have none, so no class served may name any."""
    classes: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=100)] | None = None
    """Classes of requests that the group serves; left out: all of them."""
    autoscale: Autoscale | None = None
    """How many hired nodes serve when; needed with ``hired``, and only there."""
    schedule: Annotated[tuple[Shift, ...], Field(min_length=1, max_length=1000)] | None = None
    """How many held nodes serve from which hour on, the rest lent to fine-tunes; left out: all serve all day."""
    switch_minutes: Minutes = 0.0
    """Minutes that a node takes to change hands, from its last request until it is lent and when it comes back; left
    out: 0."""
    load_minutes: SizeLaw = NOTHING
    """Minutes that a node of the ``schedule`` takes to load the model, after it has come back: a number or a law; left
    out: 0."""
    source: Text | None = None
    """Who says the pace, such as ``measured: fitted to my_table.csv``; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _paced(self) -> Self:
        if self.token_budget < self.max_num_seqs:
            raise ValueError(
                f"must have a token_budget of at least max_num_seqs ({self.max_num_seqs}), got {self.token_budget}"
            )
        stated = self.given(*_TERMS)
        if self.model is None:
            if not stated:
                raise ValueError(f"must have a `model` of the catalog, or the pace in terms ({', '.join(_TERMS)})")
            if self.kv_tokens is None:
                raise ValueError("must have `kv_tokens`, because its pace is stated in terms")
            if not any(getattr(self, term) for term in ("base_ms", "per_request_ms", "floor_ms")):
                raise ValueError(
                    "must have a pace in which a token takes time: give base_ms, per_request_ms or floor_ms"
                )
        else:
            if stated:
                raise ValueError(f"must have either `model` or `{stated[0]}`, got both")
            if self.model not in catalog.MODELS:
                raise ValueError(
                    f"must have a model of the catalog, got {self.model!r}; {nearest(self.model, catalog.MODELS)}"
                )
        if self.accelerator is not None and self.accelerator not in catalog.ACCELERATORS:
            raise ValueError(
                f"must have an accelerator of the catalog, got {self.accelerator!r}; "
                f"{nearest(self.accelerator, catalog.ACCELERATORS)}"
            )
        return self

    @model_validator(mode="after")
    def _timed(self) -> Self:
        hours = [float(entry.from_hour) for entry in self.schedule or ()]
        if any(later <= hour for hour, later in pairwise(hours)):
            said = ", ".join(f"{hour:g}" for hour in hours)
            raise ValueError(f"must have a schedule whose from_hour ascends, got {said}")
        comes_and_goes = self.schedule is not None or self.autoscale is not None
        if comes_and_goes and self.adapters is not None and self.adapters.placement == "dedicated":
            key = "schedule" if self.autoscale is None else "autoscale"
            raise ValueError(f"must have adapters shared with `{key}`, because dedicated replicas do not come and go")
        if self.schedule is None and self.switch_minutes:
            raise ValueError("must have a `schedule` with switch_minutes, because nodes change hands by it alone")
        if self.schedule is None and law_mean(self.load_minutes) > 0:
            where = "autoscale.load_minutes" if self.autoscale is not None else "`schedule`"
            raise ValueError(f"must have no load_minutes, because its nodes always serve; state {where}")
        return self

    @property
    def load_law(self) -> Any:
        """Minutes that a node takes to load the model when it begins to serve."""
        return self.load_minutes if self.autoscale is None else self.autoscale.load_minutes

    @property
    def mean_scheduled(self) -> float:
        """Nodes that the schedule wants, on average over a day; 0 where there is none."""
        entries = self.schedule or ()
        ends = [*(float(entry.from_hour) for entry in entries[1:]), *(float(e.from_hour) + 24 for e in entries[:1])]
        spans = [end - float(entry.from_hour) for entry, end in zip(entries, ends, strict=True)]
        return sum(span * int(entry.nodes) for entry, span in zip(entries, spans, strict=True)) / HOURS_PER_DAY

    def timetable(self, horizon: int) -> tuple[list[int], list[int]]:
        """Write the schedule out: the ticks at which the number of serving nodes changes, the first 0, and the numbers.

        Parameters
        ----------
        horizon : int
            The tick at which the clock stops; it starts at midnight.
        """
        entries = self.schedule
        if entries is None:
            raise LookupError("these nodes have no schedule")
        day, instants, nodes = tick(HOURS_PER_DAY), [0], [int(entries[-1].nodes)]
        for number in range(-(-horizon // day)):
            for entry in entries:
                instant = number * day + tick(entry.from_hour)
                if instant >= horizon or (entry.nodes == nodes[-1] and instant):
                    continue
                if instant == 0:
                    nodes[-1] = int(entry.nodes)
                else:
                    instants.append(instant)
                    nodes.append(int(entry.nodes))
        return instants, nodes

    def profile(self, nodes_gpu: str | None) -> Profile:
        """Tell the pace and the room of a replica.

        Parameters
        ----------
        nodes_gpu : str or None
            GPU of the nodes; None where they are stated by their price, then ``accelerator`` names it.

        Raises
        ------
        ValueError
            When the model does not fit, or nothing tells which GPU it runs on.
        """
        if self.model is not None:
            gpu = self.accelerator or nodes_gpu
            if gpu is None:
                raise ValueError("must have `accelerator`, because the node names no instance")
            if gpu not in catalog.ACCELERATORS:
                raise ValueError(
                    f"must have `accelerator` or the pace in terms, because the catalog lacks the nodes' {gpu}"
                )
            try:
                made = from_physics(
                    catalog.MODELS[self.model],
                    catalog.ACCELERATORS[gpu],
                    int(self.gpus_per_replica),
                    max_num_seqs=int(self.max_num_seqs),
                    token_budget=int(self.token_budget),
                )
            except ValueError as reason:
                raise ValueError(f"must have a replica that can run its model: {reason}") from None
            changes: dict[str, Any] = {} if self.kv_tokens is None else {"kv_tokens": int(self.kv_tokens)}
        else:
            basis, separator, text = (self.source or "").partition(":")
            known = bool(separator) and basis.strip() in BASES
            base, request, cached, prefilled, first, least = (float(getattr(self, term) or 0.0) for term in _TERMS)
            made = Profile(
                base_s=base * 1e-3,
                per_request_s=request * 1e-3,
                per_kv_token_s=cached * 1e-6,
                per_prefill_token_s=prefilled * 1e-6,
                prefill_s=first * 1e-3,
                floor_s=least * 1e-3,
                kv_tokens=int(self.kv_tokens or 0),
                max_num_seqs=int(self.max_num_seqs),
                token_budget=int(self.token_budget),
                source=(text.strip() if known else self.source) or "the scenario, which gives no source",
                basis=basis.strip() if known else "stated",
            )
            changes = {}
        return self._slowed(made, changes)

    def _slowed(self, made: Profile, changes: dict[str, Any]) -> Profile:
        """Lengthen every iteration by what shared adapters cost."""
        factor = 1.0 + (float(self.adapters.slowdown) if self.adapters is not None else 0.0)
        terms = ("base_s", "per_request_s", "per_kv_token_s", "per_prefill_token_s", "prefill_s", "floor_s")
        return replace(made, **changes, **{term: getattr(made, term) * factor for term in terms})

    def inputs(self, name: str, nodes_gpu: str | None) -> list[Input]:
        """List the pace that replicas rest on, with its source."""
        made = self.profile(nodes_gpu)
        what = f"pace of replicas on `{name}`"
        rows = [
            (f"{what}: an iteration", made.base_s * 1e3, "ms"),
            (f"{what}: KV cache", float(made.kv_tokens), "tokens"),
        ]
        found = [Input(label, value, unit, made.basis, made.source) for label, value, unit in rows]
        if law_mean(self.load_law) > 0:
            source = self.source if self.autoscale is None else self.autoscale.source
            found.append(law_input(f"replicas on `{name}`: load of the model", self.load_law, "minutes", source))
        return found
