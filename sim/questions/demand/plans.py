"""Starter plans for a fitted workload: assumptions to replace, prices from the catalog. Not here: the workload."""

import math
from typing import Final

import numpy as np

from sim.ground.scenario.model import MOST_JOBS
from sim.ground.scenario.serving import Serving
from sim.ground.units import Floats

INSTANCE, GPU, MODEL, OFFER = "runpod.h100_80gb_x1", "H100-80GB", "llama_3_1_8b", "together_llama_31_8b"
SEATS, BUDGET = 256, 8192
NODE, NODE_GPUS = "p4de.24xlarge", 8
FULL: Final = 0.7
"""Share of what nodes can carry that the busiest time is planned to take."""

_MOST_NODES: Final = 10_000
MOST_EXPECTED: Final = MOST_JOBS // 2


def serving_plans(prompt: float, output: float, longest: float, peak_per_second: float) -> str:
    """State plans that serve requests: nodes of one's own, an API, and both.

    Parameters
    ----------
    prompt, output : float
        Mean tokens of a request.
    longest : float
        Most tokens that one request keeps in the cache.
    peak_per_second : float
        Requests a second at the busiest time.
    """
    serve = Serving(model=MODEL, max_num_seqs=SEATS, token_budget=BUDGET)
    made = serve.profile(GPU)
    one = made.rate_at_most(max(prompt, 1.0), max(output, 1.0))
    nodes = min(max(1, math.ceil(peak_per_second / (FULL * one))), _MOST_NODES)
    api = f"""    api:
      inference_offer: {OFFER}           # prices of the book
      ttft_s: {{law: lognormal, mean: 0.4, cv: 0.5}}    # assumed
      seconds_per_output_token: 0.01                  # assumed
"""
    held = f"""    held:
      h100:
        instance: {INSTANCE}
        rate: on_demand                # price of the book; yours: usd_per_node_h and source instead
        nodes: {nodes}
        serve: {{model: {MODEL}, max_num_seqs: {SEATS}, token_budget: {BUDGET}"""
    too_long = longest > made.kv_tokens
    note = f"; requests above {made.kv_tokens:,} tokens fit no replica and go to the API" if too_long else ""
    own = f"{held}}}    # pace by physics\n" + (api if too_long else "")
    return f"""# Assumptions to replace by your own: model, hardware, prices, latencies. One replica carries about
# {one:.3g} requests of the mean lengths a second; {nodes} make the busiest five minutes ({peak_per_second:.3g} a
# second) take {FULL:.0%} of what they carry.
plans:
  own:                         # nodes paid busy or idle{note}
{own}  api:                         # paid by the token
{api}  hybrid:                      # the same nodes; who finds a replica with so many requests goes to the API
{held}, overflow_above: {2 * SEATS}}}
{api}"""


def _held(nodes: int) -> str:
    return f"    held: {{node: {{instance: {NODE}, rate: on_demand, nodes: {nodes}}}}}\n"


def tuning_plans(offered_gpus: float, widest: int) -> str:
    """State plans that run jobs: held nodes, hired ones, and both.

    Parameters
    ----------
    offered_gpus : float
        GPUs that the jobs keep busy on average.
    widest : int
        GPUs of the widest job.
    """
    least = -(-widest // NODE_GPUS)
    nodes = min(max(1, least, math.ceil(offered_gpus / NODE_GPUS / FULL)), _MOST_NODES)
    fewer = max(least, nodes // 2, 1)
    return f"""# Assumptions to replace by your own: nodes, prices, how jobs are queued. The jobs keep
# {offered_gpus:.4g} GPUs busy on average.
plans:
  held:                        # nodes paid busy or idle; jobs wait for each other
{_held(nodes)}    backfill: true
  hired:                       # nodes hired when a job needs them, given back when they are free
    hired: {{node: {{instance: {NODE}, rate: on_demand, boot_minutes: 5}}}}
  held_and_hired:              # fewer held nodes; who waits for an hour calls for hired ones
{_held(fewer)}    hired: {{node: {{instance: {NODE}, rate: on_demand, boot_minutes: 5, after_minutes: 60}}}}
    backfill: true
"""


def fitting_widths(gpus: Floats) -> Floats:
    """Round what needs more than a node up to whole nodes, as schedulers of whole nodes do."""
    return np.where(gpus > NODE_GPUS, np.ceil(gpus / NODE_GPUS) * NODE_GPUS, gpus)
