"""Draws docs/images/flow.svg and flow_zh.svg, README's animations, with NumPy alone.

    python docs/images/flow.py

The lesson's six samples: the pass, one matrix after another, then two hundred steps of
gradient descent. Samples are columns, so each is one vertical line. Where animations are
off the first pass stands whole.
"""

from pathlib import Path

import numpy as np

from sk_twolayer import network

X = np.array([[0, 1, 2, 2, 3, 4], [8, 6, 8, 4, 6, 6.0]])
Y = np.array([[0, 0, 1, 0, 1, 1.0]])
START = network.Parameters(
    np.array([[1, -0.5], [0.5, 0.5], [-1, 0]]),
    np.array([[2], [-4], [2.0]]),
    np.array([[1, 1, -1.0]]),
    np.array([[-0.5]]),
)
ETA, SHOWN = 0.3, (1, 5, 10, 20, 50, 100, 150, 200)
W, H, EACH, QUICK, LAST = 40, 23, 1.2, 0.7, 3.0
# Name: left, top, its shape's letters, its equation.
LEFT, MIDDLE, RIGHT, GAP = 16, 148, 208, 476
PLACE = {
    "X": (RIGHT, 52, "m, n", ""),
    "W1": (LEFT, 132, "k, m", ""),
    "b1": (MIDDLE, 132, "k, 1", ""),
    "Z1": (RIGHT, 132, "k, n", "= W1 X + b1"),
    "A1": (RIGHT, 235, "k, n", "= σ(Z1)"),
    "W2": (LEFT, 338, "1, k", ""),
    "b2": (MIDDLE, 338, "1, 1", ""),
    "Z2": (RIGHT, 338, "1, n", "= W2 A1 + b2"),
    "A2": (RIGHT, 395, "1, n", "= σ(Z2)"),
    "Y": (RIGHT, 452, "1, n", ""),
    "dZ2": (RIGHT + GAP, 338, "1, n", "= A2 − Y"),
    "dW2": (LEFT + GAP, 338, "1, k", ""),
    "db2": (MIDDLE + GAP, 338, "1, 1", ""),
    "dZ1": (RIGHT + GAP, 132, "k, n", "= (W2ᵀ dZ2) ∗ σ′(Z1)"),
    "dW1": (LEFT + GAP, 132, "k, m", ""),
    "db1": (MIDDLE + GAP, 132, "k, 1", ""),
}
STEPS = [
    ["Z1"],
    ["A1"],
    ["Z2"],
    ["A2"],
    ["dZ2"],
    ["dW2", "db2"],
    ["dZ1"],
    ["dW1", "db1"],
]
SAYS = {
    "": [
        "Z1 = W1 X + b1: a row of W1 meets a column of X, (k, m)(m, n) → (k, n)",
        "A1 = σ(Z1): each number on its own, so the shape stays",
        "Z2 = W2 A1 + b2: the same again, (1, k)(k, n) → (1, n)",
        "A2 = σ(Z2): the probability of each sample",
        "dZ2 = A2 − Y: probability minus truth",
        "dW2 = (1/n) dZ2 A1ᵀ: n is summed and gone, (1, n)(n, k) → (1, k)",
        "dZ1 = (W2ᵀ dZ2) ∗ σ′(Z1): handed back through the same weights",
        "dW1 = (1/n) dZ1 Xᵀ: each gradient has its weights' shape",
        "W ← W − η dW, two hundred times",
        "Forward ↓",
        "Backward ↑",
        "step {}: cost {:.3f}",
    ],
    "_zh": [
        "Z1 = W1 X + b1：W1 的一行乘 X 的一列，(k, m)(m, n) → (k, n)",
        "A1 = σ(Z1)：每个数各算各的，所以形状不变",
        "Z2 = W2 A1 + b2：道理一样，(1, k)(k, n) → (1, n)",
        "A2 = σ(Z2)：每个样本的概率",
        "dZ2 = A2 − Y：概率减去真实标签",
        "dW2 = (1/n) dZ2 A1ᵀ：对 n 求和，n 就消失了，(1, n)(n, k) → (1, k)",
        "dZ1 = (W2ᵀ dZ2) ∗ σ′(Z1)：沿着同样的权重分摊回来",
        "dW1 = (1/n) dZ1 Xᵀ：每个梯度都和它的权重形状相同",
        "W ← W − η dW，走两百步",
        "正向传播 ↓",
        "反向传播 ↑",
        "第 {} 步：代价 {:.3f}",
    ],
}


def moments():
    """Every matrix of the first pass and of those shown later."""
    parameters, found = START, []
    for i in range(SHOWN[-1] + 1):
        activations = network.forward(X, *parameters)
        gradients = network.backward(X, Y, parameters.W2, activations)
        if i == 0 or i in SHOWN:
            cost = network.cross_entropy(activations.Z2, Y)
            matrices = {"X": X, "Y": Y, **parameters._asdict()}
            found.append(
                (i, cost, {**matrices, **activations._asdict(), **gradients._asdict()})
            )
        parameters = network.gradient_descent_step(parameters, gradients, ETA)
    return found


def number(v):
    text = f"{abs(v):.1f}" if abs(v) >= 9.95 else f"{abs(v):.2f}"
    text = text.removesuffix(".00").removesuffix(".0")
    text = text[1:] if text.startswith("0.") else text
    return ("−" if v < 0 and text not in ("0", ".00") else "") + text


def colour(x):
    """Orange to blue, over white."""
    end = (74, 151, 224) if x > 0 else (240, 138, 75)
    part = min(1, abs(x))
    return "#" + "".join(f"{round(255 + (c - 255) * part):02x}" for c in end)


def cells(name, values, limit):
    left, top = PLACE[name][:2]
    drawn = []
    for i, row in enumerate(values):
        for j, v in enumerate(row):
            x, y = left + W * j, top + H * i
            drawn.append(
                f'<path fill="{colour(v / limit)}" d="M{x} {y}h{W}v{H}h-{W}z"/>'
                f'<text x="{x + W // 2}" y="{y + 16}">{number(v)}</text>'
            )
    return "".join(drawn)


def frame(name, values, cls="edge"):
    left, top = PLACE[name][:2]
    rows, columns = values.shape
    return (
        f'<rect class="{cls}" x="{left}" y="{top}" width="{W * columns}" '
        f'height="{H * rows}"/>'
    )


def caption(name):
    left, top, shape, equation = PLACE[name]
    return (
        f'<text class="name" x="{left}" y="{top - 6}"><tspan>{name}</tspan> {equation} '
        f'<tspan class="shape">({shape})</tspan></text>'
    )


def picture(says):
    """The whole animation."""
    found = moments()
    length = EACH * (len(STEPS) + 1) + QUICK * len(SHOWN) + LAST
    limits = {
        name: max(np.abs(matrices[name]).max() for _, _, matrices in found)
        for name in PLACE
    }
    style, body = [], []

    def shown(group, begin, end, rest):
        """A group that is there from one second to another, or else at rest."""
        key = f"f{len(style)}"
        p, q = 100 * begin / length, 100 * end / length
        off = (
            f"{{opacity:0}}{q:.2f}%,100%{{opacity:0}}"
            if end < length
            else "{opacity:0}"
        )
        style.append(
            f"@keyframes {key}{{0%,{p:.2f}%{off}{p + 0.01:.2f}%,{q - 0.01:.2f}%{{opacity:1}}}}"
            f".{key}{{opacity:{rest};animation:{key} {length:.1f}s infinite}}"
        )
        body.append(f'<g class="{key}">{group}</g>')

    first = found[0][2]
    for name in PLACE:
        body.append(caption(name))
        body.append(frame(name, first[name], "empty"))
    for j in range(X.shape[1]):
        for gap in (0, GAP):
            x = RIGHT + gap + W * j + W // 2
            body.append(f'<text class="n" x="{x}" y="30">{j + 1}</text>')
    body += [
        f'<text class="title" x="{LEFT}" y="30">{says[9]}</text>',
        f'<text class="title" x="{LEFT + GAP}" y="30">{says[10]}</text>',
    ]
    given = [name for name in PLACE if name in ("X", "Y", "W1", "b1", "W2", "b2")]
    for name in given:
        body.append(cells(name, first[name], limits[name]))
    for i, names in enumerate(STEPS):
        drawn = "".join(cells(name, first[name], limits[name]) for name in names)
        shown(drawn, EACH * (i + 0.5), length, 1)
        lines = "".join(frame(name, first[name], "now") for name in names)
        text = f'<text class="says" x="{LEFT}" y="505">{says[i]}</text>'
        shown(lines + text, EACH * (i + 0.5), EACH * (i + 1.5), 0)
    begin = EACH * (len(STEPS) + 0.5)
    shown(f'<text class="says" x="{LEFT}" y="505">{says[8]}</text>', begin, length, 1)
    for i, (step, cost, matrices) in enumerate(found):
        at = begin + QUICK * i
        until = length if i == len(SHOWN) else at + QUICK
        drawn = "".join(
            cells(name, matrices[name], limits[name])
            for name in PLACE
            if i and name not in "XY"
        )
        x = RIGHT + GAP
        text = (
            f'<text class="says" x="{x}" y="505">{says[11].format(step, cost)}</text>'
        )
        shown(drawn + text, at, until, 0)
    body += [frame(name, first[name]) for name in PLACE]
    height, width = 520, RIGHT + GAP + 6 * W + 16
    fixed = (
        "text{font:12px system-ui,sans-serif;text-anchor:middle;fill:#15191f}"
        ".name,.says,.title{text-anchor:start}.name{font-size:13px}"
        ".name tspan:first-child{font-weight:700}.name .shape{fill:#566070;font-size:11px}"
        ".n{font-weight:700;fill:#6a3fc4}.title{font-weight:600;fill:#566070}"
        ".says{font-size:15px;font-weight:600}"
        ".empty{fill:#fff;stroke:none}.edge{fill:none;stroke:#566070;stroke-width:1.5}"
        ".now{fill:none;stroke:#15191f;stroke-width:4}"
        "@media(prefers-reduced-motion:reduce){g{animation:none!important}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">'
        f"<style>{fixed}{''.join(style)}</style>"
        f'<rect width="{width}" height="{height}" rx="8" fill="#fff"/>'
        f"{''.join(body)}</svg>\n"
    )


if __name__ == "__main__":
    for end, says in SAYS.items():
        path = Path(__file__).with_name(f"flow{end}.svg")
        path.write_text(picture(says), encoding="utf-8")
        print(path.name, path.stat().st_size, "bytes")
