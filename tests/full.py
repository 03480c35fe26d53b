"""Scenarios in which every key that can hold a number holds one, and the values that no number may have."""

import copy
import math

LISTED = {"kind": "fine_tune", "jobs": [{"arrival_hours": 1, "service_hours": 2, "tokens_millions": 3, "gpus": 1}]}
TRACED = {"kind": "fine_tune", "trace": {"file": "x.csv", "columns": {"service": "s", "tokens": "n"}, "skip_days": 1}}
DATED = {"since": "2026-01-01", "seen": "2026-01-01", "basis": "list price", "source": "a test"}
EVERY_NUMBER = {
    "name": "full",
    "seed": 1,
    "horizon_days": 10,
    "warm_up_days": 1,
    "confidence": 0.9,
    "price_book": [
        {"kind": "node", "instance": "mine", "rate": "r", "usd_per_node_h": 1, "gpus": 1} | DATED,
        {
            "kind": "inference",
            "name": "chat",
            "usd_per_million_input_tokens": 2,
            "usd_per_million_cached_tokens": 1,
            "usd_per_million_output_tokens": 3,
            "usd_per_million_batch_input_tokens": 1,
            "usd_per_million_batch_output_tokens": 1,
        }
        | DATED,
        {"kind": "training", "name": "tune", "usd_per_million_tokens": 1, "hours_per_million_tokens": 1} | DATED,
    ],
    "workload": {
        "a": {
            "kind": "fine_tune",
            "arrivals": {"law": "erlang", "rate_per_day": 1, "phases": 2, "batch": {"law": "geometric", "mean": 2}},
            "gpus": 1,
            "priority": 1,
            "tokens_millions": {"law": "lognormal", "mean": 1, "cv": 1},
            "hours_per_million_tokens": 1,
            "setup_hours": 1,
            "noise_cv": 0.5,
            "wait_usd_per_hour": 1,
        },
        "b": {
            "kind": "fine_tune",
            "arrivals": {"law": "gamma", "mean_hours": 1, "cv": 1, "batch": 2},
            "tokens_millions": {"law": "hyperexponential", "mean": 1, "cv": 2},
            "tokens_per_second": 100,
        },
        "c": {
            "kind": "fine_tune",
            "arrivals": {"law": "hyperexponential", "weights": [0.5, 0.5], "means": [1, 2]},
            "tokens_millions": {"law": "empirical", "values": [1, 2], "weights": [0.5, 0.5]},
            "hours_per_million_tokens": 1,
        },
        "d": LISTED,
        "e": TRACED,
        "f": {
            "kind": "fine_tune",
            "arrivals": {"law": "poisson", "rate_per_day": 1},
            "service_hours": 1,
            "tokens_millions": 1,
        },
    },
    "plans": {
        "own": {
            "held": {"n": {"gpus": 1, "usd_per_node_h": 1, "nodes": 1}},
            "patience_hours": {"law": "exponential", "mean": 1},
            "queue_limit": 3,
            "api": {"usd_per_million_tokens": 1, "hours_per_million_tokens": 1},
            "staff": {"engineers": 1, "usd_per_year": 1},
            "overhead_usd_per_year": 1,
        },
        "rent": {"hired": {"n": {"gpus": 1, "usd_per_node_h": 1}}},
        "kept": {
            "held": {"n": {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}},
            "staff": {"nodes_per_engineer": 4, "usd_per_year": 1},
        },
        "bought": {
            "held": {
                "n": {
                    "gpus": 1,
                    "nodes": 1,
                    "owned": {
                        "usd": 1,
                        "life_years": 1,
                        "resale_share": 0.5,
                        "power_kw": 1,
                        "load_share": 0.5,
                        "usd_per_kwh": 1,
                        "pue": 1.5,
                        "space_usd_per_kw_month": 1,
                        "maintenance_share_per_year": 0.5,
                    },
                }
            }
        },
        "flat": {"api": {"usd_per_job": 1}},
        "both": {
            "held": {"n": {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}},
            "patience_hours": 1,
            "api": {"usd_per_job": 1},
        },
        "timed": {"api": {"usd_per_service_hour": 1}},
    },
    "allocation": {"window_days": 1},
    "equal_work": {"not_started_share": 0.1, "wait_p95_hours": 1, "settle_usd_per_job": 1},
}
"""Fine-tunes, and every plan that runs them."""

TERMS = {"base_ms": 1, "per_request_ms": 1, "per_kv_token_us": 1, "per_prefill_token_us": 1, "prefill_ms": 1}
NODE = {"gpus": 4, "nodes": 1, "usd_per_node_h": 1}
EVERY_SERVING_NUMBER = {
    "name": "serving",
    "horizon_days": 10,
    "workload": {
        "laws": {
            "kind": "inference",
            "arrivals": {"law": "poisson", "rate_per_second": 1},
            "prompt_tokens": {
                "law": "blend",
                "weights": [0.5, 0.5],
                "parts": [{"law": "lognormal", "mean": 1, "cv": 1}, {"law": "deterministic", "mean": 1}],
            },
            "output_tokens": {"law": "gamma", "mean": 1, "cv": 1},
            "cached_share": 0.5,
            "sessions": {"turns": 2, "think_s": {"law": "lognormal", "mean": 1, "cv": 1}},
        },
        "bare": {
            "kind": "inference",
            "arrivals": {"law": "gamma", "rate_per_second": 1, "cv": 1, "batch": {"law": "empirical", "values": [1]}},
            "prompt_tokens": 1,
            "output_tokens": {"law": "empirical", "values": [1, 2], "weights": [0.5, 0.5]},
            "adapters": {"count": 2, "zipf": 1},
            "deadline_hours": 24,
            "wait_usd_per_hour": 1,
        },
        "pairs": {
            "kind": "inference",
            "arrivals": {"law": "deterministic", "mean_hours": 1},
            "tokens": {"pairs": [[1, 2], [3, 4]], "weights": [0.5, 0.5]},
        },
        "listed": {"kind": "inference", "requests": [{"arrival_s": 1, "prompt_tokens": 2, "output_tokens": 3}]},
        "logged": {
            "kind": "inference",
            "trace": {
                "file": "x.csv",
                "skip_days": 1,
                "time_scale": 2,
                "rate_scale": 2,
                "bootstrap": {"block_minutes": 60},
            },
        },
    },
    "plans": {
        "own": {
            "held": {
                "terms": NODE
                | {
                    "serve": TERMS
                    | {
                        "classes": ["laws", "bare"],
                        "floor_ms": 1,
                        "gpus_per_replica": 2,
                        "kv_tokens": 1000,
                        "max_num_seqs": 8,
                        "token_budget": 16,
                        "join_lag": 1,
                        "frontend_ms": 1,
                        "overflow_above": 9,
                        "adapters": {"slots": 1, "load_ms": 1, "slowdown": 0.1},
                    }
                },
                "model": NODE
                | {
                    "serve": {
                        "classes": ["pairs", "listed", "logged"],
                        "model": "llama_3_1_8b",
                        "accelerator": "H100-80GB",
                        "gpus_per_replica": 1,
                        "kv_tokens": 1000,
                        "max_num_seqs": 8,
                        "token_budget": 16,
                    }
                },
            },
            "api": {
                "usd_per_million_input_tokens": 1,
                "usd_per_million_cached_tokens": 1,
                "usd_per_million_output_tokens": 1,
                "ttft_s": {"law": "lognormal", "mean": 1, "cv": 1},
                "seconds_per_output_token": {"law": "hyperexponential", "mean": 1, "cv": 2},
            },
        },
        "api": {
            "api": {
                "usd_per_million_input_tokens": 1,
                "usd_per_million_output_tokens": 1,
                "ttft_s": 1,
                "seconds_per_output_token": 1,
                "limits": {"requests_per_minute": 100, "tokens_per_minute": 1000, "burst_s": 60},
                "retries": {"most": 5, "first_s": 1, "factor": 2, "longest_s": 60},
                "outages": {"up_hours": 1, "down_hours": {"law": "exponential", "mean": 1}},
                "error_share": 0.1,
                "batch": {"discount": 0.5, "turnaround_hours": 1, "promised_hours": 24},
                "reserved": {
                    "units": 1,
                    "tokens_per_minute_per_unit": 1000,
                    "usd_per_unit_h": 1,
                    "burst_s": 60,
                },
            },
        },
    },
    "equal_work": {"ttft_p95_s": 1},
}
"""Inference by laws, pairs, lists and logs, on replicas whose pace is stated or told by a model, and at an API."""

EVERY_ARRIVAL_NUMBER = {
    "name": "arrivals",
    "horizon_days": 10,
    "workload": {
        name: {"kind": "fine_tune", "arrivals": law, "service_hours": size}
        for name, law, size in (
            (
                "daily",
                {
                    "law": "weibull",
                    "rate_per_day": 1,
                    "shape": 1,
                    "copies": 2,
                    "growth_percent_per_month": 1,
                    "pattern": {"hours": [1] * 24, "days": [1] * 7, "starts_hour": 1},
                },
                {"law": "lomax", "mean": 1, "alpha": 3, "truncate": {"low": 0.001, "high": 100}},
            ),
            (
                "weekly",
                {"law": "poisson", "rate_per_day": 1, "pattern": {"week": [1] * 168}},
                {"law": "pareto", "mean": 1, "alpha": 3},
            ),
            (
                "sine",
                {
                    "law": "mmpp",
                    "rates": [1, 1],
                    "stay_hours": [1, 1],
                    "next": [[0, 1], [1, 0]],
                    "pattern": {"sine": {"amplitude": 1, "peak_hour": 1, "period_hours": 24}},
                },
                {
                    "law": "blend",
                    "weights": [0.5, 0.5],
                    "parts": [{"law": "weibull", "mean": 1, "shape": 1}, {"law": "lomax", "mean": 1, "alpha": 3}],
                },
            ),
            (
                "parts",
                {
                    "law": "superposition",
                    "rate_per_day": 1,
                    "parts": [
                        {"law": "mmpp", "rates": [1, 1], "stay_s": [3600, 3600], "rate_per_day": 1},
                        {"law": "on_off", "rate_per_day": 1, "on_hours": 1, "off_hours": 1},
                        {"law": "on_off", "rate_per_day": 1, "on_s": 3600, "off_s": 3600},
                    ],
                },
                1,
            ),
        )
    },
    "plans": {"rent": {"hired": {"n": {"gpus": 1, "usd_per_node_h": 1}}}},
}
"""Arrivals whose rate changes, and sizes that are cut off or have heavy tails."""

EVERY_DECISION_NUMBER = {
    "name": "decision",
    "horizon_days": 365,
    "workload": {
        "tuning": {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 1}, "service_hours": 1}
    },
    "plans": {
        "own": {
            "held": {
                "n": {
                    "gpus": 1,
                    "nodes": 1,
                    "usd_per_node_h": 2,
                    "commitment": {"term_months": 12, "upfront_share": 0.5},
                    "stages": [{"month": 3, "nodes": 1}],
                }
            }
        },
        "rent": {"hired": {"n": {"gpus": 1}}},
    },
    "uncertain": {
        "plans.rent.hired.n.usd_per_node_h": {"p10": 2, "p90": 3, "shape": "triangular"},
        "plans.rent.overhead_usd_per_year": {"cases": [1, 2], "weights": [0.5, 0.5]},
    },
    "correlations": [
        {"between": ["plans.rent.hired.n.usd_per_node_h", "plans.rent.overhead_usd_per_year"], "value": 0.5}
    ],
    "decision": {
        "months": 12,
        "step_months": 3,
        "discount_percent_a_year": 8,
        "budget_usd": 1000,
        "unfit_share": 0.1,
        "prices": {
            "api": {"percent_a_year": -40, "steps": {"every_months": 9, "percent": -30}},
            "spot": {"rise": {"after_months": 3, "times": 3}},
        },
        "events": {"ends": {"after_months": 6, "probability": 0.5}},
        "strategies": {
            "own": {
                "plan": "own",
                "switching_usd": 10,
                "lead_months": 1,
                "meanwhile": "rent",
                "moves": [
                    {"to": "rent", "when": {"price": "api", "times": 2}, "switching_usd": 1, "lead_months": 1},
                    {"to": "own", "when": {"month": 9}},
                ],
            }
        },
    },
}
"""A decision, with uncertain numbers, terms and stages."""


def numbers_of(value, path=()):
    """The paths of all numbers."""
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers_of(entry, (*path, key))
    elif isinstance(value, int | float):
        yield path


def with_value(full, path, value) -> dict:
    """A full scenario with one value put in."""
    changed = copy.deepcopy(full)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


BAD_NUMBERS = [
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    5e-324,
    -0.0,
    10**400,
    -(10**400),
    -1,
    True,
    None,
    "1",
    [1],
    {"a": 1},
]
