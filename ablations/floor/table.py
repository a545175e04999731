"""A table of a study: values in base units, columns with titles and units, and notes."""

from dataclasses import dataclass

from ablations.floor.statistics import Estimate

Number = int | float | Estimate | None

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        key: Its name in CSV and JSON.
        title: Its displayed name, without the unit.
        unit: The displayed unit; empty for counts and names.
        scale: Displayed value = stored value × scale. CSV and JSON contain the stored value.
        digits: Number of displayed decimals; None shows as many as the number has.
        grouped: Whether thousands are separated.
    """

    key: str
    title: str
    unit: str = ""
    scale: float = 1.0
    digits: int | None = 0
    grouped: bool = True

    @property
    def heading(self) -> str:
        """The title with the unit in parentheses."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def show(self, value: "Value") -> str:
        """Format a value for display; an estimate as mean ± half the width of its interval, or with both bounds."""
        match value:
            case None:
                return MISSING
            case str():
                return value
            case Scaled(value=own, column=column):
                return column.show(own)
            case Estimate():
                return f"{self._number(value.mean)}{self._interval(value)}"
            case _:
                return self._number(value)

    def _interval(self, value: Estimate) -> str:
        if value.low is None and value.high is None:
            return ""
        if value.is_symmetric and value.half_width is not None:
            return f" ± {self._number(value.half_width)}"
        low = "−∞" if value.low is None else self._number(value.low)
        high = "∞" if value.high is None else self._number(value.high)
        return f" ({low} to {high})"

    def _number(self, value: float) -> str:
        form = "," if self.grouped else ""
        return f"{value * self.scale:{form}.{self.digits}f}" if self.digits is not None else f"{value:{form}}"


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number with a unit of its own, in a column whose rows have different ones."""

    value: Number
    column: Column


Value = str | Number | Scaled
"""A value in a table. None was not recorded, and is shown as missing in every format."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        key: Its name in files.
        title: What it shows, with its conventions.
        columns: The columns.
        rows: Each row has one value per column.
        notes: What a reader must know to interpret it correctly.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), "a row does not fit the columns"

    def headings(self) -> tuple[str, ...]:
        """Return the headings of all columns."""
        return tuple(column.heading for column in self.columns)

    def shown(self) -> tuple[tuple[str, ...], ...]:
        """Return every row as text."""
        return tuple(
            tuple(column.show(value) for column, value in zip(self.columns, row, strict=True)) for row in self.rows
        )

    def without(self, *keys: str) -> "Table":
        """Return the table without the columns of these keys, for a narrow screen."""
        kept = [index for index, column in enumerate(self.columns) if column.key not in keys]
        columns = tuple(self.columns[index] for index in kept)
        rows = tuple(tuple(row[index] for index in kept) for row in self.rows)
        return Table(self.key, self.title, columns, rows, self.notes)

    def folded(self, *keys: str) -> "Table":
        """Move the columns of these keys whose value is the same in all rows into the title."""
        alike = [
            index
            for index, column in enumerate(self.columns)
            if column.key in keys and len({row[index] for row in self.rows}) == 1
        ]
        if not alike:
            return self
        said = ", ".join(f"{self.columns[index].heading} {self.shown()[0][index]}" for index in alike)
        folded = self.without(*(self.columns[index].key for index in alike))
        return Table(self.key, f"{self.title}\n{said}", folded.columns, folded.rows, self.notes)
