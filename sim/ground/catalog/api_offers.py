"""The price book of APIs: what tokens cost where somebody else runs the model, from when, and who says so.

Not here: prices that a scenario states itself. An offer is in force from ``since`` (the first day on which it is known,
where nobody says when it began); ``seen`` is the last day on which it is known to have been asked. Batch tiers are
in ``tiers``. Sources by short name: `LiteLLM` = its list of model prices, `genai-prices` = pydantic/genai-prices (both
MIT).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from sim.ground.catalog.facts import Fact
from sim.ground.catalog.tiers import BATCH_TIERS


@dataclass(frozen=True)
class ApiOffer(Fact):
    """One pay-per-use offer of training: USD for a million trained tokens, and how long it takes."""

    usd_per_million_tokens: float
    hours_per_million_tokens: float
    hours_source: str


@dataclass(frozen=True)
class InferenceOffer(Fact):
    """One pay-per-use offer of inference: USD for a million tokens read, read from the cache, and written.

    No cached price: the offer has none, and a cached token costs as much as any other.

    Attributes
    ----------
    batch : str or None
        The tier (of ``BATCH_TIERS``) at which the same model answers later for less; None where none is known.
    batch_usd : (float, float) or None
        USD for a million tokens read and written in a batch, where the offer says so itself.
    """

    usd_per_million_input_tokens: float
    usd_per_million_cached_tokens: float | None
    usd_per_million_output_tokens: float
    batch: str | None = None
    batch_usd: tuple[float, float] | None = None

    @property
    def usd_per_million_batch_input_tokens(self) -> float | None:
        """What a million tokens read cost where the answer can wait; None where nobody says."""
        own = None if self.batch_usd is None else self.batch_usd[0]
        return own if self.batch is None else BATCH_TIERS[self.batch].share_of_price * self.usd_per_million_input_tokens

    @property
    def usd_per_million_batch_output_tokens(self) -> float | None:
        """What a million tokens written cost where the answer can wait; None where nobody says."""
        own = None if self.batch_usd is None else self.batch_usd[1]
        return (
            own if self.batch is None else BATCH_TIERS[self.batch].share_of_price * self.usd_per_million_output_tokens
        )

    def has_batch(self, on: date | None) -> bool:
        """Whether it can be had in a batch on a day: the tier may be younger than the offer."""
        if self.batch is None or on is None:
            return self.batch is not None or self.batch_usd is not None
        return BATCH_TIERS[self.batch].since <= on


_ARTICLE_HOURS = "the article: 1 to 1.5 h a run of a million tokens; midpoint (assumed)"

API_OFFERS: Final = {
    "openai_2023_08": ApiOffer(
        8.0,
        1.25,
        since=date(2023, 8, 22),
        seen=date(2024, 7, 22),
        basis="list price",
        source="OpenAI blog, 2023-08-22: gpt-3.5-turbo fine-tuning, 0.008 USD per 1K trained tokens",
        hours_source=_ARTICLE_HOURS,
    ),
    "openai_4o_mini_2024_07": ApiOffer(
        3.0,
        1.25,
        since=date(2024, 7, 23),
        seen=date(2026, 4, 30),
        basis="list price, second-hand",
        source="training price of gpt-4o-mini-2024-07-18 as quoted by tokenmix.ai, April 2026; not verified first-hand",
        hours_source=_ARTICLE_HOURS,
    ),
    "openai_4o_2024_08": ApiOffer(
        25.0,
        1.25,
        since=date(2024, 8, 20),
        seen=date(2026, 4, 30),
        basis="list price, second-hand",
        source="training price of gpt-4o-2024-08-06 as quoted by two others, April 2026; not verified first-hand",
        hours_source=_ARTICLE_HOURS,
    ),
}

# In each: input, cached input, output.
INFERENCE_OFFERS: Final = {
    "openai_gpt_35_turbo_2023_06": InferenceOffer(
        1.5,
        None,
        2.0,
        since=date(2023, 6, 13),
        seen=date(2023, 11, 5),
        basis="list price",
        source="OpenAI list: gpt-3.5-turbo-0613, 4k context; LiteLLM 2025-08-31",
    ),
    "openai_gpt_35_turbo_16k_2023_06": InferenceOffer(
        3.0,
        None,
        4.0,
        since=date(2023, 6, 13),
        seen=date(2023, 11, 5),
        basis="list price",
        source="OpenAI list: gpt-3.5-turbo-16k; LiteLLM 2025-08-31",
    ),
    "openai_gpt_35_turbo_2023_11": InferenceOffer(
        1.0,
        None,
        2.0,
        since=date(2023, 11, 6),
        seen=date(2024, 1, 24),
        basis="list price",
        source="OpenAI DevDay post, 2023-11-06: gpt-3.5-turbo-1106; LiteLLM 2025-08-31",
    ),
    "openai_gpt_35_turbo_2024_01": InferenceOffer(
        0.5,
        None,
        1.5,
        batch="openai",
        since=date(2024, 1, 25),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: gpt-3.5-turbo-0125; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_ft_gpt_35_turbo_2023_08": InferenceOffer(
        12.0,
        None,
        16.0,
        since=date(2023, 8, 22),
        seen=date(2023, 11, 5),
        basis="list price",
        source="OpenAI blog, 2023-08-22: fine-tuned gpt-3.5-turbo, 0.012 and 0.016 USD per 1K input and output tokens",
    ),
    "openai_ft_gpt_35_turbo_2023_11": InferenceOffer(
        3.0,
        None,
        6.0,
        batch="openai",
        since=date(2023, 11, 6),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI DevDay post, 2023-11-06: fine-tuned gpt-3.5-turbo; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_gpt_4_8k_2023_03": InferenceOffer(
        30.0,
        None,
        60.0,
        batch="openai",
        since=date(2023, 3, 14),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI DevDay, 2023-11-06 for gpt-4, 8k context; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_gpt_4_turbo_2023_11": InferenceOffer(
        10.0,
        None,
        30.0,
        batch="openai",
        since=date(2023, 11, 6),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI DevDay post, 2023-11-06: gpt-4-1106-preview; genai-prices 2026-08-21",
    ),
    "openai_4o_mini_2024_07": InferenceOffer(
        0.15,
        0.075,
        0.6,
        batch="openai",
        since=date(2024, 7, 18),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: gpt-4o-mini; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_ft_4o_mini_2024_07": InferenceOffer(
        0.3,
        None,
        1.2,
        batch="openai",
        since=date(2024, 7, 23),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: fine-tuned gpt-4o-mini-2024-07-18; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_ft_4o_2024_08": InferenceOffer(
        3.75,
        None,
        15.0,
        since=date(2024, 8, 20),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: fine-tuned gpt-4o-2024-08-06; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_41_mini_2025_04": InferenceOffer(
        0.4,
        0.1,
        1.6,
        batch="openai",
        since=date(2025, 4, 14),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: gpt-4.1-mini; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_41_nano_2025_04": InferenceOffer(
        0.1,
        0.025,
        0.4,
        batch="openai",
        since=date(2025, 4, 14),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: gpt-4.1-nano; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_4o_2024_08": InferenceOffer(
        2.5,
        1.25,
        10.0,
        batch="openai",
        since=date(2024, 8, 6),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: gpt-4o-2024-08-06; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "openai_5_mini_2025_08": InferenceOffer(
        0.25,
        0.025,
        2.0,
        batch="openai",
        since=date(2025, 8, 7),
        seen=date(2026, 8, 21),
        basis="list price",
        source="OpenAI list: gpt-5-mini-2025-08-07; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "anthropic_haiku_45": InferenceOffer(
        1.0,
        0.1,
        5.0,
        batch="anthropic",
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Anthropic list: claude-haiku-4-5; genai-prices 2026-08-21",
    ),
    "anthropic_sonnet_45": InferenceOffer(
        3.0,
        0.3,
        15.0,
        batch="anthropic",
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Anthropic list: claude-sonnet-4-5; genai-prices 2026-08-21",
    ),
    "groq_llama_31_8b": InferenceOffer(
        0.05,
        None,
        0.08,
        since=date(2025, 8, 31),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Groq list: llama-3.1-8b-instant; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "together_llama_31_8b": InferenceOffer(
        0.18,
        None,
        0.18,
        batch="together",
        since=date(2025, 8, 31),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Together list: Meta-Llama-3.1-8B-Instruct-Turbo; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "together_llama_31_70b": InferenceOffer(
        0.88,
        None,
        0.88,
        batch="together",
        since=date(2025, 8, 31),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Together list: Meta-Llama-3.1-70B-Instruct-Turbo; LiteLLM 2025-08-31; genai-prices 2026-08-21",
    ),
    "bedrock_llama_31_8b": InferenceOffer(
        0.22,
        None,
        0.22,
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="AWS Bedrock list: Llama 3.1 8B Instruct; genai-prices 2026-08-21",
    ),
    "bedrock_llama_31_70b": InferenceOffer(
        0.72,
        None,
        0.72,
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="AWS Bedrock list: Llama 3.1 70B Instruct; genai-prices 2026-08-21",
    ),
    "together_llama_2_70b": InferenceOffer(
        0.9,
        None,
        0.9,
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Together list: Llama-2-70b-chat; genai-prices 2026-08-21",
    ),
    "together_mixtral_8x7b": InferenceOffer(
        0.9,
        None,
        0.9,
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Together list: Mixtral-8x7B-Instruct-v0.1; genai-prices 2026-08-21",
    ),
    "nscale_qwen3_8b": InferenceOffer(
        0.07,
        None,
        0.18,
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="nscale list: Qwen3-8B; genai-prices 2026-08-21",
    ),
    "groq_qwen3_32b": InferenceOffer(
        0.29,
        None,
        0.59,
        since=date(2026, 8, 21),
        seen=date(2026, 8, 21),
        basis="list price, second-hand",
        source="Groq list: Qwen3-32B; genai-prices 2026-08-21",
    ),
}
