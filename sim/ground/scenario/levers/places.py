"""What gives way to a price that is put at a key: the rate or the offer which named it. Not here: levers."""

from collections.abc import Mapping
from typing import Any

from sim.ground.scenario.levers.api_prices import training_settings
from sim.ground.scenario.levers.lever import Settings
from sim.ground.scenario.levers.node_prices import node_settings
from sim.ground.scenario.model import Scenario


def in_place(scenario: Scenario, settings: Mapping[str, Any]) -> Settings:
    """Let prices that are put at keys take the place of those of the price book, as levers do.

    What the name of a rate or an offer said besides (a term, spot, the pace of an API) stays.

    Parameters
    ----------
    scenario : Scenario
        What is varied.
    settings : mapping of str to any
        Dotted keys and values.

    Returns
    -------
    dict
        The same, and what goes with them; what they put at a key themselves is kept.
    """
    beside: Settings = {}
    for key, value in settings.items():
        match key.split("."):
            case ["plans", plan, "held" | "hired" as way, name, "usd_per_node_h"] if plan in scenario.plans:
                group = getattr(scenario.plans[plan], way).get(name)
                if group is not None and group.rate is not None:
                    beside |= node_settings(value, [(plan, (way, name, group))])
            case ["plans", plan, "api", "usd_per_million_tokens"] if plan in scenario.plans:
                api = scenario.plans[plan].api
                if api is not None and api.offer is not None:
                    beside |= training_settings(value, [(plan, api)], "usd_per_million_tokens")
    return beside | dict(settings)
