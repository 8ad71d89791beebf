"""A schema as a picture: one box for each table, in columns by how far it stands from the tables that refer to nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from agentdb.sql.statement_tables import folded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentdb.tools.schema_model import Reference, Table

_LINE, _HEAD, _PAD, _GAP, _AISLE, _CHAR = 16, 24, 8, 28, 110, 6.6
#: Boxes one above the other at the most.
_HIGHEST = 1800
_COLOURS = ("#dbe9f6", "#e2f0d9", "#fdebd0", "#eadcf4", "#f9dede", "#e8e8e8")
_STYLE = (
    "text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#222}.n{font-weight:bold}.g{fill:#777}"
    "path{fill:none;stroke:#789;stroke-width:1.2}rect{stroke:#99a}"
)


class Box(NamedTuple):
    """Where a table is drawn."""

    x: float
    y: float
    width: float
    height: float


def svg(tables: Sequence[Table]) -> str:
    """The picture as SVG, the same bytes for the same schema. Tables of one set have one colour.

    A line begins at the column that refers and ends at the table that it refers to. `1`, `0..1` and `*` are cardinalities.
    """
    places = _placed(tables)
    sets = list(dict.fromkeys([table.set for table in tables]))
    width = max([box.x + box.width for box in places.values()], default=0) + _AISLE
    height = max([box.y + box.height for box in places.values()], default=0) + _GAP + _LINE * (len(sets) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}">',
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff" stroke="none"/>',
    ]
    parts += [
        _edge(table, reference, places)
        for table in tables
        for reference in table.references
        if folded(reference.table) in places
    ]
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(sets)}
    parts += [_drawn(table, places[folded(table.name)], colours[table.set]) for table in tables]
    for number, name in enumerate(sets):
        y = height - _LINE * (len(sets) - number)
        parts.append(
            f'<rect x="{_PAD}" y="{y - 10:.0f}" width="12" height="12" fill="{colours[name]}"/>'
            + _text(_PAD + 18, y, name or "made by no recorded migration")
        )
    parts.append("</svg>\n")
    return "\n".join(parts)


def _placed(tables: Sequence[Table]) -> dict[str, Box]:
    """The boxes: a table stands to the right of those that it refers to."""
    levels = _levels(tables)
    places: dict[str, Box] = {}
    x = float(_GAP)
    for level in sorted(set(levels.values())):
        y, width = float(_GAP), 0.0
        for table in tables:
            if levels[folded(table.name)] != level:
                continue
            height = _HEAD + _LINE * len(table.columns) + _PAD / 2
            if y > _GAP and y + height > _HIGHEST:
                x, y, width = x + width + _AISLE / 2, float(_GAP), 0.0
            own = _width(table)
            places[folded(table.name)] = Box(x, y, own, height)
            y, width = y + height + _GAP, max(width, own)
        x += width + _AISLE
    return places


def _levels(tables: Sequence[Table]) -> dict[str, int]:
    known = {folded(table.name) for table in tables}
    above = {
        folded(table.name): {folded(one.table) for one in table.references} & known - {folded(table.name)}
        for table in tables
    }
    levels: dict[str, int] = {}
    level = 0
    while len(levels) < len(known):
        ready = [name for name in above if name not in levels and above[name] <= levels.keys()]
        if not ready:  # a circle: begin with the table that refers to the fewest that are left
            ready = [min((n for n in above if n not in levels), key=lambda n: (len(above[n] - levels.keys()), n))]
        levels.update(dict.fromkeys(ready, level))
        level += 1
    return levels


def _width(table: Table) -> float:
    widest = max([len(f"{one.name}  {one.type} ") + 6 for one in table.columns], default=0)
    return max(widest, len(table.name) + 4) * _CHAR + 2 * _PAD


def _drawn(table: Table, box: Box, colour: str) -> str:
    foreign = {folded(column) for reference in table.references for column in reference.columns}
    lines = [
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" fill="#fff"/>',
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{_HEAD}" fill="{colour}"/>',
        _text(box.x + _PAD, box.y + 16, table.name, "n"),
    ]
    for number, column in enumerate(table.columns):
        y = box.y + _HEAD + _LINE * number + 12
        marks = ("PK " if column.key else "") + ("FK " if folded(column.name) in foreign else "")
        name = f"{column.name}{'?' if column.is_nullable else ''}"
        lines.append(_text(box.x + _PAD, y, name) + _end(box.x + box.width - _PAD, y, f"{marks}{column.type.lower()}"))
    return "".join(lines)


def _edge(table: Table, reference: Reference, places: Mapping[str, Box]) -> str:
    own, other = places[folded(table.name)], places[folded(reference.table)]
    names = [folded(column.name) for column in table.columns]
    row = names.index(folded(reference.columns[0])) if folded(reference.columns[0]) in names else 0
    y1 = own.y + _HEAD + _LINE * row + 8
    y2 = other.y + _HEAD / 2
    child = "0..1" if reference.is_single else "*"
    parent = "0..1" if reference.is_optional else "1"
    if other.x + other.width <= own.x:
        x1, x2 = own.x, other.x + other.width
        middle = f"C{x1 - 50:.1f},{y1:.1f} {x2 + 50:.1f},{y2:.1f}"
        marks = _end(x1 - 3, y1 - 3, child, "g") + _text(x2 + 3, y2 - 3, parent, "g")
    else:  # beside it, or the table itself
        x1, x2 = own.x + own.width, other.x + other.width
        middle = f"C{x1 + 60:.1f},{y1:.1f} {x2 + 60:.1f},{y2:.1f}"
        marks = _text(x1 + 3, y1 - 3, child, "g") + _text(x2 + 3, y2 - 3, parent, "g")
    return f'<path d="M{x1:.1f},{y1:.1f} {middle} {x2:.1f},{y2:.1f}"/>{marks}'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{_shown(text)}</text>'


def _end(x: float, y: float, text: str, kind: str = "g") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="end">{_shown(text)}</text>'


def _shown(text: str) -> str:
    return escape("".join([char if char.isprintable() else "?" for char in text]))
