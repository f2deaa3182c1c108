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
    "dask": (5.4, 7.15, 3.3, 0.75, "samples on a cluster"),
    "onnx": (9.2, 7.15, 3.6, 0.75, "teaches skl2onnx"),
    "_estimator": (0.6, 6.05, 12.2, 0.75, "checks X, y, parameters; keeps W1_ … b2_"),
    "_training": (0.6, 4.95, 5.4, 0.75, "starts, split, choose(…): the best run"),
    "_device_samples": (6.2, 4.95, 1.9, 0.75, "arrays on a GPU"),
    "_fitted": (8.3, 4.95, 2.7, 0.75, "a network or a committee"),
    "_ecosystem": (11.2, 4.95, 1.6, 0.75, "saved models"),
    "_samples": (0.6, 3.98, 1.55, 0.62, "what data answer"),
    "_start": (0.6, 3.3, 1.55, 0.62, "first weights"),
    "_alpha": (2.3, 3.98, 1.0, 0.62, "a number"),
    "_arrays": (2.3, 3.3, 1.0, 0.62, "torch's …"),
    "_cross_validation": (3.45, 3.3, 2.3, 1.3, "what predicts\nleft-out samples"),
    "_evidence/": (5.9, 3.3, 6.9, 1.3, ""),
    "_engine/": (0.6, 1.65, 9.3, 1.3, ""),
    "_settings": (10.1, 2.38, 1.28, 0.57, '"auto"'),
    "_monitor": (11.52, 2.38, 1.28, 0.57, "when to stop"),
    "_callbacks": (10.1, 1.65, 2.7, 0.57, "scikit-learn's"),
    "network": (0.6, 0.55, 2.9, 0.75, "the equations: the reference"),
    "_solvers": (3.7, 0.55, 2.5, 0.75, "L-BFGS, descent, Adam"),
    "_labels": (6.4, 0.55, 2.0, 0.75, "y to integers"),
    "_lots": (8.6, 0.55, 1.95, 0.75, "a few samples"),
    "_compat": (10.75, 0.55, 2.05, 0.75, "private names"),
}
# Name: centre and what it does, in the two folders.
ROOMS = {
    "search": (6.75, 4.16, "rounds"),
    "curvature": (8.3, 4.16, "sums H"),
    "posterior": (9.95, 4.16, "factorises A"),
    "moderation": (11.75, 4.16, "how far?"),
    "jacobian": (6.75, 3.63, "J"),
    "laplace": (8.3, 3.63, "after other fits"),
    "covariance": (9.95, 3.63, "J A⁻¹ Jᵀ"),
    "predictive": (11.75, 3.63, "moderated Z2"),
    "objective": (1.45, 2.47, "cost, gradient"),
    "partition": (2.95, 2.47, "sums, where X is"),
    "sums": (4.3, 2.47, "a worker's share"),
    "layers": (5.6, 2.47, "T, Z2 of a block"),
    "blocks": (6.85, 2.47, "samples in rows"),
    "forward": (8.0, 2.47, "predictions"),
    "on_device": (9.25, 2.47, "on a GPU"),
    "layout": (1.3, 1.96, "θ"),
    "prior": (2.2, 1.96, "D"),
    "standardisation": (3.6, 1.96, "V1 and W1"),
    "moments": (5.3, 1.96, "of the features"),
    "outputs": (6.85, 1.96, "σ or softmax"),
    "threads": (8.5, 1.96, "BLAS on one"),
}
# From, to, and what is written beside.
ARROWS = [
    ((3.3, 6.05), (3.3, 5.73), "samples"),
    ((9.65, 6.05), (9.65, 5.73), "samples"),
    ((9.0, 4.95), (9.0, 4.63), "T, Z2"),
    ((1.3, 4.95), (1.3, 4.63), "moments"),
    ((2.8, 4.95), (2.8, 4.63), "choose(objective, start, monitor)"),
    ((4.4, 3.3), (4.4, 2.98), "θ ↓   cost, gradient ↑"),
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
    # predict_proba goes past training, to what was fitted and on to the forward pass.
    ax.plot([10.5, 10.5, 13.05, 13.05], [4.95, 4.78, 4.78, 3.13], color="#555555", lw=1)
    ax.plot([13.05, 9.5], [3.13, 3.13], color="#555555", lw=1)
    ax.annotate("", (9.5, 2.98), (9.5, 3.13), arrowprops=arrow)
    ax.text(5.6, 6.93, "fit(X, y)", ha="center", va="bottom", family="monospace")
    ax.text(7.6, 6.93, "predict_proba(X)", ha="center", va="bottom", family="monospace")
    ax.set(xlim=(0, 13.3), ylim=(0.4, 8.05))
    ax.axis("off")
    figure.tight_layout(pad=0.2)
    figure.savefig(Path(__file__).with_name("modules.png"), dpi=100)


if __name__ == "__main__":
    main()
