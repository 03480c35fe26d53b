"""Numbers of theory, typed from the reference results, that several tests hold theirs to."""

INTERRUPTED = {
    "O-SPOT-a": {
        "ckpt_segments": 4.0,
        "optimal_tau_h": 0.619193066433585,
        "optimal_tau_mean_completion_h_continuous": 2.18531307009921,
        "young_tau_h": 0.632455532033676,
    },
    "O-SPOT-exp": {"tail_index": 5.0, "wrong_if_resampled_mean_h": 2.05},
    "O-BRK-1": {"eff_rho": 0.66, "mean_busy_gpus": 0.6, "availability": 0.909090909091},
    "O-BRK-c": {"eff_rho": 0.77, "mean_busy_gpus": 5.6, "availability": 0.909090909091},
    "O-MGINF": {"p_idle": 2.06115362243856e-09},
}

BATCHING = {
    "O-BATCH-q": {
        "rho": 0.832,
        "max_jobs_per_s": 4.80769230769231,
        "max_tokens_per_s": 1230.76923076923,
        "p_queue": 0.0245293467004497,
        "p_empty": 1.67488102393526e-13,
        "p_busy": 0.999999999999833,
        "Wq_s": 0.0303696673434139,
        "Wq_s_p99": 1.11092444944665,
        "mean_batch": 42.9906577346094,
        "L": 43.112136403983,
    },
    "O-BATCH-loss": {
        "p_overflow": 0.0871438181351149,
        "p_idle": 2.22323028875673e-18,
        "mean_batch": 56.6220428370008,
        "T_s": 12.405468454259,
        "T_s_given_100_tokens": 4.84588611494492,
    },
}

STAFFING = {  # load: smallest fleet for p_wait <= 0.2, its p_wait
    1: (3, 0.0909090909090909),
    4: (7, 0.135110172846022),
    16: (21, 0.170891636582033),
    64: (73, 0.194479588119317),
    256: (274, 0.186382067133642),
    1024: (1059, 0.192838291843875),
}
