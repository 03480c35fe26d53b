"""What no single key of a scenario shows: which keys exclude or need each other; the chapters of its reference.

Not here: the keys themselves, whose words stand under them in ``sim.ground.scenario``.
"""

from typing import Final

_RATE = "One of `rate_per_day`, `rate_per_second` and `mean_hours`"
_RATE_ALONE = f"{_RATE} must be stated."

ALTERNATIVES: Final[dict[str, tuple[str, ...]]] = {
    "Plan": ("One at least of `held`, `hired` and `api`.",),
    "JobClass": (
        "One of `arrivals`, `jobs` and `trace`.",
        "With `arrivals` one of `service_hours`, `hours_per_million_tokens` and `tokens_per_second` (a pace needs "
        "`tokens_millions`), or `sizes`.",
        "With `jobs` or `trace` the list tells time or tokens; tokens need a pace.",
    ),
    "InferenceClass": (
        "One of `arrivals`, `requests` and `trace`.",
        "With `arrivals`, and only then, either `prompt_tokens` and `output_tokens`, or `tokens`.",
    ),
    "Trace": ("Either `format`, or `columns` and units.",),
    "RequestLog": ("Not both of `format` and `columns`.",),
    "TokenPairs": ("One of `pairs` and `file`.",),
    "SizeColumns": ("One or both of `service` and `tokens`.",),
    "PoissonArrivals": (_RATE_ALONE,),
    "DeterministicArrivals": (_RATE_ALONE,),
    "ErlangArrivals": (_RATE_ALONE,),
    "GammaArrivals": (_RATE_ALONE,),
    "WeibullArrivals": (_RATE_ALONE,),
    "HyperexponentialArrivals": (
        "One of `cv` and `means`; `weights` and `means` go together.",
        f"{_RATE}; with `means` none is needed, and with one they are only a shape.",
    ),
    "MmppArrivals": (
        "One of `stay_hours` and `stay_s`.",
        f"{_RATE}, or none: then `rates` are arrivals an hour.",
    ),
    "OnOffArrivals": ("Either `on_hours` and `off_hours`, or `on_s` and `off_s`.", _RATE_ALONE),
    "Superposition": (f"{_RATE}, or none: then the rates of the parts add up.",),
    "Pattern": ("`hours`, `days` or both; or `week`; or `sine`.",),
    "Hyperexponential": ("Either `mean` and `cv`, or `weights` and `means`.",),
    "Truncation": ("`low` above 0, `high`, or both.",),
    "Held": (
        "One of `rate`, `usd_per_node_h` and `owned`; one of `instance`, `gpus` and `server`.",
        "`rate` needs `instance`; `server` needs `owned`, and `owned` needs `server` or `gpus`.",
    ),
    "Hired": ("One of `rate` and `usd_per_node_h`; one of `instance` and `gpus`. Not both of `trace` and `supply`.",),
    "Owned": ("Without a `server` of the catalog `usd`, `life_years` and `power_kw` are needed.",),
    "Staff": ("One of `engineers` and `nodes_per_engineer`.",),
    "Serving": (
        "Either `model`, or `kv_tokens` and the pace in terms: one of `base_ms`, `per_request_ms`, `floor_ms` above 0.",
        "`autoscale` with hired nodes, and only there; `schedule` with held ones alone.",
    ),
    "AdapterRules": ("`slots` where `placement` is `shared`, and only there.",),
    "Api": (
        "For training one of `offer`, `usd_per_million_tokens`, `usd_per_job` and `usd_per_service_hour`.",
        "For inference `inference_offer`, or both `usd_per_million_input_tokens` and `usd_per_million_output_tokens`.",
        "An API may do both; one at least.",
    ),
    "Limits": ("One or both of `requests_per_minute` and `tokens_per_minute`.",),
    "ReservedUnits": ("One of `usd_per_unit_h` and `rate`, which needs `unit`.",),
    "Rise": ("One of `event` and `after_months`.",),
    "When": ("One of `event`, `price` and `month`; `price` and `times` go together.",),
    "Strategy": ("`lead_months` needs `meanwhile`.",),
    "Commitment": ("`term_months` is needed where no `rate` of the group names the term.",),
}
"""Which keys of a part exclude or need each other."""

CHAPTERS: Final[dict[str, tuple[str, ...]]] = {
    "The question": ("Scenario", "Allocation", "EqualWork"),
    "Fine-tunes": ("JobClass", "JobRow", "Trace", "Columns", "JobSizes", "SizeColumns"),
    "Requests": (
        "InferenceClass",
        "RequestRow",
        "RequestLog",
        "RequestColumns",
        "Bootstrap",
        "TokenPairs",
        "Sessions",
        "Adapters",
    ),
    "Laws of arrival": (
        "PoissonArrivals",
        "DeterministicArrivals",
        "ErlangArrivals",
        "GammaArrivals",
        "WeibullArrivals",
        "HyperexponentialArrivals",
        "MmppArrivals",
        "OnOffArrivals",
        "Superposition",
        "Pattern",
        "Sine",
    ),
    "Laws of times and sizes": (
        "Deterministic",
        "Exponential",
        "Erlang",
        "Hyperexponential",
        "Lognormal",
        "Gamma",
        "Weibull",
        "Lomax",
        "Pareto",
        "Geometric",
        "Empirical",
        "Blend",
        "Truncation",
    ),
    "Plans": ("Plan", "Staff", "Checkpoints"),
    "Nodes": ("Held", "Failures", "Commitment", "Stage", "Owned", "Hired", "Supply", "Availability"),
    "Serving requests": ("Serving", "Autoscale", "Shift", "AdapterRules"),
    "APIs": ("Api", "Limits", "Retries", "Outages", "BatchTier", "ReservedUnits"),
    "The decision": ("Decision", "PricePath", "Steps", "Rise", "Event", "Strategy", "Move", "When"),
    "Uncertain numbers": ("Spread", "Cases", "Correlation"),
    "Prices of your own": ("NodeEntry", "InferenceEntry", "TrainingEntry"),
}
"""The parts of a scenario, by chapter."""

EXAMPLES: Final[dict[str, tuple[str, str]]] = {
    "Allocation": ("elastic", "allocation"),
    "EqualWork": ("limits", "equal_work"),
    "JobClass": ("commitment", "workload.tuning"),
    "InferenceClass": ("rag", "workload.questions"),
    "Sessions": ("startup_chat", "workload.chat.sessions"),
    "Superposition": ("agents", "workload.agents.arrivals"),
    "Plan": ("elastic", "plans.hybrid_spot"),
    "Held": ("limits", "plans.hybrid.held"),
    "Commitment": ("commitment", "plans.three_years.held"),
    "Hired": ("elastic", "plans.spot.hired"),
    "Serving": ("night", "plans.shared.held"),
    "Autoscale": ("batch_scoring", "plans.hired.hired"),
    "Api": ("limits", "plans.reserved.api"),
    "Decision": ("commitment", "decision"),
    "Correlation": ("commitment", "correlations"),
}
"""Of which shipped scenario, and which key of it, the example of a part is."""
