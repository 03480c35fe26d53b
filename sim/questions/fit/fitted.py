"""What a fit is asked and what it answers. Not here: how the terms are found."""

from dataclasses import dataclass, field
from typing import Final

from sim.ground.catalog.accelerators import ACCELERATORS
from sim.ground.catalog.models import MODELS
from sim.ground.faults import InputError
from sim.ground.scenario.inputs import nearest
from sim.questions.fit.terms import Terms

IN_SAMPLE: Final = "in-sample"
HELD_OUT: Final = "held-out"
_BANDWIDTH_REACHED: Final = 0.8
"""Share of the peak bandwidth at which serving engines read the cache."""


@dataclass(frozen=True)
class Options:
    """What the person states about a table; each ``None`` is taken from the table, or found, or refused.

    Attributes
    ----------
    kv_us : float or None
        Microseconds that each cached token adds to an iteration: the term that one shape of requests cannot tell.
    prompt, output, requests : int or None
        Tokens of a request and requests of a run, for tables that do not say.
    max_num_seqs, token_budget, kv_tokens : int or None
        Limits of the engine.
    join_lag : int or None
        0 or 1; None tries both and keeps the one that fits better in-sample.
    fit_at : tuple of float
        The rates to fit on; the others are held out. Empty: every second one, from the lowest.
    seed : int
        Seed of the simulated arrivals.
    """

    kv_us: float | None = None
    prompt: int | None = None
    output: int | None = None
    requests: int | None = None
    max_num_seqs: int | None = None
    token_budget: int | None = None
    kv_tokens: int | None = None
    join_lag: int | None = None
    fit_at: tuple[float, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Comparison:
    """One measured quantity beside what is simulated with the fitted terms.

    Attributes
    ----------
    quantity, at : str
        What, and for which rate, requests or batch.
    measured, simulated : float
        Milliseconds, requests a second or USD, as the quantity says.
    error : float
        Relative: simulated over measured, less 1; where the quantity says MAPE, the mean of its size over requests.
    sample : str
        ``in-sample`` or ``held-out``.
    """

    quantity: str
    at: str
    measured: float
    simulated: float
    error: float
    sample: str


@dataclass(frozen=True)
class Fitted:
    """The terms that a table tells, how well they fit, and what to mind.

    Attributes
    ----------
    loss : float
        What was made least over what was fitted; compare it only between fits of one table.
    """

    file: str
    terms: Terms
    loss: float
    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...] = field(default=())


def kv_us_of(model: str, accelerator: str, gpus: int = 1) -> float:
    """Tell what reading one cached token takes, from the catalog: its bytes over 0.8 of the bandwidth.

    Raises
    ------
    InputError
        When the catalog does not know the model or the accelerator.
    """
    if model not in MODELS:
        raise InputError.one("--model", f"{model!r} is not in the catalog; {nearest(model, MODELS)}")
    if accelerator not in ACCELERATORS:
        raise InputError.one(
            "--accelerator", f"{accelerator!r} is not in the catalog; {nearest(accelerator, ACCELERATORS)}"
        )
    bandwidth = ACCELERATORS[accelerator].bandwidth_gb_per_s * 1e9 * gpus
    return MODELS[model].kv_bytes_per_token / (_BANDWIDTH_REACHED * bandwidth) * 1e6
