"""The same samples told otherwise: largest change of a probability by the default.

Rows in another order; weights 0 to 3 against rows repeated as often; every second
feature in another unit (times 1000); one thread against all. The real sets of the
learning curves, 500 rows each.
"""

import numpy as np
from _common import warnings
from _datasets import TUNED, draw
from joblib import Parallel, delayed

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")
N = 500


def probabilities(X, y, X_new, weight=None, **options):
    model = TwoLayerSigmoidClassifier(random_state=0, **options)
    return model.fit(X, y, sample_weight=weight).predict_proba(X_new)


def changes(name):
    warnings.simplefilter("ignore")
    drawn = draw(name, N, 0) or draw(name, 350, 0)
    X, y, X_new, _ = drawn
    rng = np.random.RandomState(0)
    order, weight = rng.permutation(len(y)), rng.randint(0, 4, len(y))
    repeated = np.repeat(np.arange(len(y)), weight)
    units = np.where(np.arange(X.shape[1]) % 2, 1000.0, 1.0)
    plain = probabilities(X, y, X_new)
    pairs = [
        (probabilities(X[order], y[order], X_new), plain),
        (
            probabilities(X, y, X_new, weight),
            probabilities(X[repeated], y[repeated], X_new),
        ),
        (probabilities(X * units, y, X_new * units), plain),
        (probabilities(X, y, X_new, n_jobs=1), plain),
    ]
    return [float(np.abs(a - b).max()) for a, b in pairs]


def main():
    found = np.array(Parallel(n_jobs=-1)(delayed(changes)(name) for name in TUNED))
    print("| data | row order | weights or repeated rows | units | threads |")
    print("| --- | --- | --- | --- | --- |")
    for name, row in zip(TUNED, found, strict=True):
        print(f"| {name} | " + " | ".join(f"{c:.0e}" for c in row) + " |")
    for what, values in (("median", np.median(found, 0)), ("worst", found.max(0))):
        cells = " | ".join(f"{c:.0e}" for c in values)
        print(f"| **{what}** | {cells} |")


if __name__ == "__main__":
    main()
