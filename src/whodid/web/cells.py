"""A row of a table as HTML. A table has a thousand of them, so no template goes over its cells."""

from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup, escape

from whodid.web.inert import inert


class Cell(NamedTuple):
    """A value as text; `href` leads to the events of the row; `share` (of 100) draws a bar.

    `kind` are classes of ours; everything else is foreign and escaped.
    """

    text: str
    kind: str
    href: str | None
    share: float | None


def cells(row: Iterable[Cell]) -> Markup:
    """Return the cells of a row."""
    return Markup("\n".join(map(_cell, row)))  # noqa: S704 - of parts that are escaped


def _cell(cell: Cell) -> str:
    shown = f"<bdi>{inert(cell.text)}</bdi>"
    if cell.href:
        shown = f'<a href="{escape(cell.href)}">{shown}</a>'
    if cell.share is None:
        return f'<td class="{cell.kind}">{shown}</td>'
    return f'<td class="{cell.kind} measured">{shown}{share(cell.share)}</td>'


def share(percent: float) -> Markup:
    """Return a bar of so many of 100."""
    return Markup(  # noqa: S704 - a number
        '<svg class="share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect x="0" y="0" width="{percent}" height="4"></rect></svg>'
    )
