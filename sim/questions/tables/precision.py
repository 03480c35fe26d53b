"""How precise a run became, as text."""

from sim.questions.tables.blocks import Block, Text
from sim.questions.tables.words import Json, percent


def precision_blocks(told: Json, replications: int) -> list[Block]:
    """Tell of each key that was to be precise whether it is, and how precise; what to do where it is not.

    Parameters
    ----------
    told : dict
        ``precision`` of a result.
    replications : int
        That it took.
    """
    lines = [_line(key, each, replications) for key, each in told["keys"].items()]
    at_most = replications >= told["most_replications"]
    if not told["reached"] and at_most:
        lines.append(f"stopped at --most-reps {told['most_replications']:,}; give more, or ask for less")
    first = f"precision asked: {percent(told['asked'])} of the value, at {replications:,} replications:"
    return [Text("\n".join([first, *lines]))]


def _line(key: str, each: Json, replications: int) -> str:
    """Tell of one key."""
    if each["reached"]:
        return f"  {key}: reached, {percent(each['relative_half_width'])}"
    if each["reason"]:
        return f"  {key}: not reached: {each['reason']}"
    return f"  {key}: not reached: {percent(each['relative_half_width'])} after {replications:,} replications"
