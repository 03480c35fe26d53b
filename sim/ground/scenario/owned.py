"""What an hour of a node costs that is owned: capital by the straight line, power, space, upkeep.

Not here: interest on the capital, taxes and leases. So an owned hour is too cheap by what the money would have earned.
"""

from typing import Literal

from sim.ground.catalog import LIFE_SOURCE, SITE_COSTS, Server, SiteCost
from sim.ground.scenario.inputs import Input, stated
from sim.ground.scenario.laws import Part
from sim.ground.scenario.quantity import NonNegative, Positive, Pue, Share, Text
from sim.ground.units import HOURS_PER_YEAR

MONTHS_PER_YEAR = 12

_Key = Literal[
    "usd",
    "life_years",
    "resale_share",
    "power_kw",
    "load_share",
    "usd_per_kwh",
    "pue",
    "space_usd_per_kw_month",
    "maintenance_share_per_year",
]
_UNITS: dict[_Key, str] = {
    "usd": "USD per node",
    "life_years": "years",
    "resale_share": "of the price",
    "power_kw": "kW per node at most",
    "load_share": "of that on average",
    "usd_per_kwh": "USD per kWh",
    "pue": "kW drawn per kW of servers",
    "space_usd_per_kw_month": "USD per kW and month",
    "maintenance_share_per_year": "of the price a year",
}
_FULL = "servers are taken to draw their most, busy or idle"
_NONE = "none is stated"


class Owned(Part):
    """What owning a node costs. Where a key is left out the server's or the catalog's figure is taken, and listed.

    USD a node hour = (usd (1 - resale_share) / life_years + usd maintenance_share_per_year + 12 power_kw space) / 8760
    + power_kw load_share pue usd_per_kwh. Space is paid by the power that the server may draw.
    """

    usd: NonNegative | None = None
    """Price of a node, in USD; left out: that of the ``server``."""
    life_years: Positive | None = None
    """Years over which a node loses its value; left out: that of the ``server``."""
    resale_share: Share | None = None
    """Share of the price that it still brings at the end of its life, from 0 to 1; left out: 0."""
    power_kw: NonNegative | None = None
    """Most power that a node draws, in kW; left out: that of the ``server``."""
    load_share: Share | None = None
    """Share of that power drawn on average, from 0 to 1; left out: 1, busy or idle."""
    usd_per_kwh: NonNegative
    """Price of electricity, in USD per kWh."""
    pue: Pue | None = None
    """Power drawn by the hall per power drawn by servers; left out: 1.58, the industry's average of 2023."""
    space_usd_per_kw_month: NonNegative | None = None
    """Price of space, in USD a month per kW that a node may draw; left out: 184.06, the US average of 2024."""
    maintenance_share_per_year: Share | None = None
    """Upkeep a year, as a share of a node's price; left out: 0."""
    sources: dict[_Key, Text] | None = None
    """Who says what, by key; left out: what is stated is listed without a source."""

    def missing(self, server: Server | None) -> str | None:
        """Name what neither the scenario nor a server of the catalog tells."""
        needed = () if server is not None else ("usd", "life_years", "power_kw")
        return next((key for key in needed if getattr(self, key) is None), None)

    def inputs(self, what: str, server: Server | None) -> list[Input]:
        """List every figure that the price of a node hour is made of, each with its own source."""
        return [self._input(what, key, server) for key in _UNITS]

    def figures(self, server: Server | None) -> dict[str, float]:
        """Tell every figure by its key: as stated, else of the server, else of the catalog."""
        return {key: self._input("", key, server).value for key in _UNITS}

    def price(self, what: str, server: Server | None) -> Input:
        """Add up what a node hour costs."""
        part = self.figures(server)
        capital = part["usd"] * (1 - part["resale_share"]) / part["life_years"] / HOURS_PER_YEAR
        upkeep = part["usd"] * part["maintenance_share_per_year"] / HOURS_PER_YEAR
        space = part["space_usd_per_kw_month"] * part["power_kw"] * MONTHS_PER_YEAR / HOURS_PER_YEAR
        power = part["power_kw"] * part["load_share"] * part["pue"] * part["usd_per_kwh"]
        shares = {"capital": capital, "power": power, "space": space, "maintenance": upkeep}
        text = " + ".join(f"{name} {usd:.4g}" for name, usd in shares.items())
        source = f"{text}: straight line, without interest"
        return Input(f"{what} (owned)", sum(shares.values()), "USD per node hour", "computed", source)

    def _input(self, what: str, key: _Key, server: Server | None) -> Input:
        """Tell one figure: as stated, else of the server, else of the catalog."""
        label, unit, value = f"{what}: {key}", _UNITS[key], getattr(self, key)
        if value is not None:
            return stated(label, float(value), unit, (self.sources or {}).get(key))
        if server is not None and key == "usd":
            return Input(label, server.usd, unit, server.basis, server.source, server.since, server.seen)
        if server is not None and key in ("power_kw", "life_years"):
            power = key == "power_kw"
            source = server.power_source if power else LIFE_SOURCE
            number = server.power_kw if power else server.life_years
            return Input(label, number, unit, "datasheet" if power else "assumed", source)
        if key in _OF_SITES:
            site = _OF_SITES[key]
            return Input(label, site.value, unit, site.basis, site.source, site.since, site.seen)
        return (
            Input(label, 1.0, unit, "assumed", _FULL)
            if key == "load_share"
            else Input(label, 0.0, unit, "assumed", _NONE)
        )


_OF_SITES: dict[str, SiteCost] = {
    "pue": SITE_COSTS["pue_average"],
    "space_usd_per_kw_month": SITE_COSTS["colocation_us"],
}
