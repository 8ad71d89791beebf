"""Figures: medians, ratios, limits, and a table that reads well as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Limit:
    """The most that a ratio may be, and what it should better be."""

    at_most: float
    aim: float | None = None

    def verdict(self, ratio: float) -> str:
        text = f"limit {self.at_most:g}x {_met(ratio, self.at_most)}"
        return text if self.aim is None else f"{text}, aim {self.aim:g}x {_met(ratio, self.aim)}"


def _met(ratio: float, at_most: float) -> str:
    return "met" if ratio <= at_most else "MISSED"


@dataclass(frozen=True)
class Figure:
    """One cell: how long (nanoseconds, a median), how many times what, in how many rounds; or a note instead."""

    case: str
    contender: str
    nanoseconds: float | None = None
    ratio: float | None = None
    against: str | None = None
    limit: Limit | None = None
    rounds: int | None = None
    note: str | None = None

    def cell(self, usual_base: str) -> str:
        if self.note is not None:
            return self.note
        parts = [] if self.nanoseconds is None else [duration(self.nanoseconds)]
        if self.ratio is not None:
            parts.append(f"{self.ratio:.2f}x" + ("" if self.against == usual_base else f" of {self.against}"))
            if self.limit is not None:
                parts.append(f"({self.limit.verdict(self.ratio)})")
        return " ".join(parts)

    def record(self) -> dict[str, object]:
        """The figure for JSON."""
        fields = asdict(self)
        if self.limit is not None and self.ratio is not None:
            fields["limit"]["met"] = self.ratio <= self.limit.at_most
        return fields


def duration(nanoseconds: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if nanoseconds >= size:
            return f"{_three_digits(nanoseconds / size)} {unit}"
    return f"{_three_digits(nanoseconds / 1e3)} µs"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def median_ratio(samples: Mapping[int, int], base: Mapping[int, int]) -> float:
    """The median of the ratios of each round in which both took part: drift between rounds cancels out."""
    return median(samples[number] / base[number] for number in samples.keys() & base.keys())


def compare(
    case: str,
    samples: Mapping[str, Mapping[int, int]],
    base: str,
    limits: Mapping[str, Limit] | None = None,
    against: Mapping[str, str] | None = None,
) -> list[Figure]:
    """A figure for each contender, as a multiple of `base` or of what `against` names for it."""
    figures = []
    for contender, taken in samples.items():
        reference = (against or {}).get(contender, base)
        ratio = None if contender == base else median_ratio(taken, samples[reference])
        figures.append(
            Figure(
                case,
                contender,
                nanoseconds=median(taken.values()),
                ratio=ratio,
                against=None if ratio is None else reference,
                limit=(limits or {}).get(contender),
                rounds=len(taken),
            )
        )
    return figures


def markdown(figures: Iterable[Figure], corner: str, base: str, *, contenders_down: bool = False) -> str:
    """The figures as a table: cases down, contenders across, or the other way round. What nobody measured is empty."""
    figures = list(figures)
    down, across = ("contender", "case") if contenders_down else ("case", "contender")
    rows = list(dict.fromkeys(getattr(figure, down) for figure in figures))
    columns = list(dict.fromkeys(getattr(figure, across) for figure in figures))
    cells = {(getattr(figure, down), getattr(figure, across)): figure.cell(base) for figure in figures}
    lines = [[corner, *columns], *([row, *(cells.get((row, column), "") for column in columns)] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns) + 1)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
