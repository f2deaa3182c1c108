"""Writes docs/_static/lesson.html and lesson_zh.html, the explorers in "The lesson".

python docs/images/lesson.py
"""

from pathlib import Path

import numpy as np

from sk_twolayer import network
from sk_twolayer.inspection import descent

X = np.array([[0, 1, 2, 2, 3, 4], [8, 6, 8, 4, 6, 6]])
Y = np.array([[0, 0, 1, 0, 1, 1]])
W1, b1 = np.array([[1, -0.5], [0.5, 0.5], [-1, 0]]), np.array([[2], [-4], [2]])
W2, b2 = np.array([[1, 1, -1]]), np.array([[-0.5]])

static = Path(__file__).parents[1] / "_static"
for page, language, names in (
    ("lesson", "en", ["hours studied", "hours slept"]),
    ("lesson_zh", "zh", ["学习小时数", "睡眠小时数"]),
):
    trace = descent(X, Y, (W1, b1, W2, b2), 0.3, 200, feature_names=names)
    trace.save(static / f"{page}.html", language=language)

if __name__ == "__main__":
    np.set_printoptions(precision=2, suppress=True)
    first = network.forward(X, W1, b1, W2, b2)
    for name, value in first._asdict().items():
        print(name, value, sep="\n")
    for Z2, when in ((first.Z2, "first"), (trace["Z2"].values, "last")):
        print(f"cost at the {when}: {network.cross_entropy(Z2, Y):.3f}")
