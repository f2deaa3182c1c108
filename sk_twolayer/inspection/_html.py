"""The page of a trace: HTML and CSS alone, no script and no network.

Block diagrams are in proportion, with sides coloured by what they count; heat maps are
tables whose cells show their number on hover and on focus. All text that comes from
outside is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sk_twolayer.inspection._trace import MatrixTrace

Array = NDArray[Any]

COLOURS = {"m": "#d55e00", "n": "#0072b2", "k": "#009e73", "K": "#aa4499", "1": "#777"}
WORDS = {
    "m": "features",
    "n": "samples",
    "k": "hidden neurons",
    "K": "output neurons",
    "1": "one",
}
# Pixels: an entry at least and at most, what m, k and K may take up, and the longest
# and shortest side that is drawn.
SMALL_UNIT, LARGE_UNIT, ROOM, LONGEST, SHORTEST = 3, 20, 110, 170, 9
ROWS, COLUMNS = 6, 10

STYLE = """
.sktl{font:14px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#fff;padding:12px;
 border-radius:8px;max-width:100%;box-sizing:border-box;--line:#d0d0d0;--soft:#f4f4f4}
.sktl *{box-sizing:border-box}
.sktl h3{font-size:15px;margin:0}
.sktl section{border-top:1px solid var(--line);padding:10px 0}
.sktl p{margin:2px 0}
.sktl .eq{display:flex;flex-wrap:wrap;align-items:center;gap:10px;margin:8px 0}
.sktl figure{margin:0;text-align:center}
.sktl figcaption{font-size:12px}
.sktl .block{margin:2px auto;background:var(--soft);position:relative}
.sktl .cut{position:absolute;inset:0;display:flex;align-items:center;
 justify-content:center;font-size:11px}
.sktl .map{overflow-x:auto;max-width:100%}
.sktl table{border-collapse:collapse;font-size:12px;margin:4px 0}
.sktl th{font-weight:normal;padding:1px 5px;text-align:right;white-space:nowrap;
 max-width:11em;overflow:hidden;text-overflow:ellipsis}
.sktl thead th{text-align:center;max-width:none}
.sktl thead th.long{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;
 max-height:11em}
.sktl td{min-width:26px;height:20px;padding:0 2px;text-align:center;
 border:1px solid var(--line);position:relative}
.sktl td span{visibility:hidden;position:absolute;z-index:2;left:0;bottom:100%;
 background:#1a1a1a;color:#fff;padding:1px 5px;border-radius:3px;white-space:nowrap}
.sktl tr:first-child td span{bottom:auto;top:100%}
.sktl td:hover span,.sktl td:focus span{visibility:visible}
.sktl td:focus{outline:2px solid #0072b2;outline-offset:-1px}
.sktl td.more{border:0;min-width:1.2em}
.sktl .key{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:13px;margin:4px 0}
.sktl .key i{display:inline-block;width:18px;height:4px;margin-right:5px;
 vertical-align:middle}
@media (prefers-color-scheme:dark){
.sktl{color:#e8e8e8;background:#1b1b1b;--line:#4a4a4a;--soft:#2a2a2a}
.sktl td span{background:#e8e8e8;color:#1a1a1a}}
"""


def trace_page(
    matrices: Sequence[MatrixTrace], sizes: dict[str, int], summary: str
) -> str:
    """HTML of a whole trace.

    Parameters
    ----------
    matrices : sequence of MatrixTrace
        The matrices in order.
    sizes : dict of str to int
        What m, n, k and K are.
    summary : str
        The line on top.

    Returns
    -------
    str
        A fragment that stands alone: its style is in it.
    """
    lengths = {**sizes, "1": 1}
    letters = [letter for letter in "mnkK" if letter != "K" or sizes["K"] > 1]
    key = "".join(
        f'<span><i style="background:{COLOURS[letter]}"></i>'
        f"{letter} = {lengths[letter]} {WORDS[letter]}</span>"
        for letter in letters
    )
    sections = "".join(_section(matrix, lengths) for matrix in matrices)
    return (
        f'<div class="sktl" role="region" aria-label="Trace of the network">'
        f"<style>{STYLE}</style><p>{escape(summary)}</p>"
        f'<div class="key">{key}</div>{sections}</div>'
    )


def _section(matrix: MatrixTrace, lengths: dict[str, int]) -> str:
    meaning = f"{matrix.shape_text}: {matrix.rows}, {matrix.columns}"
    largest = max(lengths[letter] for letter in "mkK")
    unit = min(max(ROOM // largest, SMALL_UNIT), LARGE_UNIT)
    terms = "".join(_term(term, lengths, unit) for term in matrix.terms)
    return (
        f"<section><h3>{escape(matrix.equation)}</h3><p>{escape(meaning)}</p>"
        f'<div class="eq" role="img" aria-label="{escape(_spoken(matrix))}">{terms}'
        f"</div>{_heat_map(matrix)}</section>"
    )


def _spoken(matrix: MatrixTrace) -> str:
    """The block diagram in words."""
    return " ".join(
        f"{term.split(':')[0]} ({term.split(':')[1].replace(',', ' by ')})"
        if ":" in term
        else term
        for term in matrix.terms
    )


def _term(term: str, lengths: dict[str, int], unit: int) -> str:
    """A rectangle, or an operator."""
    if ":" not in term:
        return f"<span>{escape(term)}</span>"
    name, shape = term.split(":")
    rows, columns = shape.split(",")
    height, long_rows = _pixels(lengths[rows], unit)
    width, long_columns = _pixels(lengths[columns], unit)
    vertical, horizontal = COLOURS[rows], COLOURS[columns]
    cut = '<span class="cut">≈</span>' if long_rows or long_columns else ""
    caption = f"({rows}, {columns})"
    if long_rows or long_columns:
        caption += f" = ({lengths[rows]}, {lengths[columns]})"
    return (
        f"<figure><b>{escape(name)}</b>"
        f'<div class="block" style="width:{width}px;height:{height}px;'
        f"border-left:3px solid {vertical};border-right:3px solid {vertical};"
        f'border-top:3px solid {horizontal};border-bottom:3px solid {horizontal}">'
        f"{cut}</div><figcaption>{caption}</figcaption></figure>"
    )


def _pixels(length: int, unit: int) -> tuple[int, bool]:
    """Side of a rectangle, and whether it is shorter than in proportion."""
    pixels = max(SHORTEST, unit * length)
    return min(pixels, LONGEST), pixels > LONGEST


def _heat_map(matrix: MatrixTrace) -> str:
    values = matrix.values
    rows, columns = _shown(values.shape[0], ROWS), _shown(values.shape[1], COLUMNS)
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    labels = [None if j is None else matrix.column_labels[j] for j in columns]
    long = any(label is not None and len(label) > 4 for label in labels)
    style = ' class="long"' if long else ""
    head = "".join(
        "<th>…</th>"
        if label is None
        else f'<th scope="col"{style} title="{escape(label)}">{escape(label)}</th>'
        for label in labels
    )
    body = []
    for i in rows:
        if i is None:
            cells = '<td class="more">⋮</td>' * len(columns)
            body.append(f"<tr><th>⋮</th>{cells}</tr>")
            continue
        cells = "".join(
            '<td class="more">…</td>' if j is None else _cell(values[i, j], largest)
            for j in columns
        )
        label = escape(matrix.row_labels[i])
        body.append(f'<tr><th scope="row" title="{label}">{label}</th>{cells}</tr>')
    caption = ""
    if None in rows or None in columns:
        caption = f"<p>shown in part: {values.shape[0]} × {values.shape[1]} in all</p>"
    name = escape(f"values of {matrix.name}")
    return (
        f'<div class="map"><table aria-label="{name}"><thead><tr><td class="more"></td>'
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>{caption}"
    )


def _shown(length: int, most: int) -> list[int | None]:
    """Indices to show; None stands for those left out."""
    if length <= most:
        return list(range(length))
    return [*range(most - 2), None, length - 1]


def _cell(value: float, largest: float) -> str:
    number = f"{value:.4g}"
    strength = min(abs(value) / largest, 1.0) if np.isfinite(value) else 1.0
    colour = "0,114,178" if value >= 0 else "213,94,0"
    return (
        f'<td tabindex="0" aria-label="{number}" '
        f'style="background:rgba({colour},{0.85 * strength:.2f})">'
        f"<span>{number}</span></td>"
    )
