"""For how long held nodes are bought, and when more of them come. Not here: what they cost (``priced``, ``owned``)."""

import re
from typing import Literal

from sim.ground.scenario.part import Part
from sim.ground.scenario.quantity import MonthNumber, PositiveCount, Share

_TERM = re.compile(r"reserved_(\d{1,2})([my])")


class Commitment(Part):
    """A term that is paid to its end, whatever happens; what it costs today is paid for all of it.

    ``upfront_share`` of it is paid when it begins, the rest month by month. What it runs on ``beyond`` the span of the
    decision is paid at the end, or left out in proportion.
    """

    term_months: MonthNumber | None = None
    """Months that a term lasts, and is paid for; left out: as the name of the rate says (``reserved_3y``: 36)."""
    upfront_share: Share = 0.0
    """Share of the term's price paid when it begins, from 0 to 1; the rest is paid at the end of each month; left out:
    0."""
    beyond: Literal["paid", "pro_rata"] = "paid"
    """Whether what a term runs on after the decision's span is ``paid`` at the span's end, or not counted
    (``pro_rata``); left out: ``paid``."""


class Stage(Part):
    """Nodes that are added to a group from the beginning of a month on; the first month of the span is month 0."""

    month: MonthNumber
    """Month from whose beginning the nodes are there; the first of the span is month 0."""
    nodes: PositiveCount
    """Number of nodes that are added."""


def term_of(rate: str | None) -> int | None:
    """Tell how many months the name of a rate commits to: ``reserved_1y`` 12; None where it names no term."""
    found = _TERM.match(rate or "")
    return None if found is None else int(found[1]) * (12 if found[2] == "y" else 1)


def misfit(commitment: Commitment | None, rate: str | None, owned: bool) -> str | None:
    """Say why a group cannot have its commitment; None where it can."""
    if commitment is None:
        return None
    named, stated = term_of(rate), commitment.term_months
    if owned:
        return "must have no `commitment` with `owned`, because what is owned is paid when it is bought"
    if rate == "on_demand":
        return "must have no `commitment` with rate on_demand, which commits to nothing; state `usd_per_node_h`"
    if named is None and stated is None:
        return "must have commitment.term_months, because no rate names the term"
    if named is not None and stated not in (None, named):
        return f"must have commitment.term_months {named}, as its rate {rate} says, or none, got {stated}"
    return None
