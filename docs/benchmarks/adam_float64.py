"""An epoch of Adam, 100 000 x 30, k = 64, batch 200, against MLPClassifier."""

import numpy as np
from _common import alternate, per_iteration, row, samples
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from sk_twolayer import TwoLayerSigmoidClassifier

EPOCHS = 10


def compare(dtype, target):
    X, y = samples(100_000, dtype=dtype)
    # alpha / (2 n) here is alpha / (2 batch) there: the same penalty on both sides.
    alphas = {"ours": 0.05, "theirs": 0.05 * 200 / len(X)}

    def ours(max_iter):
        return TwoLayerSigmoidClassifier(
            64,
            solver="adam",
            alpha=alphas["ours"],
            batch_size=200,
            max_iter=max_iter,
            random_state=0,
        ).fit(X, y)

    def theirs(max_iter):
        return MLPClassifier(
            (64,),
            activation="logistic",
            alpha=alphas["theirs"],
            batch_size=200,
            max_iter=max_iter,
            random_state=0,
        ).fit(X, y)

    losses = [log_loss(y, fit(EPOCHS).predict_proba(X)) for fit in (ours, theirs)]
    a, b = alternate([per_iteration(ours, 1, 4), per_iteration(theirs, 1, 4)])
    row(
        f"an epoch of Adam, 100 000 × 30, k = 64, batch 200, {np.dtype(dtype).name} "
        f"(log-loss after {EPOCHS}: {losses[0]:.4f} and {losses[1]:.4f})",
        f"MLPClassifier, {np.dtype(dtype).name}",
        f"{1e3 * a:.0f}",
        f"{1e3 * b:.0f}",
        "ms",
        f"{b / a:.1f}×",
        target,
    )


if __name__ == "__main__":
    compare(np.float64, "≥ 2×")
