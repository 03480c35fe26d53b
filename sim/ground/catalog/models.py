"""What the weights and the cache of a language model weigh. How fast a GPU runs it tells ``sim.ground.profile``."""

from dataclasses import dataclass
from typing import Final

from sim.ground.catalog.facts import Fact, day

_CACHE_BYTES = 2  # one 16-bit number: the default of serving engines


@dataclass(frozen=True)
class Model(Fact):
    """A decoder of tokens: its parameters, those that each token passes, and the shape of its attention.

    Attributes
    ----------
    active_parameters : int
        Parameters that one token passes; fewer than ``parameters`` in a mixture of experts.
    kv_heads, head_dim : int
        Heads of keys and values in each layer, and numbers in each head.
    bytes_per_parameter : float
        2 for bfloat16; the catalog lists no quantised weights.
    """

    name: str
    parameters: int
    active_parameters: int
    layers: int
    kv_heads: int
    head_dim: int
    bytes_per_parameter: float = 2.0

    @property
    def weight_bytes(self) -> float:
        """Bytes of all weights, experts included."""
        return self.parameters * self.bytes_per_parameter

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one cached token takes: a key and a value in each layer, of 16-bit numbers."""
        return 2 * self.layers * self.kv_heads * self.head_dim * _CACHE_BYTES


_READ = day("2026-11-22")
"""The day on which these were typed; published weights do not change."""


def _dense(name: str, parameters: int, layers: int, since: str, source: str) -> Model:
    """Make a model in which each token passes all parameters; all of these have 8 KV heads of 128 numbers."""
    return _published(name, parameters, parameters, layers, since, source)


def _published(name: str, parameters: int, active: int, layers: int, since: str, source: str) -> Model:
    """Make a model whose weights were published on a day."""
    text = f"{source}: {_CONFIG}"
    return Model(name, parameters, active, layers, 8, 128, since=day(since), seen=_READ, basis="published", source=text)


_CONFIG = "config.json of the published weights; parameters counted from it"

MODELS: Final = {
    model.name: model
    for model in (
        _dense("llama_2_70b", 68_976_648_192, 80, "2023-07-18", "Llama-2-70b"),
        _dense("llama_3_1_8b", 8_030_261_248, 32, "2024-07-23", "Llama-3.1-8B"),
        _dense("llama_3_1_70b", 70_553_706_496, 80, "2024-07-23", "Llama-3.1-70B"),
        _dense("qwen3_8b", 8_190_735_360, 36, "2025-04-29", "Qwen3-8B"),
        _dense("qwen3_32b", 32_762_123_264, 64, "2025-04-29", "Qwen3-32B"),
        # Two of eight experts a token, in each layer.
        _published("mixtral_8x7b", 46_702_792_704, 12_879_925_248, 32, "2023-12-11", "Mixtral-8x7B-v0.1"),
    )
}
