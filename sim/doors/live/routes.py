"""What each address of the live page gives. Fixed addresses only: nothing of a request ever becomes a path."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode

from sim.doors.live.desk import Desk, SupersededError
from sim.doors.live.shelf import Shelf
from sim.doors.live.state import number
from sim.ground.faults import Fault, FleetError, InputError, nearest

if TYPE_CHECKING:
    from sim.ground.scenario import Scenario

MOST_PATHS: Final = 10_000
"""A question for more is no question of a page; the command line takes them."""

_DOWNLOADED_PATHS: Final = 200

_ASKED: Final = {"scenario", "curve", "class", "paths", "page", "n"}
"""What an address may say beside the values of levers."""

_SCRIPTS: Final = ("live", "chart", "numbers", "pictures", "server", "sliders", "state", "tools")
_SHOWN: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/live.css": ("live.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8") for name in _SCRIPTS},
}
_JSON: Final = "application/json"


class Ready(Protocol):
    """A scenario made ready by the engine."""

    def as_json(self) -> dict[str, Any]:
        """Tell the page its levers, plans and classes."""
        ...


class Engine(Protocol):
    """What answers: the room's own `sim.doors.live.engine`, or a stand-in of a test."""

    def look(self, scenario: "Scenario", text: str) -> Ready:
        """Make a scenario ready."""
        ...

    def answer(
        self,
        look: Any,
        values: Mapping[str, float],
        paths: int | None,
        superseded: Callable[[], bool],
        curve: str | None,
    ) -> dict[str, Any]:
        """Answer one position of the sliders."""
        ...

    def scenario(self, look: Any, values: Mapping[str, float]) -> str:
        """Write the scenario at one position of the sliders, as YAML."""
        ...

    def table(self, look: Any, values: Mapping[str, float], paths: int) -> str:
        """Write the whole result of one position of the sliders, as CSV."""
        ...

    def report(self, look: Any, values: Mapping[str, float], paths: int) -> str:
        """Write the report of one position of the sliders, as HTML."""
        ...


@dataclass(frozen=True)
class Reply:
    """What goes back: a status, its kind, the bytes, further headers."""

    status: int
    kind: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: Any) -> "Reply":
        """Send a value; what JSON cannot say (inf, nan) is a fault of ours and must not reach the page."""
        return cls(status, _JSON, json.dumps(value, allow_nan=False, separators=(",", ":")).encode())

    @classmethod
    def fault(cls, status: int, text: str, faults: list[Fault] | None = None) -> "Reply":
        """Send a refusal; the page shows it as text."""
        each = [{"where": fault.where, "text": fault.text} for fault in faults or []]
        return cls.json(status, {"error": {"text": text, "faults": each}})


@dataclass(frozen=True)
class Question:
    """What an address says: a scenario, values of levers, the lever of the curve, sample paths, who asks."""

    scenario: str
    values: dict[str, float]
    curve: str | None
    paths: int | None
    page: str
    number: int

    @classmethod
    def read(cls, query: str, own_numbers: Callable[[], int]) -> "Question":
        """Read the part of an address behind its question mark.

        Raises
        ------
        InputError
            When something is said twice, or is no number where one must be.
        """
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=200)
        except ValueError:
            raise InputError.one("address", "must be name=value, joined by &, at most 200 of them") from None
        said = dict(pairs)
        if len(said) < len(pairs):
            raise InputError.one("address", "says something twice; give each name once")
        values = {name: number(name, text) for name, text in said.items() if name not in _ASKED}
        return cls(
            said.get("scenario", ""),
            values,
            said.get("curve"),
            _whole("paths", said["paths"], 1, MOST_PATHS) if "paths" in said else None,
            said.get("page", "")[:64] or f"alone {own_numbers()}",
            _whole("n", said.get("n", "0"), 0, 2**53),
        )


def _whole(name: str, text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", text) or not low <= int(text) <= high:
        raise InputError.one(name, f"must be a whole number from {low} to {high}, got {text[:80]!r}")
    return int(text)


class Routes:
    """Answers requests by their path and query.

    Parameters
    ----------
    shelf : Shelf
        The scenarios.
    engine : Engine
        What computes.
    first : str
        The scenario that the page opens with where its address names none.
    """

    def __init__(self, shelf: Shelf[Ready], engine: Engine, first: str) -> None:
        self._shelf, self._engine, self._first = shelf, engine, first
        self._desk, self._downloads, self._alone = Desk(), Desk(1), count()
        folder = resources.files("sim.doors.live") / "page"
        self._files = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _SHOWN.items()}
        self._made: dict[str, Callable[[Question], Reply]] = {
            "/api/scenarios": self._scenarios,
            "/api/look": self._look,
            "/api/answer": self._answer,
            "/scenario.yaml": self._scenario,
            "/result.csv": self._table,
            "/report.html": self._report,
        }

    def reply(self, path: str, query: str) -> Reply:
        """Give what stands at an address; a refusal is a reply too."""
        if path in self._files:
            body, kind = self._files[path]
            return Reply(200, kind, body)
        if path not in self._made:
            return Reply.fault(404, f"nothing stands at {path[:80]!r}; {nearest(path[:80], ['/', *self._made])}")
        try:
            return self._made[path](Question.read(query, lambda: next(self._alone)))
        except SupersededError as superseded:
            return Reply.fault(409, str(superseded))
        except InputError as refused:
            return Reply.fault(400, str(refused), refused.faults)
        except FleetError as refused:
            return Reply.fault(422, str(refused))

    def warm(self) -> None:
        """Compute the first answer once, so that kernels are compiled before the page asks."""
        self.reply("/api/answer", urlencode({"scenario": self._first}))

    def _scenarios(self, _: Question) -> Reply:
        titles = [title.as_json() for title in self._shelf.titles()]
        return Reply.json(200, {"first": self._first, "scenarios": titles})

    def _look(self, question: Question) -> Reply:
        return Reply.json(200, self._shelf.find(question.scenario).as_json())

    def _answer(self, question: Question) -> Reply:
        def work(superseded: Callable[[], bool]) -> dict[str, Any]:
            look = self._shelf.find(question.scenario)
            return self._engine.answer(look, question.values, question.paths, superseded, question.curve)

        return Reply.json(200, self._desk.ask(question.page, question.number, work))

    def _scenario(self, question: Question) -> Reply:
        text = self._engine.scenario(self._shelf.find(question.scenario), question.values)
        return _download(text, "application/yaml; charset=utf-8", f"{question.scenario}.yaml")

    def _table(self, question: Question) -> Reply:
        return _download(
            self._worked(question, self._engine.table), "text/csv; charset=utf-8", f"{question.scenario}.csv"
        )

    def _report(self, question: Question) -> Reply:
        text = self._worked(question, self._engine.report)
        return _download(text, "text/html; charset=utf-8", f"{question.scenario}.html")

    def _worked(self, question: Question, write: Callable[[Any, Mapping[str, float], int], str]) -> str:
        """Do the long work of a download, one at a time, beside the answers."""
        look = self._shelf.find(question.scenario)
        paths = _DOWNLOADED_PATHS if question.paths is None else question.paths
        return self._downloads.ask(
            f"{write} {question.page}", question.number, lambda _: write(look, question.values, paths)
        )


def _download(text: str, kind: str, name: str) -> Reply:
    """Send a file to be kept: as an attachment, so that no browser shows it as a page of this server."""
    return Reply(200, kind, text.encode(), {"Content-Disposition": f'attachment; filename="{name}"'})
