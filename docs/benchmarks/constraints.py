"""What monotonic constraints cost: CPU seconds of a fit, in turns, and log-loss.

The truth obeys the constraints of three of eight features.

    python docs/benchmarks/constraints.py
"""

import time

import numpy as np
from _common import alternate, warnings
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")
SIGNS = [1, -1, 1, 0, 0, 0, 0, 0]
NEW, SEEDS = 10_000, 3


def draw(n, seed):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n + NEW, 8))
    Z2 = 2 * np.tanh(2 * X[:, 0]) - X[:, 1] + np.maximum(X[:, 2], 0)
    Z2 += np.sin(2 * X[:, 3]) * X[:, 4]
    y = (rng.uniform(size=len(X)) < expit(Z2)).astype(int)
    return X[:n], y[:n], X[n:], y[n:]


def seconds(model, X, y):
    """Of all cores: what else the machine does counts little."""
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start


def row(name, model, n):
    """Medians over seeds of both fits' seconds, and mean log-loss on new samples."""
    found = []
    for seed in range(SEEDS):
        X, y, X_new, y_new = draw(n, seed)
        models = [
            clone(model).set_params(monotonic_cst=signs, random_state=seed)
            for signs in (None, SIGNS)
        ]
        fits = [lambda m=m, X=X, y=y: seconds(m, X, y) for m in models]
        taken = alternate(fits, repeats=3)
        losses = [log_loss(y_new, m.predict_proba(X_new)) for m in models]
        found.append([*taken, taken[1] / taken[0], *losses])
    plain, bound, ratio = np.median(found, axis=0)[:3]
    losses = np.mean(found, axis=0)[3:]
    print(
        f"| {name} | {n} | {plain:.2f} s | {bound:.2f} s | {ratio:.2f} × "
        f"| {losses[0]:.3f} | {losses[1]:.3f} |",
        flush=True,
    )


def main():
    print("| model | n | plain fit | constrained | ratio | log-loss | constrained |")
    print("|---|---|---|---|---|---|---|")
    ours = TwoLayerSigmoidClassifier
    models = {
        "default": ours(),
        "alpha=1": ours(alpha=1.0),
        "evidence, 10 neurons": ours(10, alpha="evidence"),
        "ard, 10 neurons": ours(10, alpha="ard"),
        "adam": ours(solver="adam", max_iter=50),
        "HistGradientBoosting": HistGradientBoostingClassifier(),
    }
    for n in (300, 2000):
        for name, model in models.items():
            row(name, model, n)


if __name__ == "__main__":
    main()
