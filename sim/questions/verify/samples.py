"""The scenarios on which the invariants are checked: fine-tunes alone, and all kinds of work mixed."""

from typing import Any, Final

from sim.ground.scenario import Scenario, Tree, build, with_settings

SCENARIO: Final[dict[str, Any]] = {
    "name": "invariants",
    "seed": 5,
    "horizon_days": 60,
    "warm_up_days": 5,
    "workload": {
        "small": {
            "kind": "fine_tune",
            "arrivals": {
                "law": "hyperexponential",
                "rate_per_day": 20,
                "cv": 2,
                "batch": {"law": "geometric", "mean": 2},
            },
            "tokens_millions": {"law": "lognormal", "mean": 1, "cv": 1},
            "hours_per_million_tokens": 2,
            "gpus": 2,
        },
        "large": {
            "kind": "fine_tune",
            "arrivals": {"law": "poisson", "rate_per_day": 4},
            "tokens_millions": {"law": "gamma", "mean": 2, "cv": 0.7},
            "hours_per_million_tokens": 1,
            "gpus": 8,
            "priority": 1,
        },
    },
    "plans": {
        "reserved": {
            "held": {"box": {"gpus": 8, "nodes": 3, "usd_per_node_h": 19.22}},
            "staff": {"engineers": 1, "usd_per_year": 200_000},
            "overhead_usd_per_year": 10_000,
        },
        "hybrid": {
            "held": {"box": {"gpus": 8, "nodes": 2, "usd_per_node_h": 19.22}},
            "api": {"usd_per_million_tokens": 8, "hours_per_million_tokens": 1},
            "patience_hours": {"law": "exponential", "mean": 3},
            "queue_limit": 6,
            "backfill": True,
        },
        "on_demand": {"hired": {"box": {"gpus": 8, "usd_per_node_h": 32.7726}}},
        "api": {"api": {"usd_per_million_tokens": 8, "hours_per_million_tokens": 1}},
    },
}

_TERMS: Final = {"base_ms": 24, "per_request_ms": 0.8, "per_kv_token_us": 1.2, "per_prefill_token_us": 240}
_API: Final = {
    "usd_per_million_tokens": 8,
    "hours_per_million_tokens": 1,
    "usd_per_million_input_tokens": 0.5,
    "usd_per_million_cached_tokens": 0.1,
    "usd_per_million_output_tokens": 2,
    "ttft_s": {"law": "lognormal", "mean": 0.5, "cv": 1},
    "seconds_per_output_token": 0.01,
}
MIXED: Final[dict[str, Any]] = {
    "name": "mixed",
    "seed": 6,
    "horizon_days": 0.1,
    "warm_up_days": 0.012,
    "allocation": {"window_days": 0.02},
    "equal_work": {"settle_usd_per_job": 3},
    "workload": {
        "tune": {
            "kind": "fine_tune",
            "arrivals": {"law": "poisson", "rate_per_day": 150},
            "tokens_millions": {"law": "gamma", "mean": 1, "cv": 0.7},
            "hours_per_million_tokens": 0.3,
            "gpus": 2,
        },
        "chat": {
            "kind": "inference",
            "arrivals": {"law": "poisson", "rate_per_second": 0.25},
            "prompt_tokens": {"law": "lognormal", "mean": 300, "cv": 2},
            "output_tokens": {"law": "lognormal", "mean": 200, "cv": 1},
            "cached_share": 0.3,
            "adapters": {"count": 5, "zipf": 1},
        },
        "code": {
            "kind": "inference",
            "arrivals": {"law": "poisson", "rate_per_second": 0.1, "batch": {"law": "geometric", "mean": 3}},
            "prompt_tokens": {"law": "gamma", "mean": 900, "cv": 1},
            "output_tokens": {"law": "exponential", "mean": 150},
        },
    },
    "plans": {
        "own": {
            "held": {
                "box": {"gpus": 4, "nodes": 2, "usd_per_node_h": 9},
                "fast": {
                    "gpus": 4,
                    "nodes": 1,
                    "usd_per_node_h": 12,
                    "serve": _TERMS
                    | {
                        "gpus_per_replica": 2,
                        "kv_tokens": 2500,
                        "max_num_seqs": 8,
                        "token_budget": 256,
                        "classes": ["chat"],
                        "frontend_ms": 20,
                        "adapters": {"slots": 2, "load_ms": 50},
                    },
                },
                "cheap": {
                    "gpus": 1,
                    "nodes": 1,
                    "usd_per_node_h": 2,
                    "serve": _TERMS
                    | {
                        "kv_tokens": 4000,
                        "max_num_seqs": 16,
                        "token_budget": 128,
                        "join_lag": 1,
                        "classes": ["code"],
                    },
                },
            },
            "staff": {"engineers": 1, "usd_per_year": 200_000},
            "overhead_usd_per_year": 10_000,
        },
        "hybrid": {
            "held": {
                "box": {"gpus": 4, "nodes": 1, "usd_per_node_h": 9},
                "cheap": {
                    "gpus": 1,
                    "nodes": 2,
                    "usd_per_node_h": 2,
                    "serve": _TERMS
                    | {
                        "kv_tokens": 3000,
                        "max_num_seqs": 8,
                        "token_budget": 512,
                        "overflow_above": 6,
                        "adapters": {"slots": 3, "load_ms": 50, "slowdown": 0.05},
                    },
                },
            },
            "api": _API,
            "patience_hours": 0.5,
            "staff": {"engineers": 1, "usd_per_year": 100_000},
        },
        "chat_only": {
            "hired": {"box": {"gpus": 2, "usd_per_node_h": 6}},
            "held": {
                "each": {
                    "gpus": 1,
                    "nodes": 5,
                    "usd_per_node_h": 2,
                    "serve": _TERMS
                    | {
                        "kv_tokens": 9000,
                        "max_num_seqs": 8,
                        "token_budget": 64,
                        "classes": ["chat"],
                        "adapters": {"placement": "dedicated"},
                    },
                },
            },
            "api": {key: price for key, price in _API.items() if "million_tokens" not in key},
        },
        "api": {"api": _API, "overhead_usd_per_year": 10_000},
    },
}
"""Fine-tunes on nodes, requests on replicas with too small caches, overflow, doors, adapters: all that costs."""

_SPOT: Final = {
    "gpus": 4,
    "usd_per_node_h": 6,
    "spot": True,
    "boot_minutes": {"law": "lognormal", "mean": 12, "cv": 1},
    "idle_release_minutes": 20,
    "minimum_minutes": 10,
    "billing_step_s": 60,
    "lifetime_hours": {"law": "weibull", "mean": 5, "shape": 0.8},
}
_NIGHTS: Final = {
    "gpus": 4,
    "nodes": 3,
    "usd_per_node_h": 8,
    "serve": _TERMS
    | {
        "kv_tokens": 20_000,
        "max_num_seqs": 32,
        "token_budget": 512,
        "schedule": [{"from_hour": 1, "nodes": 3}, {"from_hour": 9, "nodes": 1}, {"from_hour": 15, "nodes": 2}],
        "switch_minutes": 10,
    },
}
ELASTIC: Final[dict[str, Any]] = {
    "name": "elastic",
    "seed": 7,
    "horizon_days": 2,
    "warm_up_days": 0.25,
    "allocation": {"window_days": 0.5},
    "equal_work": {"settle_usd_per_job": 3},
    "workload": {
        "small": {
            "kind": "fine_tune",
            "arrivals": {"law": "poisson", "rate_per_day": 40, "batch": {"law": "geometric", "mean": 2}},
            "service_hours": {"law": "lognormal", "mean": 1.2, "cv": 1},
            "tokens_millions": 1,
            "gpus": 2,
            "priority": 1,
        },
        "large": {
            "kind": "fine_tune",
            "arrivals": {"law": "poisson", "rate_per_day": 6},
            "service_hours": {"law": "gamma", "mean": 2, "cv": 0.7},
            "tokens_millions": 3,
            "gpus": 8,
        },
        "chat": {
            "kind": "inference",
            "arrivals": {"law": "poisson", "rate_per_second": 0.02},
            "prompt_tokens": {"law": "lognormal", "mean": 300, "cv": 2},
            "output_tokens": {"law": "lognormal", "mean": 100, "cv": 1},
        },
    },
    "plans": {
        "frail": {
            "held": {
                "box": {
                    "gpus": 4,
                    "nodes": 4,
                    "usd_per_node_h": 8,
                    "failures": {
                        "up_hours": {"law": "weibull", "mean": 20, "shape": 0.7},
                        "repair_hours": {"law": "lognormal", "mean": 2, "cv": 1},
                    },
                },
            },
            "hired": {"spot": _SPOT | {"maximum": 6, "after_minutes": 30, "available_share": 0.6}},
            "api": _API,
            "patience_hours": {"law": "exponential", "mean": 6},
            "preempt": True,
            "checkpoints": {"interval_minutes": 20, "cost_minutes": 1},
            "restart_minutes": 3,
        },
        "spot": {
            "hired": {
                "spot": _SPOT
                | {
                    "bill_from": "ready",
                    "supply": {
                        "on_hours": {"law": "exponential", "mean": 8},
                        "off_hours": {"law": "exponential", "mean": 2},
                    },
                },
            },
            "api": {key: price for key, price in _API.items() if not key.startswith(("usd_per_million_t", "hours"))},
            "checkpoints": "continuous",
            "backfill": True,
        },
        "shared": {
            "held": {"box": {"gpus": 4, "nodes": 2, "usd_per_node_h": 8}, "nights": _NIGHTS},
            "hired": {"peak": {"gpus": 4, "usd_per_node_h": 16, "maximum": 3, "boot_minutes": 5}},
            "checkpoints": {"interval_minutes": 30, "cost_minutes": 1},
            "restart_minutes": 2,
            "preempt": True,
        },
        "scaled": {
            "hired": {
                "peak": {"gpus": 4, "usd_per_node_h": 16, "boot_minutes": 5, "idle_release_minutes": 10},
                "replicas": {
                    "gpus": 4,
                    "usd_per_node_h": 16,
                    "boot_minutes": 2,
                    "minimum_minutes": 5,
                    "serve": _TERMS
                    | {
                        "kv_tokens": 20_000,
                        "max_num_seqs": 32,
                        "token_budget": 512,
                        "autoscale": {"target": 2, "minimum": 0, "maximum": 4},
                    },
                },
            },
        },
    },
}
"""Failures, reclaims, refusals, preemption, lent nights and replicas that come and go."""

METERED: Final[dict[str, Any]] = {
    "name": "metered",
    "seed": 8,
    "horizon_days": 0.05,
    "warm_up_days": 0.006,
    "allocation": {"window_days": 0.01},
    "equal_work": {"settle_usd_per_job": 3},
    "workload": {
        "chat": MIXED["workload"]["chat"] | {"arrivals": {"law": "poisson", "rate_per_second": 0.5}},
        "code": MIXED["workload"]["code"],
        "nightly": {
            "kind": "inference",
            "arrivals": {"law": "poisson", "rate_per_second": 0.1},
            "prompt_tokens": 400,
            "output_tokens": {"law": "exponential", "mean": 60},
            "deadline_hours": 24,
        },
    },
    "plans": {
        "limited": {
            "api": _API
            | {
                "limits": {"requests_per_minute": 30, "tokens_per_minute": 20_000, "burst_s": 30},
                "retries": {"most": 4, "first_s": 2, "longest_s": 20},
                "outages": {
                    "up_hours": {"law": "exponential", "mean": 0.2},
                    "down_hours": {"law": "exponential", "mean": 0.01},
                },
                "error_share": 0.05,
                "errors_charged": True,
                "batch": {"discount": 0.5, "turnaround_hours": {"law": "lognormal", "mean": 3, "cv": 1}},
            },
            "staff": {"engineers": 1, "usd_per_year": 100_000},
        },
        "reserved": {
            "api": _API
            | {
                "limits": {"tokens_per_minute": 20_000},
                "reserved": {"units": 2, "tokens_per_minute_per_unit": 8_000, "usd_per_unit_h": 3},
            },
        },
        "patient": {
            "api": _API
            | {
                "retries": {"most": 30, "jitter": False},
                "error_share": 0.1,
                "reserved": {
                    "units": 3,
                    "tokens_per_minute_per_unit": 9_000,
                    "usd_per_unit_h": 3,
                    "beyond": "wait",
                    "burst_s": 20,
                },
            },
        },
        "hybrid": {
            "held": {
                "fast": {
                    "gpus": 1,
                    "nodes": 2,
                    "usd_per_node_h": 2,
                    "serve": _TERMS
                    | {
                        "kv_tokens": 3000,
                        "max_num_seqs": 8,
                        "token_budget": 512,
                        "overflow_above": 2,
                        "classes": ["chat"],
                        "adapters": {"slots": 3, "load_ms": 50},
                    },
                },
            },
            "api": _API
            | {
                "limits": {"requests_per_minute": 40},
                "reserved": {"units": 1, "tokens_per_minute_per_unit": 5_000, "usd_per_unit_h": 2},
            },
        },
    },
}
"""Limits, retries, outages, errors, a batch tier and reserved units, with and without own replicas."""

SCENARIOS: Final = (SCENARIO, MIXED, ELASTIC, METERED)


def scenario(values: dict[str, Any] = SCENARIO, **settings: Any) -> Scenario:
    """Make a scenario that the checks run, with some keys (dots as ``__``) set otherwise."""
    tree = Tree(build_values(values))
    return build(with_settings(tree, {key.replace("__", "."): value for key, value in settings.items()}))


def build_values(values: Any) -> Any:
    """Copy plain values, so that a setting stays with its scenario."""
    return {key: build_values(value) for key, value in values.items()} if isinstance(values, dict) else values
