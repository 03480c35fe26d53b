"""What is bought by the node, and nodes that are held for good.

Not here: nodes that are hired for a while (``hired``), prices (``catalog``), the plan they are bought in (``plans``).
"""

from abc import abstractmethod
from datetime import date
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.ground import catalog
from sim.ground.profile import Profile
from sim.ground.scenario.commitment import Commitment, Stage, misfit, term_of
from sim.ground.scenario.inference import InferenceClass
from sim.ground.scenario.inputs import Input, law_input, nearest
from sim.ground.scenario.owned import Owned
from sim.ground.scenario.priced import Priced
from sim.ground.scenario.quantity import (
    Count,
    Text,
)
from sim.ground.scenario.serving import Serving
from sim.ground.scenario.supply import Failures

_LONGEST_ITERATION_S = 86_400.0
MINUTES = 60.0
"""Of an hour."""


class Bought(Priced):
    """Nodes that run fine-tunes, or serve inference where ``serve`` says what."""

    serve: Serving | None = None
    """What the nodes serve; left out: they run fine-tunes."""

    @property
    @abstractmethod
    def most_nodes(self) -> int | None:
        """Most nodes that there are at one time; None for no limit."""

    def check_serving(self, serve: Serving) -> None:
        """Refuse nodes that cannot run what they are meant to serve."""
        if serve.gpus_per_replica > self.gpus_per_node:
            raise ValueError(
                f"must have nodes of at least serve.gpus_per_replica ({serve.gpus_per_replica}) GPUs, "
                f"because a replica lies on one node; they have {self.gpus_per_node}"
            )
        made = serve.profile(self.gpu)  # refuses a model that does not fit
        if (longest := made.longest_s) > _LONGEST_ITERATION_S:
            raise ValueError(
                f"must have a pace in which no iteration lasts longer than a day; a full one would last {longest:.3g} s"
            )

    @property
    def replicas_per_node(self) -> int:
        """Replicas of one node: each takes whole GPUs of it."""
        return 0 if self.serve is None else self.gpus_per_node // int(self.serve.gpus_per_replica)

    @property
    def replicas(self) -> int:
        """Replicas of all nodes that there may be at one time."""
        return (self.most_nodes or 0) * self.replicas_per_node

    @property
    def profile(self) -> Profile:
        """Pace and room of one replica."""
        if self.serve is None:
            raise LookupError("these nodes serve no inference")
        return self.serve.profile(self.gpu)

    def rate_at_most(self, requests: InferenceClass) -> float:
        """Estimate how many requests of a class one replica can serve a second, by laws that the class must have."""
        if self.serve is None or requests.mean_tokens is None:
            raise LookupError("no replica, or requests that are listed one by one")
        return self.profile.rate_at_most(*requests.mean_tokens, requests.mean_cached * self.serve.prefix_cache)


class Held(Bought):
    """Nodes that are paid busy or idle: they run fine-tunes that wait for each other, or serve inference.

    Rented for a term, at a rate or a stated price; or ``owned``, as a ``server`` of the catalog or as stated.
    """

    _ways = ("rate", "usd_per_node_h", "owned")
    _things = ("instance", "gpus", "server")

    nodes: Count
    """Number of nodes, paid busy or idle; 0 holds none, and is a start for sweeps."""
    server: Text | None = None
    """Server of the catalog that is owned, such as ``hgx_h100_80gb_x8``, with ``owned``; left out: ``instance`` or
    ``gpus`` say what a node is."""
    owned: Owned | None = None
    """What owning a node costs; left out: it is rented at a ``rate`` or at ``usd_per_node_h``."""
    failures: Failures | None = None
    """How nodes fail and are repaired; left out: they never fail."""
    commitment: Commitment | None = None
    """The term that is paid to its end; left out: as the name of the rate says (``reserved_1y``: 12 months), else from
    month to month."""
    stages: Annotated[tuple[Stage, ...], Field(max_length=100)] = ()
    """Nodes added in later months of a decision, each in a month after the one before; left out: none."""

    @model_validator(mode="after")
    def _committed(self) -> Self:
        if text := misfit(self.commitment, self.rate, self.owned is not None):
            raise ValueError(text)
        months = [int(stage.month) for stage in self.stages]
        if any(later <= sooner for sooner, later in pairwise(months)):
            raise ValueError(f"must have stages of which each comes after the one before, got months {months}")
        return self

    @model_validator(mode="after")
    def _owned(self) -> Self:
        if self.server is not None and self.owned is None:
            raise ValueError("must have `owned` with `server`: what power, space and upkeep cost")
        if self.server is not None and self.server not in catalog.SERVERS:
            known = nearest(self.server, catalog.SERVERS)
            raise ValueError(
                f"must have a server of the catalog, got {self.server!r}; {known} or state `gpus` and owned.usd"
            )
        if self.owned is not None:
            if self.instance is not None:
                raise ValueError("must have `server` or `gpus` with `owned`, because an instance is rented")
            if self.source is not None:
                raise ValueError("must name the sources of owned nodes in owned.sources, not in `source`")
            if missing := self.owned.missing(self._bought):
                raise ValueError(f"must have owned.{missing}, because no `server` of the catalog tells it")
        return self

    @property
    def _bought(self) -> catalog.Server | None:
        """What the catalog says of the server."""
        return None if self.server is None else catalog.SERVERS[self.server]

    @property
    def gpus_per_node(self) -> int:
        """GPUs that are bought together."""
        return super().gpus_per_node if self._bought is None else self._bought.gpus

    @property
    def gpu(self) -> str | None:
        """The GPU of its nodes, where the catalog or the price book tells it."""
        return super().gpu if self._bought is None else self._bought.gpu

    def price(self, what: str, on: date | None) -> Input:
        """Look up or add up what a node hour costs and who says so."""
        return super().price(what, on) if self.owned is None else self.owned.price(what, self._bought)

    def figures(self) -> dict[str, float]:
        """Tell every figure that an owned node is priced by, by the keys of ``owned``.

        Raises
        ------
        LookupError
            When the nodes are rented.
        """
        if self.owned is None:
            raise LookupError("these nodes are rented")
        return self.owned.figures(self._bought)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.rate or "").startswith("spot"):
            raise ValueError(f"must have a rate at which nodes can be held, got {self.rate!r}; put it under `hired`")
        if self.serve is not None:
            self.check_serving(self.serve)
            self._check_timetable(self.serve)
        return self

    def _check_timetable(self, serve: Serving) -> None:
        """Refuse what held nodes cannot do while they serve."""
        if self.failures is not None:
            raise ValueError("must have no `failures` with `serve`; only nodes that run fine-tunes fail here")
        if serve.autoscale is not None:
            raise ValueError(
                "must have no serve.autoscale, because held nodes are paid anyway; put the group under `hired`, "
                "or lend its nodes by serve.schedule"
            )
        most = max((int(entry.nodes) for entry in serve.schedule or ()), default=0)
        if most > self.nodes:
            raise ValueError(f"must have a serve.schedule of at most its {self.nodes} nodes, got {most}")

    @property
    def term_months(self) -> int:
        """Months that a term lasts: as stated, else by the name of the rate; 0: from month to month, or owned."""
        stated = None if self.commitment is None else self.commitment.term_months
        return int(stated or term_of(self.rate) or 0)

    @property
    def most_nodes(self) -> int:
        """Number of its nodes."""
        return int(self.nodes)

    @property
    def lends(self) -> int:
        """Nodes that serving does not always need, and lends to fine-tunes meanwhile."""
        wanted = [] if self.serve is None else [int(entry.nodes) for entry in self.serve.schedule or ()]
        return int(self.nodes) - min(wanted) if wanted else 0

    @property
    def mean_lent(self) -> float:
        """Nodes that it lends, on average over a day; less than that, for nodes take time to change hands."""
        return 0.0 if self.serve is None or not self.lends else int(self.nodes) - self.serve.mean_scheduled

    def inputs(self, name: str, on: date | None) -> list[Input]:
        """List the price of the group and the laws by which its nodes fail."""
        found = [self.price(f"held {name}", on)]
        if self.owned is not None:
            found += self.owned.inputs(f"held {name}", self._bought)
        if self.failures is not None:
            laws = {"up until a failure": self.failures.up_hours, "repair": self.failures.repair_hours}
            found += [law_input(f"held {name}: {what}", law, "h", self.failures.source) for what, law in laws.items()]
        return found
