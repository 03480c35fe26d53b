"""What is said where two plans never cost the same: the words that sweeps and searches share."""


def never_alike(a: str, b: str) -> str:
    """Say that no value lets both plans do the work."""
    return f"at no value do `{a}` and `{b}` do the same work"


def cost_the_same(a: str, b: str, first: float, last: float) -> str:
    """Say that both bills are equal from one value to another."""
    return f"`{a}` and `{b}` cost the same from {first:.4g} to {last:.4g}"


def none_between(cheaper: str, first: float, last: float, touches: bool) -> str:
    """Say who is cheaper wherever both were compared; ``touches``: somewhere they cost the same."""
    if first == last:
        return f"only at {first:.4g} do both do the same work: `{cheaper}` is cheaper there"
    how = "never dearer" if touches else "cheaper throughout"
    return f"none from {first:.4g} to {last:.4g}: `{cheaper}` is {how}"


def none_below_capacity(cheaper: str, capacity: float, unit: str, first: float, last: float) -> str:
    """Say who is cheaper at every value that the nodes can carry."""
    return (
        f"none below capacity {capacity:.4g}{unit} (compared from {first:.4g} to {last:.4g}): "
        f"`{cheaper}` is cheaper throughout"
    )


def changes_beyond(cheaper: str, last: float, at: float) -> str:
    """Say who is cheaper up to the last value compared, and where a straight line on from there changes its sign."""
    return f"`{cheaper}` is cheaper up to {last:.4g}; on a straight line it changes at {at:.4g}"
