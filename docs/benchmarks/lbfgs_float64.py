"""One L-BFGS iteration, 100 000 x 30, k = 64, float64, against MLPClassifier."""

import sys

import numpy as np
from _common import alternate, per_iteration, row, samples
from sklearn.neural_network import MLPClassifier

from sk_twolayer import TwoLayerSigmoidClassifier


def compare(dtype, target):
    X, y = samples(100_000, dtype=dtype)

    def ours(max_iter):
        TwoLayerSigmoidClassifier(
            64, alpha=1.0, max_iter=max_iter, tol=0, random_state=0
        ).fit(X, y)

    def theirs(max_iter):
        MLPClassifier(
            (64,),
            activation="logistic",
            solver="lbfgs",
            alpha=1.0,
            max_iter=max_iter,
            tol=0,
            random_state=0,
        ).fit(X, y)

    # Many of ours to few of theirs, so that both last long enough to be timed.
    a, b = alternate([per_iteration(ours, 5, 45), per_iteration(theirs, 2, 8)])
    row(
        f"one L-BFGS iteration, 100 000 × 30, k = 64, {np.dtype(dtype).name}",
        f"MLPClassifier, {np.dtype(dtype).name}",
        f"{1e3 * a:.1f}",
        f"{1e3 * b:.1f}",
        "ms",
        f"{b / a:.1f}×",
        target,
    )


if __name__ == "__main__":
    sys.exit(compare(np.float64, "≥ 8×"))
