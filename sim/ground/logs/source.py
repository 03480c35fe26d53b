"""Bytes of a file, plain or gzipped, a block at a time: never more in memory than a block. Not here: what they say."""

import csv
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.ground.faults import InputError

BLOCK_BYTES = 4 << 20
_GZIP, _BYTE_ORDER_MARK = b"\x1f\x8b", b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Limits:
    """What a file may ask of the memory and of the clock.

    Attributes
    ----------
    line_bytes : int
        The longest row: more is no row of a log but a bomb, a binary file or a quote that is never closed.
    ratio : int
        How many times its size a file may unpack to, once it is past ``free_bytes``; gzip reaches 1,032, logs 3 to 30.
    free_bytes : int
        What any file may unpack to.
    """

    line_bytes: int = 16 << 20
    ratio: int = 100
    free_bytes: int = 256 << 20


def readable_size(file: Path) -> int:
    """Give the size of a regular file; refuse anything else, which might never end or never begin."""
    found = os.stat(file)
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, a pipe or the like"
        raise InputError.one(f"{file}", f"must be a regular file, got {kind}")
    return found.st_size


def version(file: Path) -> tuple[int, ...]:
    """Tell which contents a file has, as far as its folder knows: another file, size or time is another version."""
    with readable(file):
        found = os.stat(file)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Say in one line why a file cannot be read."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise InputError.one(str(file), f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except UnicodeDecodeError as error:
        raise InputError.one(str(file), f"is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except csv.Error as error:
        raise InputError.one(str(file), f"is not a CSV file: {error}") from None


class Source:
    """A file of text that is read from its beginning to its end through one buffer.

    Attributes
    ----------
    data : uint8[size]
        The buffer; what is read and not yet used lies from ``start`` to ``end``.
    final : bool
        Whether the file ends where the buffer does.
    unpacked : int
        Bytes of text read so far.
    """

    def __init__(self, file: Path, limits: Limits) -> None:
        self.file, self.limits, self.size = file, limits, readable_size(file)
        self._raw = file.open("rb")
        self._text: io.BufferedReader = self._raw
        self.data: npt.NDArray[np.uint8] = np.zeros(BLOCK_BYTES, np.uint8)
        self.start = self.end = self.unpacked = 0
        self.final = False
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Find out whether the file is gzipped, and read its first block."""
        begun = self._raw.read(2)
        self._raw.seek(0)
        self.packed = begun == _GZIP
        if self.packed:
            self._text = io.BufferedReader(gzip.GzipFile(fileobj=self._raw))
        elif begun and self.file.suffix == ".gz":
            raise InputError.one(f"{self.file}", "cannot be read: it is named .gz, but is not gzipped")
        self.fill()
        if self.peek(3) == _BYTE_ORDER_MARK:
            self.start += 3

    def close(self) -> None:
        """Let the file go."""
        self._text.close()
        self._raw.close()

    def peek(self, count: int) -> bytes:
        """Look at the next bytes."""
        return self.data[self.start : min(self.end, self.start + count)].tobytes()

    def fill(self, line: int = 1) -> None:
        """Read on behind what is not yet used; a row that fills the whole buffer gets a larger one, up to a limit."""
        kept = self.end - self.start
        if kept > self.limits.line_bytes:
            most = self.limits.line_bytes / (1 << 20)
            raise InputError.one(
                f"{self.file}:{line}", f"is longer than {most:g} MiB; this is no row of a log (an open quote?)"
            )
        larger = np.zeros(2 * len(self.data), np.uint8) if kept == len(self.data) else self.data
        larger[:kept] = self.data[self.start : self.end]
        self.data, self.start, self.end = larger, 0, kept
        while self.end < len(self.data) and not self.final:
            read = self._text.readinto(self.data[self.end :].data)
            self.end, self.unpacked, self.final = self.end + read, self.unpacked + read, read == 0
        most_bytes = max(self.limits.free_bytes, self.limits.ratio * self.size)
        if self.packed and self.unpacked > most_bytes:
            text = f"unpacks to more than {self.limits.ratio} times its size, {self.unpacked / 2**20:,.0f} MiB so far"
            raise InputError.one(f"{self.file}", f"{text}; this is no log (unpack it, if it is)")

    def lines(self) -> Iterator[tuple[bytes, int]]:
        """Give whole lines, some thousands at a time, each lot with the number of its first line."""
        line = 1
        while self.end > self.start or not self.final:
            block = self.data[self.start : self.end].tobytes()
            cut = len(block) if self.final else block.rfind(b"\n") + 1
            if cut:
                lot = block[:cut]
                yield lot, line
                line += lot.count(b"\n")
                self.start += cut
            if not self.final:
                self.fill(line)


def text_lines(file: Path, limits: Limits | None = None) -> Iterator[str]:
    """Give the lines of a plain or gzipped file as text, whatever ends them."""
    source = Source(file, limits or Limits())
    try:
        for lot, _ in source.lines():
            yield from io.StringIO(lot.decode(), newline="")
    finally:
        source.close()
