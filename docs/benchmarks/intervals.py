"""How often intervals of probabilities hold the true ones, on simulated data.

    python docs/benchmarks/intervals.py [families of n, several]

The truth is known, so that each interval of new samples holds it or does not. `TUNED`
families were looked at when the default's covariance was made, `HELD_BACK` ones were not.
"""

import pickle
import sys

import numpy as np
from _common import alternate, samples, seconds, warnings
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer._evidence.jacobian import hidden_layer

warnings.simplefilter("ignore")
LEVEL, NEW = 0.9, 1000
# Data sets of each size; large ones take long, and differ less.
REPEATS = {200: 8, 1000: 4, 5000: 2}
# Features, and the log-odds of the second class, or Z2 of several classes.
TUNED = {
    "linear": (5, lambda X: 1.5 * X[:, 0] - X[:, 1] + 0.5 * X[:, 2] - 0.5),
    "sine": (2, lambda X: 2 * np.sin(2 * X[:, 0]) + X[:, 1]),
    "product": (10, lambda X: X[:, 0] + 1.5 * X[:, 1] * X[:, 2]),
    "steep": (5, lambda X: 6 * (X[:, 0] + np.sin(1.5 * X[:, 1]))),
    "bump": (
        30,
        lambda X: 3 * np.exp(-np.square(X[:, :2]).sum(axis=1)) - 1 + 0.5 * X[:, 2],
    ),
    "additive": (
        8,
        lambda X: 1.5 * np.tanh(2 * X[:, 0]) + np.abs(X[:, 1]) - 0.8 * X[:, 2] - 0.8,
    ),
}
HELD_BACK = {
    "step": (4, lambda X: np.where(X[:, 0] > 0.5, 2.0, -1.0) + X[:, 1]),
    "ridge": (15, lambda X: 4 * np.sin(X[:, :5].sum(axis=1) / 2) - 1),
    "three classes": (
        4,
        lambda X: np.column_stack([X[:, 0] + X[:, 1] ** 2, 1 - X[:, 1], X[:, 2]]),
    ),
}


def draw(family, n, seed):
    """Samples, their classes, and new samples with the true probabilities."""
    m, function = {**TUNED, **HELD_BACK}[family]
    rng = np.random.RandomState(100 * seed + n)
    X = rng.normal(size=(n + NEW, m))
    if family == "additive":
        # Features that go together.
        X = 0.7 * X + 0.6 * rng.normal(size=(len(X), 1))
    Z2 = function(X)
    true = softmax(Z2, axis=1) if Z2.ndim > 1 else expit(np.column_stack([-Z2, Z2]))
    y = (rng.uniform(size=(len(X), 1)) > true.cumsum(axis=1)).sum(axis=1)
    return X[:n], y[:n], X[n:], true[n:]


def held(ends, true):
    """Part of the intervals that hold the truth, and their mean width."""
    lower, upper = ends
    inside = (lower <= true) & (true <= upper)
    return np.mean(inside), np.mean(upper - lower)


def of_last_layer(model, X, new):
    """The intervals of two classes if W1 and b1 were known."""

    def layer(A):
        return hidden_layer(np.tanh((A @ model.W1_.T + model.b1_.T) / 2))[0]

    alpha = np.ravel(model.alpha_)[-1]
    precision = np.append(np.full(model.n_hidden_, alpha), 0.01)
    slopes = np.prod(model.predict_proba(X), axis=1)
    hessian = (layer(X).T * slopes) @ layer(X)
    inverse = np.linalg.inv(hessian + np.diag(precision))
    rows, Z2 = layer(new), model.decision_function(new)
    reach = 1.645 * np.sqrt(np.einsum("ij,jk,ik->i", rows, inverse, rows))
    low, high = expit(Z2 - reach), expit(Z2 + reach)
    return np.column_stack([1 - high, low]), np.column_stack([1 - low, high])


def row(family, n):
    """Coverage of each contestant, its mean over data sets; and the default's width."""
    found = []
    for seed in range(REPEATS[n]):
        X, y, new, true = draw(family, n, seed)
        default = TwoLayerSigmoidClassifier(random_state=seed)
        model = clone(default).fit(X, y)
        coverage = [*held(model.predict_interval(new, LEVEL), true)]
        covariance = model._covariance
        more, covariance.more = covariance.more, covariance.more[:0]
        coverage.append(held(model.predict_interval(new, LEVEL), true)[0])
        covariance.more = more
        last = np.nan
        if true.shape[1] == 2:
            last = held(of_last_layer(model, X, new), true)[0]
        coverage.append(last)
        for options in ({"alpha": 1.0}, {"alpha": "evidence", "n_hidden": 10}):
            other = clone(default).set_params(**options).fit(X, y)
            coverage.append(held(other.predict_interval(new, LEVEL), true)[0])
        found.append(coverage)
    return np.mean(found, axis=0)


def line(name, n, values):
    cells = " | ".join("—" if np.isnan(v) else f"{v:.2f}" for v in values)
    print(f"| {name} | {n} | {cells} |", flush=True)


def cost():
    """What the default's covariance costs: seconds of a fit, and bytes."""
    from sk_twolayer import _training

    made = _training.laplace
    print("\n| data | fit | of it for intervals | pickle | MLPClassifier's |")
    print("|---|---|---|---|---|")
    for name, (X, y) in {
        "1000 × 30": samples(1000),
        "digits, 1797 × 64": load_digits(return_X_y=True),
    }.items():
        model = TwoLayerSigmoidClassifier(random_state=0)
        spent = []

        def timed(*given, spent=spent):
            found = []
            spent.append(seconds(lambda: found.append(made(*given))))
            return found[0]

        _training.laplace = timed
        (whole,) = alternate([lambda m=model, X=X, y=y: seconds(lambda: m.fit(X, y))])
        _training.laplace = made
        mlp = MLPClassifier(random_state=0).fit(X, y)
        size, theirs = (len(pickle.dumps(m)) / 1000 for m in (model, mlp))
        print(
            f"| {name} | {whole:.2f} s | {100 * np.median(spent) / whole:.1f} % "
            f"| {size:.0f} kB | {theirs:.0f} kB |"
        )


def main(names):
    print(
        "| family | n | default | its width | penalty taken as known "
        "| last layer alone | alpha=1 | evidence, 10 neurons |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for n in REPEATS:
        rows = {}
        for family in names or {**TUNED, **HELD_BACK}:
            rows[family] = row(family, n)
            kind = "" if family in TUNED else " (held back)"
            line(family + kind, n, rows[family])
        line("**mean**", n, np.nanmean([*rows.values()], axis=0))
    cost()


if __name__ == "__main__":
    main(sys.argv[1:])
