"""The default against MLPClassifier's default behind a scaler: fit, predict, pickle.

Side by side in one run; two classes, thirty features. Log-loss on 10 000 new rows.
"""

import pickle
import sys
import time

import numpy as np
from _common import PAUSE, alternate, samples, seconds, warnings
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")
NEW = 10_000


def contestants():
    mlp = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    return TwoLayerSigmoidClassifier(random_state=0), mlp


def family(n):
    """Twelve informative features, four clusters a class, noisy labels."""
    X, y = make_classification(
        n + NEW,
        30,
        n_informative=12,
        n_redundant=6,
        n_clusters_per_class=4,
        class_sep=1.2,
        flip_y=0.05,
        random_state=0,
    )
    return X[:n], y[:n], X[n:], y[n:]


def fits(n):
    """One row: seconds and log-loss of both."""
    X, y, X_new, y_new = family(n)
    models, cells = contestants(), []
    repeats = 3 if n <= 3000 else 1
    for model in models:
        time.sleep(PAUSE)
        taken = np.median(
            [seconds(lambda m=model: m.fit(X, y)) for _ in range(repeats)]
        )
        cells.append((taken, log_loss(y_new, model.predict_proba(X_new))))
    (ours, our_loss), (theirs, their_loss) = cells
    print(
        f"| fit, n = {n} | {ours:.2f} s | {theirs:.2f} s | {ours / theirs:.2f} × "
        f"| {our_loss:.3f} | {their_loss:.3f} |",
        flush=True,
    )


def main():
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    print(
        "| work | default | MLPClassifier, scaled | ratio | log-loss | its log-loss |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for n in (300, 3000, 30_000, 300_000):
        if n <= largest:
            fits(n)
    X, y = samples(1000)
    models = [model.fit(X, y) for model in contestants()]
    for n in (1, 1000, 1_000_000):
        rows, _ = samples(n, seed=1)
        calls = max(1, 10_000 // n)

        def predict(model, rows=rows, calls=calls):
            for _ in range(calls):
                model.predict_proba(rows)

        both = [
            lambda m=m, predict=predict: seconds(lambda: predict(m)) for m in models
        ]
        ours, theirs = alternate(both) / calls
        print(
            f"| predict_proba, {n} rows | {1000 * ours:.3g} ms | {1000 * theirs:.3g} ms "
            f"| {ours / theirs:.2f} × | | |"
        )
    ours, theirs = (len(pickle.dumps(model)) / 1000 for model in models)
    print(
        f"| pickle, 1000 rows | {ours:.0f} kB | {theirs:.0f} kB "
        f"| {ours / theirs:.2f} × | | |"
    )
    X, y = samples(1_000_000)
    model = TwoLayerSigmoidClassifier(random_state=0).fit(X[:10], y[:10])
    n_hidden = TwoLayerSigmoidClassifier(random_state=0, max_iter=1).fit(X, y).n_hidden_
    default = seconds(lambda: model.fit(X, y))
    number = TwoLayerSigmoidClassifier(n_hidden, alpha=1.0, random_state=0)
    plain = seconds(lambda: number.fit(X, y))
    print(
        f"| fit, 1 000 000 rows, against alpha=1 and {n_hidden} neurons | {default:.1f} s "
        f"| {plain:.1f} s | {default / plain:.2f} × | | |"
    )


if __name__ == "__main__":
    main()
