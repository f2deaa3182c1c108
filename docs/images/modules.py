"""Draws docs/images/modules.png: the house, level by level, and how data flows in it.

python docs/images/modules.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Name: left, lower edge, width, height, what it does. A level is 1.1 high.
BOXES = {
    "inspection/": (0.6, 7.15, 4.2, 0.75, "trace, explorer, displays"),
    "onnx": (9.2, 7.15, 3.6, 0.75, "teaches skl2onnx"),
    "_estimator": (0.6, 6.05, 12.2, 0.75, "checks X, y, parameters; keeps W1_ … b2_"),
    "_training": (0.6, 4.95, 6.2, 0.75, "starts, stages, split: the best run"),
    "_ecosystem": (9.2, 4.95, 3.6, 0.75, "saved models, importances"),
    "_start": (0.6, 3.3, 1.96, 1.3, "scales,\nfirst weights"),
    "_cross_validation": (
        2.7,
        3.3,
        2.5,
        1.3,
        "alpha by what predicts\nleft-out samples",
    ),
    "_evidence/": (5.4, 3.3, 7.4, 1.3, ""),
    "_engine/": (0.6, 1.65, 9.3, 1.3, ""),
    "_arrays": (10.1, 2.38, 2.7, 0.57, "other libraries'"),
    "_callbacks": (10.1, 1.65, 2.7, 0.57, "scikit-learn's"),
    "network": (0.6, 0.55, 2.9, 0.75, "the equations: the reference"),
    "_solvers": (3.7, 0.55, 2.5, 0.75, "L-BFGS, descent, Adam"),
    "_monitor": (6.4, 0.55, 2.0, 0.75, "when to stop"),
    "_labels": (8.6, 0.55, 1.95, 0.75, "y to integers"),
    "_compat": (10.75, 0.55, 2.05, 0.75, "private names"),
}
# Name: centre and what it does, in the two folders.
ROOMS = {
    "search": (6.6, 4.16, "rounds"),
    "curvature": (8.25, 4.16, "sums H"),
    "posterior": (9.95, 4.16, "factorises A"),
    "moderation": (11.75, 4.16, "how far?"),
    "jacobian": (8.25, 3.63, "J"),
    "covariance": (9.95, 3.63, "J A⁻¹ Jᵀ"),
    "predictive": (11.75, 3.63, "moderated Z2"),
    "objective": (2.0, 2.47, "cost, gradient"),
    "sums": (3.75, 2.47, "a worker's share"),
    "layers": (5.45, 2.47, "T, Z2 of a block"),
    "blocks": (7.1, 2.47, "samples in rows"),
    "forward": (8.85, 2.47, "predictions"),
    "layout": (2.0, 1.96, "θ"),
    "prior": (3.4, 1.96, "D"),
    "standardisation": (5.0, 1.96, "V1 and W1"),
    "outputs": (7.1, 1.96, "σ or softmax"),
    "threads": (8.85, 1.96, "BLAS on one"),
}
# From, to, and what is written beside.
ARROWS = [
    ((3.7, 6.05), (3.7, 5.73), "samples"),
    ((1.5, 4.95), (1.5, 4.63), "moments"),
    ((3.9, 4.95), (3.9, 4.63), "folds"),
    ((6.1, 4.95), (6.1, 4.63), "objective, start"),
    ((3.9, 3.3), (3.9, 2.98), "θ ↓   cost, gradient ↑"),
    ((8.0, 3.3), (8.0, 2.98), "θ ↓   T, Z2 ↑"),
]


def draw_box(ax, name):
    x, y, width, height, does = BOXES[name]
    is_folder, is_reference = name.endswith("/"), name == "network"
    color = "#009e73" if is_folder else "#d55e00" if is_reference else "#0072b2"
    face = "#e8f6f1" if is_folder else "#fff3e0" if is_reference else "#eef5fb"
    ax.add_patch(plt.Rectangle((x, y), width, height, facecolor=face, edgecolor=color))
    if does:
        lines = 1 + does.count("\n")
        middle = x + width / 2, y + height / 2
        ax.text(middle[0], middle[1] + 0.13 * lines, name, ha="center", va="center")
        ax.texts[-1].set_weight("bold")
        below = middle[1] - 0.17 if height > 0.6 else middle[1] - 0.15
        ax.text(middle[0], below, does, ha="center", va="center", fontsize=8)
    else:
        ax.text(x + 0.1, y + height - 0.08, name, va="top", weight="bold", color=color)


def main():
    figure, ax = plt.subplots(figsize=(11.5, 7))
    for level in range(1, 7):
        height = [0.92, 2.3, 3.95, 5.32, 6.42, 7.52][level - 1]
        ax.text(0.25, height, str(level), ha="center", va="center", color="#888888")
    for name in BOXES:
        draw_box(ax, name)
    for name, (x, y, does) in ROOMS.items():
        ax.text(x, y, name, ha="center", va="center", fontsize=9.5)
        ax.text(
            x, y - 0.18, does, ha="center", va="center", fontsize=7.5, color="#444444"
        )
    arrow = {"arrowstyle": "->", "color": "#555555", "shrinkA": 0, "shrinkB": 0}
    for tail, head, label in ARROWS:
        ax.annotate("", head, tail, arrowprops=arrow)
        middle = (tail[1] + head[1]) / 2
        ax.text(tail[0] + 0.1, middle, label, fontsize=8, va="center", color="#333333")
    # predict_proba goes past training, straight to the forward pass.
    ax.plot([8.95, 8.95, 13.05, 13.05], [6.05, 5.84, 5.84, 3.13], color="#555555", lw=1)
    ax.plot([13.05, 9.5], [3.13, 3.13], color="#555555", lw=1)
    ax.annotate("", (9.5, 2.98), (9.5, 3.13), arrowprops=arrow)
    ax.text(8.85, 5.93, "samples", fontsize=8, va="center", ha="right", color="#333333")
    ax.text(5.6, 6.93, "fit(X, y)", ha="center", va="bottom", family="monospace")
    ax.text(7.6, 6.93, "predict_proba(X)", ha="center", va="bottom", family="monospace")
    ax.set(xlim=(0, 13.3), ylim=(0.4, 8.05))
    ax.axis("off")
    figure.tight_layout(pad=0.2)
    figure.savefig(Path(__file__).with_name("modules.png"), dpi=100)


if __name__ == "__main__":
    main()
