"""Work for the tests of the cluster: it must lie in a module that the workers can import."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from sim.ground.faults import InputError


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of work that takes so many seconds, does as its name's first word says, and gives its key."""

    name: str
    effort: float = 0.001
    place: str = ""  # a file that tells that it was begun

    @property
    def key(self) -> str:
        return f"key of {self.name}"


def done(piece: Piece) -> bytes:
    manner, begun = piece.name.partition(" ")[0], piece.place and Path(piece.place).exists()
    if piece.place:
        with open(piece.place, "a", encoding="utf-8") as file:
            file.write(f"{piece.name}\n")
    if manner == "deadly" or (manner == "unlucky" and not begun):
        os.kill(os.getpid(), signal.SIGKILL)
    if manner == "wrong":
        raise ValueError("nothing\nto be done")
    if manner == "refused":
        raise InputError.one("here", "is not to be")
    time.sleep(piece.effort)
    return piece.key.encode()
