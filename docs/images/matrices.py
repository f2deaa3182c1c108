"""Draws docs/images/matrices.png, README's picture: every matrix with its shape.

    python docs/images/matrices.py

Rectangles are in proportion for m = 6 features, n = 14 samples, k = 4 hidden neurons
and one output; sides that are summed over share a colour.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

SIZES = {"m": 6, "n": 14, "k": 4, "1": 1}
COLOURS = {"m": "#d55e00", "n": "#0072b2", "k": "#009e73", "1": "#666666"}
FORWARD = [
    ["Z1:k,n", "=", "W1:k,m", "X:m,n", "+", "b1:k,1"],
    ["Z2:1,n", "=", "W2:1,k", "A1:k,n", "+", "b2:1,1"],
]
BACKWARD = [
    ["dW2:1,k", "= ¹⁄ₙ", "dZ2:1,n", "A1ᵀ:n,k"],
    ["dZ1:k,n", "=", "W2ᵀ:k,1", "dZ2:1,n", "∗", "σ′(Z1):k,n"],
    ["dW1:k,m", "= ¹⁄ₙ", "dZ1:k,n", "Xᵀ:n,m"],
]
UNIT = 0.11


def draw(ax, terms, x, y):
    """One equation, centred on height y."""
    for term in terms:
        if ":" not in term:
            ax.text(x + 0.14, y, term, ha="center", va="center", fontsize=12)
            x += 0.3 + 0.05 * len(term)
            continue
        name, shape = term.split(":")
        rows, columns = shape.split(",")
        height, width = UNIT * SIZES[rows], UNIT * SIZES[columns]
        corner = (x, y - height / 2)
        face = {"facecolor": "#f2f2f2", "edgecolor": "none"}
        ax.add_patch(Rectangle(corner, width, height, **face))
        left, right = x, x + width
        bottom, top = y - height / 2, y + height / 2
        for side in (left, right):
            ax.plot([side, side], [bottom, top], color=COLOURS[rows], lw=2.5)
        for side in (bottom, top):
            ax.plot([left, right], [side, side], color=COLOURS[columns], lw=2.5)
        middle = x + width / 2
        ax.text(middle, top + 0.07, name, ha="center", va="bottom", fontsize=11)
        label = f"({rows}, {columns})"
        ax.text(middle, bottom - 0.06, label, ha="center", va="top", fontsize=8)
        x += max(width, 0.34) + 0.16


def main():
    figure, ax = plt.subplots(figsize=(11, 5.1))
    for title, x, equations in (
        ("Forward", 0, FORWARD),
        ("Backward", 5.7, BACKWARD),
    ):
        ax.text(x, 4.35, title, fontsize=13, weight="bold")
        for i, terms in enumerate(equations):
            draw(ax, terms, x, 3.6 - 1.5 * i)
    ax.text(0, 1.35, "A1 = σ(Z1)      A2 = σ(Z2)", fontsize=11, va="top")
    ax.text(0, 0.95, "dZ2 = A2 − Y", fontsize=11, va="top")
    meanings = [
        ("m", "m features"),
        ("n", "n samples, a column each"),
        ("k", "k hidden neurons"),
        ("1", "one output neuron"),
    ]
    for i, (letter, meaning) in enumerate(meanings):
        ax.plot([0, 0.25], [0.35 - 0.27 * i] * 2, color=COLOURS[letter], lw=2.5)
        ax.text(0.35, 0.35 - 0.27 * i, meaning, va="center", fontsize=10)
    ax.set(xlim=(-0.1, 12.1), ylim=(-0.7, 4.7), aspect="equal")
    ax.axis("off")
    figure.tight_layout(pad=0.2)
    figure.savefig(Path(__file__).with_name("matrices.png"), dpi=100)


if __name__ == "__main__":
    main()
