"""Dated facts with their sources: instances, prices, offers. No models and no arithmetic."""

from sim.catalog.instances import INSTANCES, Instance
from sim.catalog.prices import API_OFFERS, NODE_PRICES, ApiOffer, NodePrice, node_price

__all__ = ["API_OFFERS", "INSTANCES", "NODE_PRICES", "ApiOffer", "Instance", "NodePrice", "node_price"]
