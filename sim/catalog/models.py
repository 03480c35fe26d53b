"""What the weights and the cache of a language model weigh. How fast a GPU runs it is told by ``sim.profile``."""

from dataclasses import dataclass
from typing import Final

_CACHE_BYTES = 2  # one 16-bit number: the default of serving engines


@dataclass(frozen=True)
class Model:
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
    source: str
    bytes_per_parameter: float = 2.0

    @property
    def weight_bytes(self) -> float:
        """Bytes of all weights, experts included."""
        return self.parameters * self.bytes_per_parameter

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one cached token takes: a key and a value in each layer, of 16-bit numbers."""
        return 2 * self.layers * self.kv_heads * self.head_dim * _CACHE_BYTES


def _dense(name: str, parameters: int, layers: int, source: str) -> Model:
    """Make a model in which each token passes all parameters; all of these have 8 KV heads of 128 numbers."""
    return Model(name, parameters, parameters, layers, kv_heads=8, head_dim=128, source=source)


_CONFIG = "config.json of the published weights; parameters counted from it"

MODELS: Final = {
    model.name: model
    for model in (
        _dense("llama_2_70b", 68_976_648_192, 80, f"Llama-2-70b: {_CONFIG}"),
        _dense("llama_3_1_8b", 8_030_261_248, 32, f"Llama-3.1-8B: {_CONFIG}"),
        _dense("llama_3_1_70b", 70_553_706_496, 80, f"Llama-3.1-70B: {_CONFIG}"),
        _dense("qwen3_8b", 8_190_735_360, 36, f"Qwen3-8B: {_CONFIG}"),
        _dense("qwen3_32b", 32_762_123_264, 64, f"Qwen3-32B: {_CONFIG}"),
        # Two of eight experts a token, in each layer.
        Model("mixtral_8x7b", 46_702_792_704, 12_879_925_248, 32, 8, 128, f"Mixtral-8x7B-v0.1: {_CONFIG}"),
    )
}
