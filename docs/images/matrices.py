"""Writes docs/images/matrices.html and matrices_zh.html: every matrix with its shape.

    python docs/images/matrices.py

Rectangles are in proportion for m = 4 features, n = 6 samples, k = 3 hidden neurons and
one output; sides that are summed over share a colour. The page's theme has the colours.
"""

from pathlib import Path

SIZES = {"m": 4, "n": 6, "k": 3, "1": 1}
FORWARD = [
    ["Z1:k,n", "=", "W1:k,m", "X:m,n", "+", "b1:k,1"],
    ["A1:k,n", "= σ(", "Z1:k,n", ")"],
    ["Z2:1,n", "=", "W2:1,k", "A1:k,n", "+", "b2:1,1"],
    ["A2:1,n", "= σ(", "Z2:1,n", ")"],
]
BACKWARD = [
    ["dZ2:1,n", "=", "A2:1,n", "−", "Y:1,n"],
    ["dW2:1,k", "= ¹⁄ₙ", "dZ2:1,n", "A1ᵀ:n,k", ";", "db2:1,1", "= ¹⁄ₙ Σ", "dZ2:1,n"],
    ["dZ1:k,n", "= (", "W2ᵀ:k,1", "dZ2:1,n", ") ∗", "σ′(Z1):k,n"],
    ["dW1:k,m", "= ¹⁄ₙ", "dZ1:k,n", "Xᵀ:n,m", ";", "db1:k,1", "= ¹⁄ₙ Σ", "dZ1:k,n"],
]
WORDS = {
    "": {
        "titles": ("Forward", "Backward"),
        "letters": ("m features", "n samples", "k hidden neurons", "1 output neuron"),
        "label": "The equations as blocks; sides that match have the same colour",
    },
    "_zh": {
        "titles": ("正向传播", "反向传播"),
        "letters": ("m 个特征", "n 个样本", "k 个隐藏层神经元", "1 个输出层神经元"),
        "label": "用方块画出的各个等式，能对上的边颜色相同",
    },
}
UNIT, WIDTH = 12, 356


def text(x, y, what, size=14, more=""):
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="middle"{more}>'
        f"{what}</text>"
    )


def line(x1, y1, x2, y2, letter):
    return (
        f'<path class="side-{letter}" d="M{x1:g} {y1:g}L{x2:g} {y2:g}" '
        'stroke-width="2.5" stroke-linecap="square"/>'
    )


def block(name, rows, columns, x, middle):
    """A matrix, its name above and its shape below; and how wide all that is."""
    width, height = UNIT * SIZES[columns], UNIT * SIZES[rows]
    slot = max(width, 9 * len(name), 32)
    left, top = x + (slot - width) / 2, middle - height / 2
    right, bottom, centre = left + width, top + height, x + slot / 2
    drawn = [
        f'<rect x="{left:g}" y="{top:g}" width="{width}" height="{height}"/>',
        *(line(side, top, side, bottom, rows) for side in (left, right)),
        *(line(left, side, right, side, columns) for side in (top, bottom)),
        text(centre, top - 6, name, more=' font-weight="600"'),
        text(centre, bottom + 15, f"({rows}, {columns})", 11.5),
    ]
    return "".join(drawn), slot


def equation(terms, top):
    """One line of them, and where it ends."""
    tall = max(SIZES[t.split(":")[1].split(",")[0]] for t in terms if ":" in t)
    middle, x, drawn = top + 24 + UNIT * tall / 2, 2, []
    for term in terms:
        if ":" in term:
            name, shape = term.split(":")
            one, width = block(name, *shape.split(","), x, middle)
            drawn.append(one)
        else:
            width = 8 * len(term) + 2
            drawn.append(text(x + width / 2, middle + 5, term))
        x += width + 6
    assert x <= WIDTH + 6, (terms, x)
    return "".join(drawn), top + 24 + UNIT * tall + 24


def lines(equations):
    """Two equations in a line, where ";" stands, become one below the other."""
    for terms in equations:
        at = terms.index(";") if ";" in terms else len(terms)
        yield terms[:at]
        if terms[at + 1 :]:
            yield terms[at + 1 :]


def picture(title, equations, label):
    body, y = [text(WIDTH / 2, 16, title, 15, ' font-weight="700"')], 22
    for terms in lines(equations):
        drawn, y = equation(terms, y)
        body.append(drawn)
    return (
        f'<svg viewBox="0 0 {WIDTH} {y:g}" role="img" aria-label="{label}: {title}">'
        f"{''.join(body)}</svg>"
    )


def page(words):
    halves = "".join(
        picture(title, equations, words["label"])
        for title, equations in zip(words["titles"], (FORWARD, BACKWARD), strict=True)
    )
    key = "".join(
        f'<span class="side-{letter}">{meaning}</span>'
        for letter, meaning in zip("mnk1", words["letters"], strict=True)
    )
    return f'<div class="blocks">{halves}<p class="key">{key}</p></div>\n'


for end, words in WORDS.items():
    path = Path(__file__).with_name(f"matrices{end}.html")
    path.write_text(page(words), encoding="utf-8")
