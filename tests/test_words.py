"""One voice: every help text is a sentence, and no letters stand in it that the glossary does not tell."""

import re

import pytest
import typer
from refusals import ROOT

from sim.doors.cli import app
from sim.engine.money import LINES
from sim.questions.decision.cash import PARTS

PLAIN = {"API", "CSV", "FILE", "GPU", "GPUS", "HTML", "JSON", "LOG", "NAME", "PLAN", "SIMPY", "USD", "YAML"}
"""Letters that need no telling, and names of arguments."""


def texts(command=None, before=()):
    """Every text of help: of verbs, of their options and arguments."""
    command = command or typer.main.get_command(app)
    if before:
        yield " ".join(before), command.help or ""
    for each in command.params:
        if text := getattr(each, "help", None):
            yield " ".join((*before, *each.opts)), text
    for verb, found in getattr(command, "commands", {}).items():
        yield from texts(found, (*before, verb))


HELP = sorted({text: where for where, text in texts()}.items(), key=lambda pair: pair[1])


def told():
    """The words that the glossary tells, and its letters."""
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "words.md").read_text(), flags=re.MULTILINE)
    return {part for row in rows for part in re.split(r"[^\w-]+", row)}


def unknown(text):
    """Letters of a text that the glossary does not tell."""
    found = re.findall(r"(?<![-$\w={])[A-Z]{3,}(?![\w=])", text)
    return {each for each in found if each not in PLAIN | told()}


@pytest.mark.parametrize(("text", "where"), HELP, ids=[where for _, where in HELP])
def test_help_is_a_sentence_without_words_untold(text, where):
    assert re.match(r"[A-Z0-9`]|[a-z]+(,| or | \()", text), text  # or a list of what may be given
    assert re.search(r"[.:]$|[\d}=]$|\.\.\.$", text), text
    assert not unknown(text)


def test_letters_that_nobody_tells_are_found():
    assert unknown("by the QBD method") == {"QBD"}
    assert not unknown("judged by MSER-5, the IDC and USD")


@pytest.mark.parametrize("line", sorted({*LINES, *PARTS}))
def test_lines_of_a_bill_are_told(line):
    assert f"`{line}`" in (ROOT / "docs" / "costs.md").read_text()
