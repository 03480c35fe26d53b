"""Dated facts with their sources: accelerators, instances, models, servers, prices, offers."""

from sim.ground.catalog.accelerators import ACCELERATORS, Accelerator
from sim.ground.catalog.api_offers import API_OFFERS, INFERENCE_OFFERS, ApiOffer, InferenceOffer
from sim.ground.catalog.facts import BASES, STALE_DAYS, Fact
from sim.ground.catalog.instances import INSTANCES, Instance
from sim.ground.catalog.models import MODELS, Model
from sim.ground.catalog.node_prices import NODE_PRICES, node_price
from sim.ground.catalog.rates import NodePrice
from sim.ground.catalog.servers import LIFE_SOURCE, SERVERS, SITE_COSTS, Server, SiteCost
from sim.ground.catalog.tiers import BATCH_TIERS, UNIT_PRICES, BatchTier, UnitPrice, unit_price

__all__ = [
    "ACCELERATORS",
    "API_OFFERS",
    "BASES",
    "BATCH_TIERS",
    "INFERENCE_OFFERS",
    "INSTANCES",
    "LIFE_SOURCE",
    "MODELS",
    "NODE_PRICES",
    "SERVERS",
    "SITE_COSTS",
    "STALE_DAYS",
    "UNIT_PRICES",
    "Accelerator",
    "ApiOffer",
    "BatchTier",
    "Fact",
    "InferenceOffer",
    "Instance",
    "Model",
    "NodePrice",
    "Server",
    "SiteCost",
    "UnitPrice",
    "node_price",
    "unit_price",
]
