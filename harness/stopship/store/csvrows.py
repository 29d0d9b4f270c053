"""Rows out of CSV and TSV: every cell is text, every row as wide as the header.

Decides what a cell is. Never turns text into numbers and never pads or drops a field.
"""

import csv
from collections.abc import Iterator
from typing import BinaryIO

from stopship.errors import EvidenceError
from stopship.model.case import Json, is_blank
from stopship.store.shown import at, quoted
from stopship.store.textfile import FETCH_AGAIN, lines

MAX_FIELD = 64 * 2**20  # characters; far above any honest cell, far below what exhausts memory

Records = Iterator[tuple[int, list[str]]]  # the line a record begins on, and its fields


def csv_rows(stream: BinaryIO, name: str, delimiter: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """One row for each record after the header; blank lines between records are passed over."""
    records = _records(stream, name, delimiter)
    first = next(records, None)
    if first is None:
        return
    line, header = first
    _check_header(header, at(name, f"line {line}"))
    width = len(header)
    number = 0
    for number, (line, fields) in enumerate(records, 1):
        place = f"line {line}"
        if len(fields) != width:
            raise _odd_width(number, len(fields), width, delimiter, at(name, place))
        yield place, dict(zip(header, fields))
    if not number:
        raise EvidenceError("there is a header but no row below it", where=name, do=FETCH_AGAIN)


def _records(stream: BinaryIO, name: str, delimiter: str) -> Records:
    # The limit belongs to the whole process and the default (131 072) is below honest outputs. It is not
    # set back: another reader may be in the middle of its file.
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(_checked_lines(stream, name), delimiter=delimiter, strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as err:
            raise _broken(str(err), at(name, f"line {begin}"), reader.line_num) from err
        if fields is None:
            return
        if fields:  # a blank line is a record without fields
            yield begin, fields


def _checked_lines(stream: BinaryIO, name: str) -> Iterator[str]:
    for number, line in lines(stream, name):
        if "\0" in line:
            raise EvidenceError(
                f"a NUL character stands at character {line.index(chr(0)) + 1}, expected text",
                where=at(name, f"line {number}"),
                do="the file is damaged or is not CSV: export it again",
            )
        yield line


def _check_header(header: list[str], where: str) -> None:
    for number, column in enumerate(header, 1):
        if is_blank(column):
            raise EvidenceError(
                f"column {number} of {len(header)} has no name",
                where=where,
                do="name every column in the first line, or remove the empty one",
            )
        if column in header[: number - 1]:
            raise EvidenceError(
                f"columns {header.index(column) + 1} and {number} are both named {quoted(column)}",
                where=where,
                do="rename one of them",
            )


def _odd_width(number: int, found: int, expected: int, delimiter: str, where: str) -> EvidenceError:
    fields = "1 field" if found == 1 else f"{found} fields"
    if found > expected:
        comma = "tab" if delimiter == "\t" else "comma"
        do = f'put fields that hold a {comma} in double quotes: "one{delimiter} two"'
        do = do.replace("\t", "<tab>")
    else:
        do = f"was the row cut off? An empty field is still written; else {FETCH_AGAIN}"
    return EvidenceError(
        f"row {number} has {fields}, expected {expected} as in the header", where=where, do=do
    )


def _broken(reason: str, where: str, last_line: int) -> EvidenceError:
    """The csv module's complaint in our words; its own differ between versions of Python."""
    if "unexpected end of data" in reason:
        what = f"a double quote is opened in this record and never closed (the file ends at line {last_line})"
        return EvidenceError(what, where=where, do=f"close it, or {FETCH_AGAIN}: it may be cut off")
    if "field larger" in reason:
        what = f"a field of more than {MAX_FIELD // 2**20} MiB begins in this record"
        return EvidenceError(
            what, where=where, do='is a double quote left open? Write one inside a field as ""'
        )
    if "new-line" in reason:
        what = "a carriage return stands inside the line, outside quotes"
        return EvidenceError(what, where=where, do="save the file with \\n or \\r\\n line ends")
    what = "text follows a closing double quote, expected a delimiter or the end of the line"
    return EvidenceError(what, where=where, do='write a double quote inside a quoted field as ""')
