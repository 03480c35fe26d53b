"""Terms that a table hardly tells: other values of them fit nearly as well."""

from typing import Final

from sim.questions.fit.terms import Terms

TOLD: Final = ("base_ms", "per_request_ms", "per_kv_token_us", "per_prefill_token_us", "prefill_ms", "frontend_ms")
_APART: Final = 0.5


def loose(terms: Terms, others: list[Terms]) -> list[str]:
    """Warn of terms that differ by more than half between ends of the search that fit nearly as well.

    Parameters
    ----------
    terms : Terms
        The best.
    others : list of Terms
        Those of a loss that is higher by a fifth at most.
    """
    found = {name: [getattr(each, name) for each in (terms, *others)] for name in TOLD}
    apart = [
        f"{name} {min(values):.3g} to {max(values):.3g}"
        for name, values in found.items()
        if max(values) - min(values) > _APART * max(values) and max(values) > 0
    ]
    if not apart:
        return []
    return [f"the table hardly tells some terms apart, these fit nearly as well: {', '.join(apart)}; use them together"]
