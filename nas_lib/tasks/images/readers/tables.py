"""Tables as files: CSV, JSON lines and Parquet, read row by row, as often as is asked for."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final

from nas_lib.errors import DataError, MissingExtraError, one_line, plural

_LONGEST: Final = 2**28  # bytes of a line
_MOST_NAMED: Final = 3  # lines in a sentence
_BUFFER: Final = 2**20  # bytes of a Parquet file that are read at a time
_NUM_FIRST: Final = 100  # lines of JSON whose keys are the columns
_DELIMITERS: Final = (",", ";", "\t")

Row = tuple[int, tuple[Any, ...]]
"""Where it is in the file, from 1; and what is in the columns asked for."""


class Faults:
    """What is wrong with the lines of a table: how many of each kind, and which are the first."""

    def __init__(self, source: str, unit: str) -> None:
        """Take what is read, and what a row of it is called."""
        self._source, self._unit = source, unit
        self._places: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, what: str, place: str) -> None:
        """Note a line, `what` it is after its number, such as `without a label`."""
        self._counts[what] = self._counts.get(what, 0) + 1
        places = self._places.setdefault(what, [])
        if len(places) < _MOST_NAMED:
            places.append(place)

    def sentences(self) -> list[str]:
        """Return a part of a sentence on each kind."""
        found = []
        for what, places in self._places.items():
            more = self._counts[what] - len(places)
            named = ", ".join(places) + (f" and {more:,} more" if more else "")
            found.append(f"{plural(self._counts[what], self._unit)} {what}: {named}")
        return found

    def check(self, hint: str = "") -> None:
        """Refuse the table if anything was noted.

        Raises:
            DataError: It was.
        """
        if self._places:
            raise DataError(f"{self._source}: {'; '.join(self.sentences())}{hint}")


class Table(ABC):
    """A file with rows, each of which has the same columns.

    Attributes:
        path: The file.
        where: What it is called in errors.
        columns: Their names.
        unit: What a row is called.
    """

    unit: ClassVar[str] = "line"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = one_line(path)
        with self._readable():
            self.columns = self._columns()

    def rows(self, columns: Sequence[str], *, at_once: int = 8192) -> Iterator[Row]:
        """Yield what is in these columns of each row.

        Args:
            columns: Their names.
            at_once: How many rows may be in memory together.

        Raises:
            DataError: The file cannot be read, or rows are not as they should be; of those that
                cannot be told apart from the others, once all have been read.
        """
        with self._readable():
            yield from self._rows(columns, at_once)

    def label_names(self, column: str) -> Sequence[str]:
        """Return what whole numbers in a column stand for, if the file says so."""
        return ()

    @abstractmethod
    def _columns(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _rows(self, columns: Sequence[str], at_once: int) -> Iterator[Row]: ...

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            raise DataError(f"{self.where}: cannot be read: {one_line(err)}") from err


def open_table(path: Path) -> Table:
    """Return the table in a file, of the kind that its content is of.

    Raises:
        DataError: It is none, or cannot be read.
        MissingExtraError: What reads it is not installed.
    """
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as err:
        raise DataError(f"{one_line(path)}: cannot be read: {one_line(err)}") from err
    if head.startswith(b"PAR1"):
        return ParquetTable(path)
    is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if is_utf16 or b"\0" in head:
        got = "text in UTF-16: save it as UTF-8" if is_utf16 else "other bytes"
        raise DataError(f"{one_line(path)}: expected CSV, JSON lines or Parquet, got {got}")
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"["):
        raise DataError(f"{one_line(path)}: expected an object a line, got a list in JSON")
    return JsonLinesTable(path) if begin.startswith(b"{") else CsvTable(path)


# --- text -----------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file in UTF-8, with or without a byte order mark."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST + 1), b""), 1):
            if len(line) > _LONGEST:
                raise DataError(f"{one_line(path)}: line {number:,} is longer than 256 MiB")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as err:
                raise _not_utf8(path) from err


def _not_utf8(path: Path) -> DataError:
    """Return the error that says which lines are none."""
    faults = Faults(one_line(path), "line")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                faults.add("not in UTF-8", f"line {number}")
    return DataError(f"{one_line(path)}: {faults.sentences()[0]}; save the table as UTF-8")


class CsvTable(Table):
    """Cells with commas, semicolons or tabs between them, and a line of names above."""

    def _columns(self) -> tuple[str, ...]:
        csv.field_size_limit(_LONGEST)  # what it is otherwise is less than a picture
        first = next(_lines(self.path), "")
        headers = {each: next(csv.reader([first], delimiter=each), []) for each in _DELIMITERS}
        self._delimiter = max(headers, key=lambda each: len(headers[each]))
        names = tuple(name.strip() for name in headers[self._delimiter])
        if len(names) < 2:
            raise DataError(
                f"{self.where}: expected a first line with the names of columns, and commas, "
                f"semicolons or tabs between them, got {one_line(first, 100)!r}"
            )
        twice = {name for name in names if name and names.count(name) > 1}
        if twice:
            raise DataError(
                f"{self.where}: expected a name once in the first line, got "
                f"{one_line(', '.join(sorted(twice)), 200)} more than once"
            )
        return names

    def _rows(self, columns: Sequence[str], at_once: int) -> Iterator[Row]:
        which = [self.columns.index(name) for name in columns]
        faults = Faults(self.where, "line")
        reader = csv.reader(_lines(self.path), delimiter=self._delimiter, strict=True)
        try:
            next(reader)
            end = reader.line_num
            for cells in reader:
                number, end = end + 1, reader.line_num  # a cell in quotes may have several lines
                if len(cells) == len(self.columns):
                    yield number, tuple(cells[index] for index in which)
                elif cells:
                    faults.add(
                        f"without the {len(self.columns)} cells of the first line",
                        f"line {number} ({len(cells)})",
                    )
        except csv.Error as err:
            raise DataError(f"{self.where}: line {reader.line_num}: {one_line(err)}") from err
        faults.check()


class JsonLinesTable(Table):
    """An object a line; its keys are the columns."""

    def _columns(self) -> tuple[str, ...]:
        first = islice(self._objects(Faults(self.where, "line")), _NUM_FIRST)
        return tuple(dict.fromkeys(key for _, each in first for key in each))

    def _rows(self, columns: Sequence[str], at_once: int) -> Iterator[Row]:
        faults = Faults(self.where, "line")
        for number, found in self._objects(faults):
            yield number, tuple(found.get(name) for name in columns)
        faults.check()

    def _objects(self, faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(_lines(self.path), 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                yield number, found
            else:
                faults.add("that are no object in JSON", f"line {number}")


# --- Parquet --------------------------------------------------------------------------------------


class ParquetTable(Table):
    """Columns of a Parquet file."""

    unit = "row"

    def _columns(self) -> tuple[str, ...]:
        return tuple(self._file().schema_arrow.names)

    def _rows(self, columns: Sequence[str], at_once: int) -> Iterator[Row]:
        import pyarrow

        number = 0
        try:
            for batch in self._file().iter_batches(at_once, columns=list(columns)):
                cells = [batch.column(name).to_pylist() for name in columns]
                for row in zip(*cells, strict=True):
                    number += 1
                    yield number, row
        except (pyarrow.ArrowException, UnicodeDecodeError) as err:
            raise self._damaged(err) from err

    def label_names(self, column: str) -> Sequence[str]:
        """Return the names of a ClassLabel of Hugging Face's, which the file's metadata has."""
        noted = (self._file().schema_arrow.metadata or {}).get(b"huggingface", b"{}")
        try:
            names = json.loads(noted)["info"]["features"][column]["names"]
        except (ValueError, LookupError, TypeError):
            return ()
        is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
        return names if is_list else ()

    def _file(self) -> Any:
        try:
            import pyarrow
            from pyarrow.parquet import ParquetFile
        except ImportError as err:
            raise MissingExtraError("Parquet files need pyarrow", "tables", err) from err
        try:
            # else all of a column in a row group is in memory, which may be the whole table
            return ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False)
        except pyarrow.ArrowException as err:
            raise self._damaged(err) from err

    def _damaged(self, err: Exception) -> DataError:
        return DataError(f"{self.where}: expected a Parquet file, cannot be read: {one_line(err)}")
