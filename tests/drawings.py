"""What tests of charts share: a short world, and what stands on a figure."""

import numpy as np
from worlds import ARTICLE

from sim.ground.estimate import Estimate
from sim.ground.scenario import build
from sim.ground.scenario.tree import Tree, read_text

NODE = {"instance": "p4d.24xlarge", "rate": "reserved_1y"}
OFFER = {"offer": "openai_2023_08"}
STAFF = {"engineers": 1, "usd_per_year": 200_000}


def world(**changes):
    text = ARTICLE.replace("tokens_millions: 1", "tokens_millions: {law: lognormal, mean: 1, cv: 0.5}")
    values = read_text(text, "x").values
    values["plans"]["on_demand"]["staff"] = STAFF
    return build(Tree({**values, "horizon_days": 60, **changes}, file="x"))


def line(axes, label):
    found = [each for each in axes.lines if each.get_label() == label]
    assert len(found) == 1, label
    return np.asarray(found[0].get_xdata(), float), np.asarray(found[0].get_ydata(), float)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text")) if text.get_text()]


def title(figure):
    return figure.texts[0].get_text().replace("\n", " ")


ROWS = [
    ("slow, $_8_ GPUs$", 84.10, Estimate(168.0, 160.0, 176.0, 4.0, 40), "assumed"),
    ("fast", 3.34, Estimate(4.2), "measured"),
    ("fastest", 1.53, None, "list price"),
]
