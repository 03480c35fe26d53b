"""The grammar of a CSV file, compiled: bytes become cells, and cells of the plainest form become numbers.

A cell of any other form is left to the rules of ``cells``, so what is accepted and what it means is settled there
alone. The grammar is that of Python's ``csv`` in strict mode: cells that begin with a quote end with one, two quotes
inside stand for one, rows end with LF, CRLF or CR, empty lines are no rows.
"""

import numpy as np
import numpy.typing as npt

from sim.ground.compiled import inlined, kernel
from sim.ground.units import Floats, Ticks

Bytes = npt.NDArray[np.uint8]
States = npt.NDArray[np.uint8]

NUMBER, INSTANT, TEXT = 0, 1, 2
"""Kinds of columns."""

UNREAD, READ, ZONED = 0, 1, 2
"""States of a cell: left to the slow rules, read, read with an offset from UTC."""

ROWS, POSITION, LINE, FAULT = 0, 1, 2, 3
"""What ``scan`` tells: rows found, where the next one begins, its line, and what is wrong with it."""

NO_FAULT, OPEN_QUOTE, AFTER_QUOTE = 0, 1, 2

_COMMA, _QUOTE, _LF, _CR, _POINT = 44, 34, 10, 13, 46
_EXACT = 2**53
_HASH_BASE, _HASH_RANGE = 257, 2**52 - 47
_TENS = 10.0 ** np.arange(19)
_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])


@inlined
def _digits(data: Bytes, begin: int, count: int) -> int:
    """Read so many digits as a whole number; -1 if one of them is none."""
    value = 0
    for at in range(begin, begin + count):
        digit = int(data[at]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = 10 * value + digit
    return value


@inlined
def _number(data: Bytes, begin: int, end: int) -> float:
    """Read digits, perhaps with a point among or behind them, exactly as ``float`` would; -1.0 for any other form."""
    mantissa, behind, point = 0, 0, False
    if begin == end or end - begin > 19 or int(data[begin]) == _POINT:
        return -1.0
    for at in range(begin, end):
        byte = int(data[at])
        if byte == _POINT and not point:
            point = True
        elif 48 <= byte <= 57:
            mantissa = 10 * mantissa + byte - 48
            behind += point
        else:
            return -1.0
    if mantissa >= _EXACT:
        return -1.0
    return float(mantissa / _TENS[behind])  # both exact, so the quotient is the nearest number


@inlined
def _fraction(data: Bytes, begin: int, end: int) -> int:
    """Read digits as millionths of a second; finer ones are cut off. -1 if one of them is none."""
    if begin == end:
        return -1
    micro = 0
    for at in range(begin, max(end, begin + 6)):
        digit = int(data[at]) - 48 if at < end else 0
        if digit < 0 or digit > 9:
            return -1
        if at < begin + 6:
            micro = 10 * micro + digit
    return micro


@inlined
def _day(data: Bytes, begin: int) -> int:
    """Read YYYY-MM-DD as days since 1970; -1 for any other form."""
    if int(data[begin + 4]) != 45 or int(data[begin + 7]) != 45:
        return -1
    year, month, day = _digits(data, begin, 4), _digits(data, begin + 5, 2), _digits(data, begin + 8, 2)
    if year < 1970 or year > 2199 or month < 1 or month > 12 or day < 1:
        return -1
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    length = (29 if leap else 28) if month == 2 else (30 if month in (4, 6, 9, 11) else 31)
    if day > length:
        return -1
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 - 719162
    return days + int(_DAYS_BEFORE[month - 1]) + (1 if leap and month > 2 else 0) + day - 1


@inlined
def _clock(data: Bytes, begin: int) -> int:
    """Read HH:MM as seconds; -1 for any other form."""
    hour, minute = _digits(data, begin, 2), _digits(data, begin + 3, 2)
    if int(data[begin + 2]) != 58 or hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return -1
    return 3600 * hour + 60 * minute


@inlined
def _instant(data: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Read YYYY-MM-DD HH:MM:SS, perhaps with a fraction, Z or an offset, as microseconds since 1970, and its state."""
    if end - begin < 19 or (int(data[begin + 10]) != 32 and int(data[begin + 10]) != 84):
        return 0, UNREAD
    state, offset = READ, 0
    if int(data[end - 1]) == 90:
        state, end = ZONED, end - 1
    elif end - begin >= 25 and (int(data[end - 6]) == 43 or int(data[end - 6]) == 45):
        offset = _clock(data, end - 5)
        if offset < 0:
            return 0, UNREAD
        state, offset, end = ZONED, offset if int(data[end - 6]) == 43 else -offset, end - 6
    if end - begin < 19:
        return 0, UNREAD
    day, clock, second = _day(data, begin), _clock(data, begin + 11), _digits(data, begin + 17, 2)
    if day < 0 or clock < 0 or int(data[begin + 16]) != 58 or second < 0 or second > 59:
        return 0, UNREAD
    micro = 0
    if end - begin > 19:
        micro = _fraction(data, begin + 20, end) if int(data[begin + 19]) == _POINT else -1
        if micro < 0:
            return 0, UNREAD
    return (86400 * day + clock + second - offset) * 1_000_000 + micro, state


@inlined
def _hash(data: Bytes, begin: int, end: int) -> int:
    """Make a number below 2^52 out of a text, by which equal texts are found."""
    value = 1
    for at in range(begin, end):
        value = (value * _HASH_BASE + int(data[at])) % _HASH_RANGE
    return value


@inlined
def _read(data: Bytes, begin: int, end: int, kind: int) -> tuple[float, int]:
    """Read a cell of the plainest form: its value and its state."""
    if kind == INSTANT:
        since, state = _instant(data, begin, end)
        return float(since), state
    if kind == TEXT:
        return float(_hash(data, begin, end)), READ
    value = _number(data, begin, end)
    return value, READ if value >= 0 else UNREAD


@kernel
def scan(
    data: Bytes,
    start: int,
    end: int,
    final: bool,
    slot_of: Ticks,
    kinds: Ticks,
    values: Floats,
    states: States,
    begins: Ticks,
    ends: Ticks,
    fields: Ticks,
    lines: Ticks,
    told: Ticks,
) -> None:
    """Find the rows of a CSV file in a block of its bytes, and read the wanted cells.

    Parameters
    ----------
    data : uint8[size]
        The block; a row begins at ``start``, nothing is read from ``end`` on.
    final : bool
        The file ends where the block does. Otherwise a row that may go on is left to the next call.
    slot_of : int64[columns]
        Number of each column among the wanted ones, -1 if it is not wanted.
    kinds : int64[wanted]
        How each wanted column is read.
    values, states, begins, ends : float64, uint8, int64, int64 [wanted, most rows]
        Filled with the cells: value, state, and where their text lies, quotes and all.
    fields, lines : int64[most rows]
        Filled with how many fields each row has, and the line on which it ends.
    told : int64[4]
        Rows found, where the next one begins, its line (which is that of ``start`` when handed in), what is
        wrong: with the first row of the next call, if any is found in this one.
    """
    row, at, line, fault = 0, start, told[LINE], NO_FAULT
    while row < len(lines) and at < end and fault == NO_FAULT:
        row_at, row_line, field, whole, more = at, line, 0, True, True
        while more:
            begin = at
            if at < end and int(data[at]) == _QUOTE:
                at += 1
                closed = False
                while at < end and not closed:
                    byte = int(data[at])
                    following = int(data[at + 1]) if at + 1 < end else -1
                    if byte == _QUOTE:
                        if following == _QUOTE:
                            at += 1
                        elif following >= 0 or final:
                            closed = True
                    elif byte == _LF or (byte == _CR and following != _LF):
                        line += 1
                    at += 1
                if not closed:
                    whole = False
                    fault = OPEN_QUOTE if final else fault
                    break
                if at < end and int(data[at]) not in (_COMMA, _LF, _CR):
                    whole, fault = False, AFTER_QUOTE
                    break
                inner, outer = begin + 1, at - 1
            else:
                while at < end and int(data[at]) not in (_COMMA, _LF, _CR):
                    at += 1
                inner, outer = begin, at
            if at >= end and not final:
                whole = False
                break
            if field < len(slot_of) and slot_of[field] >= 0:
                slot = slot_of[field]
                begins[slot, row], ends[slot, row] = begin, at
                values[slot, row], states[slot, row] = _read(data, inner, outer, kinds[slot])
            field += 1
            more = at < end and int(data[at]) == _COMMA
            at += more
        if not whole:
            at = row_at
            line = line if fault == AFTER_QUOTE and row == 0 else row_line
            break
        blank = field == 1 and outer == begin
        if not blank:
            fields[row], lines[row] = field, line
        if at < end:
            carriage = int(data[at]) == _CR
            if carriage and at + 1 >= end and not final:
                at, line = row_at, row_line
                break
            at += 2 if carriage and at + 1 < end and int(data[at + 1]) == _LF else 1
            line += 1
        row += not blank
    told[ROWS], told[POSITION], told[LINE], told[FAULT] = row, at, line, fault
