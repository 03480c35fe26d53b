"""How fast one replica of a model serves tokens: the lengths of its iterations, and the tokens it has room for.

Not here: the serving itself. An iteration with n decoding requests over kv cached tokens and x tokens of prefill lasts
``base + per_request n + per_kv_token kv + per_prefill_token x (+ prefill if x > 0)``, and never less than ``floor``.
"""

from dataclasses import dataclass
from typing import Final

from sim.ground.catalog import Accelerator, Model


@dataclass(frozen=True)
class Profile:
    """The pace and the room of one replica. Durations in seconds, room in tokens.

    Attributes
    ----------
    base_s, floor_s : float
        What each iteration takes before any request; the least that an iteration takes.
    per_request_s, per_kv_token_s : float
        What each decoding request adds to an iteration, and each token that they have cached.
    per_prefill_token_s, prefill_s : float
        What each token of prefill adds, and what the first of them adds besides.
    kv_tokens : int
        Tokens that the cache holds.
    max_num_seqs, token_budget : int
        Most requests that run together; most tokens (decoded and prefilled) in one iteration.
    """

    base_s: float
    per_request_s: float
    per_kv_token_s: float
    per_prefill_token_s: float
    prefill_s: float
    floor_s: float
    kv_tokens: int
    max_num_seqs: int
    token_budget: int
    source: str
    basis: str

    @property
    def longest_s(self) -> float:
        """Length of an iteration with every seat taken, a full cache and a whole budget of prefill, in seconds."""
        decoding = self.per_request_s * self.max_num_seqs + self.per_kv_token_s * self.kv_tokens
        return max(self.floor_s, self.base_s + decoding + self.per_prefill_token_s * self.token_budget + self.prefill_s)

    def rate_at_most(self, prompt: float, output: float, cached: float = 0.0) -> float:
        """Estimate how many requests of mean length one replica can serve a second, with all its seats taken.

        Parameters
        ----------
        prompt, output, cached : float
            Mean tokens of a request; those of its prompt that need no prefill.

        Notes
        -----
        A request takes ``output`` iterations together with n - 1 others, n as many as seats or cache allow, and its own
        prefill. An estimate for warnings: lengths that vary and chunks of prefill are left out.
        """
        held = prompt + output / 2
        together = max(1.0, min(float(self.max_num_seqs), self.kv_tokens / held))
        step = max(self.floor_s, self.base_s + together * (self.per_request_s + self.per_kv_token_s * held))
        alone = output * step / together + (prompt - cached) * self.per_prefill_token_s + self.prefill_s
        return 1.0 / alone if alone > 0 else float("inf")


@dataclass(frozen=True)
class Efficiency:
    """What serving reaches of a GPU's peak, and what it loses besides.

    Attributes
    ----------
    compute : float
        Share of the peak arithmetic that prefill and decode reach on one GPU.
    compute_source : str
        Which measurement says so, or what is assumed.
    measured : bool
        Whether ``compute`` was measured on this kind of GPU.
    memory : float
        Share of the peak bandwidth that reading weights and cache reaches.
    layer_s, layer_parallel_s : float
        Seconds that a layer adds to each iteration (launching its kernels); and besides, where GPUs share the layers
        and must add up their results.
    communication : float
        Share of a single GPU's arithmetic time that each further GPU adds in communication: g GPUs work
        ``g / (1 + communication (g - 1))`` times as fast as one.
    parallel_floor_s : float
        Least length of an iteration of GPUs that work together.
    """

    compute: float
    compute_source: str
    measured: bool
    memory: float = 0.90
    layer_s: float = 75e-6
    layer_parallel_s: float = 30e-6
    communication: float = 0.09
    parallel_floor_s: float = 5.8e-3


# Where the defaults come from. All of them were fitted to published measurements of bfloat16 models:
#
# - memory, layer_s, layer_parallel_s: one least-squares fit of the logarithms to 14 lengths of an iteration with one
#   request: 12 of LLM-Inference-Bench (vLLM, 128 tokens in and out: seconds / tokens) and the two of vllm-cost-meter at
#   1 request a second, less the requests beside it. Fitted 0.91, 82 and 32 microseconds; rounded towards the newer
#   software.
# - parallel_floor_s: on 4 H100, models of 7 to 8 billion parameters all took 5.8 to 5.9 ms.
# - communication: the slope of the prompt time between 512 and 2,048 tokens in splitwise-sim (Llama-2-70B) on 2, 4 and
#   8 GPUs. A100: 0.320, 0.180, 0.118 ms a token; H100: 0.148, 0.092, 0.054. Both give 0.08 to 0.10.
# - compute: the same slopes, carried back to one GPU (0.75 to 0.78 and 0.48 to 0.53); A100 PCIe, which may draw less
#   power: saturated throughput of vllm-cost-meter; RTX PRO 6000: 300 requests of LLMServingSim.
#
# How far the profiles are off (measured, predicted, error), computed with these defaults:
#
#   one request, 128 tokens in and out: ms a token, its share of the prefill included
#     LLM-Inference-Bench   Llama-3-8B    1 x A100-40GB   14.27   14.03    -2 %
#                           Llama-3-8B    1 x H100         7.77    7.80     0 %
#                           Llama-3-8B    2 x A100-40GB    9.82    9.18    -7 %
#                           Llama-3-8B    2 x H100         6.65    6.06    -9 %
#                           Llama-2-70B   4 x A100-40GB   33.48   33.42     0 %
#                           Llama-2-70B   4 x H100        18.52   20.02    +8 %
#                           Llama-3-70B   4 x H100        19.24   20.28    +5 %
#                           Mixtral-8x7B  4 x A100-40GB   10.27   20.12   +96 %  (all experts read: see from_physics)
#   16 of them at once      Mixtral-8x7B  4 x A100-40GB   21.05   21.21    +1 %
#   64 of them at once      Llama-3-8B    1 x H100        13.19   12.34    -6 %
#                           Llama-3-8B    1 x A100-40GB   25.69   23.64    -8 %
#                           Llama-2-70B   4 x H100        29.36   31.28    +7 %
#                           Mixtral-8x7B  4 x A100-40GB   30.31   24.72   -18 %
#   64 of 2,048 tokens      Llama-3-8B    1 x H100        23.54   20.35   -14 %
#                           Llama-2-70B   4 x H100        38.40   36.29    -5 %
#   a prompt of 2,048 tokens, ms (`compute` and `communication` were fitted to its slope)
#     splitwise-sim         Llama-2-70B   2 x H100       310.3   336.4    +8 %
#                           Llama-2-70B   4 x H100       200.7   197.6    -2 %
#                           Llama-2-70B   8 x H100       136.8   128.2    -6 %
#                           Llama-2-70B   2 x A100-80GB  688.1   691.1     0 %
#                           Llama-2-70B   8 x A100-80GB  274.2   259.0    -6 %
#   many requests of Llama-3.1-8B, simulated iteration by iteration
#     vllm-cost-meter (500 requests, at most 1,024 at once on H100 and 256 on A100: both assumed, it does not say)
#                           1 x H100, 25 requests/s: 20.6 served a second, 21.3 (+4 %); 27.5 ms a token, 28.7 (+4 %)
#                           1 x H100, saturated: 24.3 served a second, 27.8 (+14 %); 60.2 ms a token, 52.3 (-13 %)
#                           1 x A100 PCIe, saturated: 11.3 served a second, 10.9 (-4 %); `compute` was fitted to it
#     LLMServingSim         1 x RTX PRO 6000: 300 requests in 65.9 s, 66.7 (+1 %); `compute` was fitted to it
#                           1 x RTX 4090, short of memory: in 183.6 s, 232.4 (+27 %)
#
# Where they fail: at 1 request a second vllm-cost-meter measured 6.6 ms a token on one H100, where 8.0 are predicted
# (+22 %), as vLLM of 2026 launches kernels faster than that of 2024; and a first token after 38 ms, where 28 are
# predicted: the server in front of the engine is not in a profile. Software without CUDA graphs is slower than all
# this: in splitwise-sim (2023) a token of Llama-2-70B takes 37, 29 and 31 ms on 2, 4 and 8 H100, where 31, 20 and 14
# are predicted (-16, -33, -54 %), because launching kernels, not memory, sets its pace; nothing here is fitted to that.
_SPLITWISE = "prompt times of Llama-2-70B in splitwise-sim, carried back to one GPU"
_H100_LIKE = "assumed: as measured on H100"

EFFICIENCIES: Final = {
    "A100-40GB": Efficiency(0.765, f"{_SPLITWISE}; A100 80 GB, the same chip", measured=True),
    "A100-80GB": Efficiency(0.765, _SPLITWISE, measured=True),
    "A100-80GB-PCIe": Efficiency(0.60, "saturated throughput of Llama-3.1-8B in vllm-cost-meter", measured=True),
    "H100-80GB": Efficiency(0.51, _SPLITWISE, measured=True),
    "H100-80GB-PCIe": Efficiency(0.40, "assumed: H100 SXM, less what the A100 loses as PCIe card", measured=False),
    "H200-141GB": Efficiency(0.51, f"{_H100_LIKE}, the same chip with more memory", measured=False),
    "B200-180GB": Efficiency(0.51, _H100_LIKE, measured=False),
    "L40S-48GB": Efficiency(0.60, "assumed: between A100 and H100", measured=False),
    "RTX-4090-24GB": Efficiency(0.80, "assumed: as measured on RTX PRO 6000", measured=False),
    "RTX-PRO-6000-96GB": Efficiency(0.80, "300 requests of Llama-3.1-8B in LLMServingSim", measured=True),
}

# The share of memory that serving engines take by default, of what CUDA can see: the driver keeps 2 % (a RTX 4090 of
# 24 GB shows 25.25 of 25.77 GB). The reserve is what was left beside weights and cache in the same run of LLMServingSim
# (vLLM 0.19, Llama-3.1-8B, budget of 2,048 tokens, cache of 41,408 tokens); taken for every model, which is assumed.
_MEMORY_SHARE = 0.9 * 0.98
_RESERVE_BYTES = 1.24e9
_SIZES = (1, 2, 4, 8)


def from_physics(
    model: Model,
    accelerator: Accelerator,
    gpus_per_replica: int,
    *,
    efficiency: Efficiency | None = None,
    max_num_seqs: int = 256,
    token_budget: int = 2048,
) -> Profile:
    """Tell the pace of a replica from what it must read and compute, and from what serving reaches of the peak.

    Each iteration reads all weights once, and the cache of each decoding request; each token costs two operations per
    active parameter. Read and compute times add up: they overlap in part, which the measured efficiencies contain.

    Parameters
    ----------
    model, accelerator
        Entries of the catalog.
    gpus_per_replica : int
        1, 2, 4 or 8 GPUs that share each layer (tensor parallelism).
    efficiency : Efficiency, optional
        What is reached of the peak; by default that of ``EFFICIENCIES`` for this accelerator.
    max_num_seqs, token_budget : int
        Settings of the engine, carried into the profile.

    Raises
    ------
    ValueError
        If the model leaves no room for a single token, the number of GPUs is another, or no efficiency is known.

    Notes
    -----
    The errors against measurements are tabled above ``EFFICIENCIES``: within 10 % for dense models and few tokens in
    cache, 14 % for many; +22 % against newer software at light load; +27 % on a GPU short of memory; far too fast
    against software without CUDA graphs.

    A mixture of experts is taken to read all its experts, as it does from about 16 tokens an iteration on. With a
    single request it reads only the active ones: then the true base is about half of the one told here.

    ``prefill_s`` is 0: the published measurements do not tell it from ``base_s``.

    References
    ----------
    Pope et al. (2023), Efficiently scaling transformer inference, MLSys 5.
    """
    if gpus_per_replica not in _SIZES:
        raise ValueError(f"gpus_per_replica must be 1, 2, 4 or 8, got {gpus_per_replica!r}")
    reached = efficiency if efficiency is not None else EFFICIENCIES.get(accelerator.name)
    if reached is None:
        raise ValueError(f"no efficiency is known for {accelerator.name}; give one")
    parallel = gpus_per_replica > 1
    bytes_per_s = accelerator.bandwidth_gb_per_s * 1e9 * reached.memory * gpus_per_replica
    speedup = gpus_per_replica / (1 + reached.communication * (gpus_per_replica - 1))
    token_s = 2 * model.active_parameters / (accelerator.bf16_dense_tflops * 1e12 * reached.compute * speedup)
    layers_s = model.layers * (reached.layer_s + parallel * reached.layer_parallel_s)
    return Profile(
        base_s=model.weight_bytes / bytes_per_s + layers_s,
        per_request_s=token_s,
        per_kv_token_s=model.kv_bytes_per_token / bytes_per_s,
        per_prefill_token_s=token_s,
        prefill_s=0.0,
        floor_s=parallel * reached.parallel_floor_s,
        kv_tokens=_room(model, accelerator, gpus_per_replica),
        max_num_seqs=max_num_seqs,
        token_budget=token_budget,
        source=f"{model.name} on {gpus_per_replica} x {accelerator.name}: bytes over bandwidth, operations over peak; "
        f"compute {reached.compute:.0%} ({reached.compute_source}), memory {reached.memory:.0%}",
        basis="physics, efficiencies measured" if reached.measured else "physics, efficiencies assumed",
    )


def _room(model: Model, accelerator: Accelerator, gpus: int) -> int:
    """Tokens that the cache holds beside the weights."""
    usable = gpus * (_MEMORY_SHARE * accelerator.memory_bytes - _RESERVE_BYTES)
    tokens = int((usable - model.weight_bytes) // model.kv_bytes_per_token)
    if tokens < 1:
        raise ValueError(
            f"{model.name} needs {model.weight_bytes / 1e9:.1f} GB for weights, has {usable / 1e9:.1f} GB "
            f"on {gpus} x {accelerator.name}; take more GPUs or larger ones"
        )
    return tokens
