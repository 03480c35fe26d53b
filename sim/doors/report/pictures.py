"""Figures as parts of a page: inline SVG without styles, links or ids that clash. Not here: drawing (``charts``)."""

import re
from dataclasses import dataclass, replace
from typing import Final

from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.text import Text

from sim.doors.report.cells import Table
from sim.questions.charts.files import svg
from sim.questions.charts.sheet import PARTS

_POINTS, _EDGE = 72.0, 6.0
"""Points of an inch; left free around the panels."""
_TAG, _STYLE = re.compile(r"<[^<>]+>"), re.compile(r'\sstyle="([^"]*)"')
_ID, _USED = re.compile(r'\sid="([^"]*)"'), re.compile(r'(?:url\(#|href="#)([^")]+)')
_FONT: Final = re.compile(r"(?:(?:italic|oblique) )?(?:(?P<weight>bold|\d{3}) )?(?P<size>[\d.]+px) .+")
"""The shorthand in which older versions of matplotlib write fonts."""
_OPENED: Final = Markup(
    '<svg viewBox="{view}" role="img" aria-labelledby="{name}-title" aria-describedby="{name}-desc">'
    '<title id="{name}-title">{title}</title><desc id="{name}-desc">{desc}</desc>'
)


@dataclass(frozen=True)
class Picture:
    """A figure of a report with all that is said about it.

    Attributes
    ----------
    name : str
        A slug, unique on the page: it begins every id inside.
    heading : str
        What is shown.
    finding, reading, source : str
        What it says, computed from the results; how to read it; where its numbers come from.
    drawing : Markup
        The SVG.
    tables : tuple of Table
        The same in numbers, for whoever cannot see it.
    """

    name: str
    heading: str
    finding: str
    reading: str
    source: str
    drawing: Markup
    tables: tuple[Table, ...]


def picture(name: str, heading: str, figure: Figure, *tables: Table) -> Picture:
    """Take a figure of ``charts`` apart: its texts for the page, its panels as inline SVG."""
    texts = {part: _part(figure, part) for part in PARTS}
    finding, reading, source = (_joined(texts[part]) for part in PARTS)
    for text in texts.values():
        text.set_visible(False)
    drawn, box = svg(figure), _panels(figure)
    for text in texts.values():
        text.set_visible(True)
    named = tuple(replace(each, name=f"{name}-{each.name}") for each in tables)  # the page may show it elsewhere too
    return Picture(name, heading, finding, reading, source, inline(drawn, name, finding, reading, box), named)


def _part(figure: Figure, part: str) -> Text:
    """Find a text of a sheet by its name."""
    return next(text for text in figure.texts if text.get_gid() == part)


def _joined(text: Text) -> str:
    return " ".join(text.get_text().split())


def _panels(figure: Figure) -> tuple[float, float, float, float]:
    """Find the part of a sheet that its panels take, in points from the top left: its whole width, or more."""
    box = figure.get_tightbbox()
    width, height = (inches * _POINTS for inches in figure.get_size_inches())
    top, bottom = height - box.y1 * _POINTS - _EDGE, height - box.y0 * _POINTS + _EDGE
    left, right = min(0.0, box.x0 * _POINTS - _EDGE), max(width, box.x1 * _POINTS + _EDGE)
    return left, top, right - left, bottom - top


def inline(drawn: str, name: str, title: str, description: str, box: tuple[float, float, float, float]) -> Markup:
    """Make an SVG of matplotlib a part of a page.

    Parameters
    ----------
    drawn : str
        The file, as matplotlib writes it: what people wrote is escaped in it.
    name : str
        Begins every id, so that several figures live on one page.
    title, description : str
        Said to whoever cannot see it.
    box : (float, float, float, float)
        What is shown of it: left, top, width, height.

    Returns
    -------
    Markup
        Styles are attributes, so that a page can forbid inline styles; nothing refers to another place.
    """
    body = drawn[drawn.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", body[body.index(">") + 1 :]))
    body = body[: body.rindex("</svg>")]
    used = set(_USED.findall("".join(_TAG.findall(body))))
    body = _TAG.sub(lambda tag: _tidied(tag[0], name, used), body)
    view = " ".join(f"{each:.6g}" for each in box)
    opened = _OPENED.format(view=view, name=name, title=title, desc=description)
    return Markup(f"{opened}{_without_empty(body)}</svg>")  # noqa: S704 - matplotlib escapes what people wrote


def _without_empty(body: str) -> str:
    """Drop groups that say and draw nothing."""
    while (shorter := re.sub(r"<(g|defs)></\1>", "", body)) != body:
        body = shorter
    return body


def _tidied(tag: str, name: str, used: set[str]) -> str:
    """Write one tag anew: ids that are referred to begin with a name, others go; styles become attributes."""
    if tag.startswith("</"):
        return tag
    tag = _ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", tag)
    tag = _STYLE.sub(lambda found: "".join(map(_attribute, found[1].split(";"))), tag)
    return re.sub(r"(url\(#)", rf"\1{name}-", re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', tag))


def _attribute(declared: str) -> str:
    """Write a declaration of a style as an attribute; the page's style sheet names the fonts."""
    key, _, value = (part.strip() for part in declared.partition(":"))
    if key == "font":
        found = _FONT.match(value)
        size, weight = (found["size"], found["weight"]) if found else ("", None)
        return f' font-size="{escape(size)}"' + (f' font-weight="{escape(weight)}"' if weight else "")
    return "" if key in ("", "font-family") else f' {key}="{value}"'
