"""Dated facts with their sources: accelerators, instances, models, prices, offers. No arithmetic but sums of facts."""

from sim.catalog.accelerators import ACCELERATORS, Accelerator
from sim.catalog.api_offers import API_OFFERS, INFERENCE_OFFERS, ApiOffer, InferenceOffer
from sim.catalog.instances import INSTANCES, Instance
from sim.catalog.models import MODELS, Model
from sim.catalog.node_prices import NODE_PRICES, NodePrice, node_price

__all__ = [
    "ACCELERATORS",
    "API_OFFERS",
    "INFERENCE_OFFERS",
    "INSTANCES",
    "MODELS",
    "NODE_PRICES",
    "Accelerator",
    "ApiOffer",
    "InferenceOffer",
    "Instance",
    "Model",
    "NodePrice",
    "node_price",
]
