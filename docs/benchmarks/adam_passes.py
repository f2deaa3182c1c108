"""What a pass teaches: test log-loss after 1, 3, 10 and 30, against MLPClassifier.

Both at their defaults, once by solver="adam" in `fit`, once by `partial_fit` in
batches of 100. MLPClassifier is behind a StandardScaler fitted on all training rows;
this network takes the features as they come.
"""

import numpy as np
from _common import warnings
from _datasets import real
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")
PASSES = (1, 3, 10, 30)
BATCH = 100
SEEDS = 3


def ours(**options):
    return TwoLayerSigmoidClassifier(solver="adam", **options)


def by_fit(kind, X, y, seed):
    """Models after so many passes."""
    never = np.inf if kind is ours else 1000
    for passes in PASSES:
        options = {"max_iter": passes, "tol": 0, "n_iter_no_change": never}
        yield kind(random_state=seed, **options).fit(X, y)


def by_partial_fit(kind, X, y, seed):
    """The same model after so many passes."""
    model, rng = kind(random_state=seed), np.random.default_rng(seed)
    for passes in range(1, PASSES[-1] + 1):
        order = rng.permutation(len(y))
        for start in range(0, len(y), BATCH):
            rows = order[start : start + BATCH]
            model.partial_fit(X[rows], y[rows], classes=np.unique(y))
        if passes in PASSES:
            yield model


def results(X, y, seed):
    """Log-loss and accuracy: way x model x passes x 2."""
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    scaler = StandardScaler().fit(X)
    data = {
        ours: (X, X_test),
        MLPClassifier: (scaler.transform(X), scaler.transform(X_test)),
    }
    return [
        [
            [
                (
                    log_loss(y_test, model.predict_proba(test), labels=np.unique(y)),
                    model.score(test, y_test),
                )
                for model in way(kind, train, y, seed)
            ]
            for kind, (train, test) in data.items()
        ]
        for way in (by_fit, by_partial_fit)
    ]


def cells(pairs, digits=3):
    return " | ".join(f"{a:.{digits}f} / {b:.{digits}f}" for a, b in pairs)


def main():
    heads = [f"{way}, {p}" for way in ("fit", "partial_fit") for p in PASSES]
    print("| ours / MLP | " + " | ".join(heads) + " |")
    print("| --- |" + " --- |" * len(heads))
    ratios, accuracies = [], []
    for name, (X, y) in real().items():
        found = np.mean([results(X, y, seed) for seed in range(SEEDS)], axis=0)
        # By way and passes: this network's and the peer's.
        losses, accuracy = np.moveaxis(found, (1, 3), (3, 0)).reshape(2, -1, 2)
        print(f"| {name} | {cells(losses)} |", flush=True)
        ratios.append(np.log(losses[:, 0] / losses[:, 1]))
        accuracies.append(accuracy)
    for label, of_all in (("geometric mean", np.mean), ("worst", np.max)):
        row = " | ".join(f"{ratio:.2f}" for ratio in np.exp(of_all(ratios, axis=0)))
        print(f"| **{label} of ratios** | {row} |")
    print(f"| **mean accuracy** | {cells(np.mean(accuracies, axis=0))} |")


if __name__ == "__main__":
    main()
