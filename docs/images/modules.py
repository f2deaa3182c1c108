"""Draws docs/images/modules.png: the modules, and how data flows through them.

python docs/images/modules.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Name: centre, width, what it does.
BOXES = {
    "_estimator": (5.0, 6.2, 7.6, "checks X, y, parameters; keeps W1_ … b2_"),
    "_labels": (1.6, 5.0, 2.8, "classes, targets, weights"),
    "_training": (4.9, 5.0, 2.8, "split, starts, best run"),
    "_start": (1.6, 3.8, 2.8, "scales, first weights"),
    "_solvers": (4.9, 3.8, 2.8, "L-BFGS, descent, Adam"),
    "_monitor, _callbacks": (8.3, 3.8, 3.0, "after each iteration: stop?"),
    "_objective, _sums": (4.9, 2.4, 2.8, "cost, gradient over blocks"),
    "_forward, _predictive": (8.3, 2.4, 3.0, "probabilities over blocks"),
    "_evidence, _moderation": (11.9, 5.0, 2.8, "choose alpha and c"),
    "_curvature, _posterior": (11.9, 3.8, 2.8, "Gauss–Newton, its factors"),
    "_covariance, _jacobian": (11.9, 2.4, 2.8, "how uncertain is Z2?"),
    "_blocks": (1.6, 1.0, 2.8, "blocks and batches"),
    "_outputs": (4.9, 1.0, 2.8, "sigmoid or softmax"),
    "_threads": (8.3, 1.0, 3.0, "threads, BLAS on one"),
    "network": (1.6, 2.4, 2.8, "the equations: the reference"),
}
ARROWS = [
    ("_estimator", "_labels", "y"),
    ("_estimator", "_training", "samples"),
    ("_training", "_start", ""),
    ("_training", "_solvers", "objective, start"),
    ("_solvers", "_monitor, _callbacks", ""),
    ("_solvers", "_objective, _sums", "θ ↓  cost, gradient ↑"),
    ("_objective, _sums", "_blocks", ""),
    ("_objective, _sums", "_outputs", "Z2 ↓  dZ2 ↑"),
    ("_objective, _sums", "_threads", ""),
    ("_forward, _predictive", "_threads", ""),
    ("_forward, _predictive", "_outputs", ""),
    ("_training", "_evidence, _moderation", ""),
    ("_evidence, _moderation", "_curvature, _posterior", ""),
    ("_curvature, _posterior", "_covariance, _jacobian", ""),
    ("_forward, _predictive", "_covariance, _jacobian", ""),
]
HEIGHT = 0.72


def main():
    figure, ax = plt.subplots(figsize=(11.5, 6))
    for name, (x, y, width, does) in BOXES.items():
        reference = name == "network"
        ax.add_patch(
            plt.Rectangle(
                (x - width / 2, y - HEIGHT / 2),
                width,
                HEIGHT,
                facecolor="#fff3e0" if reference else "#eef5fb",
                edgecolor="#d55e00" if reference else "#0072b2",
            )
        )
        ax.text(x, y + 0.13, name, ha="center", va="center", weight="bold")
        ax.text(x, y - 0.16, does, ha="center", va="center", fontsize=8.5)
    for start, end, label in ARROWS:
        (x0, y0, w0, _), (x1, y1, w1, _) = BOXES[start], BOXES[end]
        if y0 == y1:
            tail, head = (x0 + w0 / 2, y0), (x1 - w1 / 2, y1)
        else:
            tail = (min(max(x1, x0 - w0 / 2 + 0.3), x0 + w0 / 2 - 0.3), y0 - HEIGHT / 2)
            head = (x1, y1 + HEIGHT / 2)
        arrow = {"arrowstyle": "->", "color": "#555555"}
        ax.annotate("", head, tail, arrowprops=arrow)
        middle = (tail[0] + head[0]) / 2 + 0.08, (tail[1] + head[1]) / 2
        ax.text(*middle, label, fontsize=8.5, va="center", color="#333333")
    # predict goes past training, straight to the forward pass.
    ax.plot([8.8, 10.0, 10.0], [6.2, 6.2, 2.6], color="#555555", lw=1)
    arrow = {"arrowstyle": "->", "color": "#555555", "shrinkA": 0}
    ax.annotate("", (9.8, 2.6), (10.0, 2.6), arrowprops=arrow)
    ax.text(10.05, 5.0, "predict", fontsize=8.5, rotation=270, va="center")
    ax.text(3.6, 6.75, "fit(X, y)", ha="center", family="monospace")
    ax.text(7.0, 6.75, "predict_proba(X)", ha="center", family="monospace")
    ax.set(xlim=(0, 13.5), ylim=(0.5, 7))
    ax.axis("off")
    figure.tight_layout(pad=0.2)
    figure.savefig(Path(__file__).with_name("modules.png"), dpi=100)


if __name__ == "__main__":
    main()
