"""Small worlds of requests that can be streamed, as settings of ``studies.CHAT``."""

WAITS = {"law": "lognormal", "mean": 0.5, "cv": 1}
API = "plans.{}.api"
MAIL = {
    "kind": "inference",
    "arrivals": {"law": "gamma", "cv": 3, "rate_per_second": 0.7},
    "prompt_tokens": {"law": "lognormal", "mean": 900, "cv": 1},
    "output_tokens": {"law": "lognormal", "mean": 20, "cv": 1},
    "wait_usd_per_hour": 3,
    "deadline_hours": 0.001,
}
TUNES = {
    "kind": "fine_tune",
    "arrivals": {"law": "poisson", "rate_per_day": 20000},
    "gpus": 1,
    "tokens_millions": {"law": "exponential", "mean": 0.001},
    "hours_per_million_tokens": 1,
    "wait_usd_per_hour": 2,
}
NODES = "plans.own.held.gpu"
SCALED = {
    "autoscale": {
        "minimum": 0,
        "maximum": 3,
        "target": 2,
        "tick_s": 5,
        "cool_down_minutes": 0.5,
        "load_minutes": {"law": "lognormal", "mean": 0.2, "cv": 1},
    }
}
GPU = {"gpus": 1, "usd_per_node_h": 3}
SERVE = {"base_ms": 10, "per_kv_token_us": 0.05, "per_prefill_token_us": 50, "kv_tokens": 20000}
WORLDS = {
    "held, overflow, API": {},
    "random latencies": {f"{API.format('api')}.ttft_s": WAITS, f"{API.format('hybrid')}.ttft_s": WAITS},
    "much overflow": {"plans.hybrid.held.gpu.serve.overflow_above": 2, "workload.chat.arrivals.rate_per_second": 9},
    "a queue at the end": {"workload.chat.arrivals.rate_per_second": 20},
    "waiting prices": {"workload.chat.wait_usd_per_hour": 5, "workload.chat.deadline_hours": 0.0003},
    "equal": {"allocation": {"rule": "equal", "window_days": 0.0003}},
    "by GPU time": {"allocation": {"rule": "gpu_time", "window_days": 0.0003}},
    "platform": {"allocation": {"rule": "platform"}},
    "two classes": {"workload.mail": MAIL, "allocation": {"rule": "gpu_time", "window_days": 0.0002}},
    "two groups": {
        "workload.mail": MAIL,
        f"{NODES}.serve.classes": ["chat"],
        "plans.own.held.other": GPU | {"nodes": 2, "serve": SERVE | {"classes": ["mail"]}},
        "allocation": {"rule": "equal", "window_days": 0.0004},
    },
    "fine-tunes beside": {
        "workload.tuning": TUNES,
        **{f"plans.{name}.held.pod": GPU | {"nodes": 1} for name in ("own", "hybrid", "api")},
        "plans.own.staff": {"engineers": 1, "usd_per_year": 100000},
        "allocation": {"rule": "gpu_time", "window_days": 0.0004},
    },
}
SHORT = {"horizon_days": 0.002, "warm_up_days": 0.0002}
