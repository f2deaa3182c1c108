"""Default settings on raw real data: 5-fold log-loss beside what people would pick.

The mean over three seeds, which draw the folds and the starting weights.
"""

import time

import numpy as np
from _common import warnings
from _datasets import real
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")


SEEDS = 3


def contestants(seed):
    mlp = MLPClassifier(random_state=seed)
    # nnet's own defaults: no decay, 100 iterations, weights in +-0.7, raw features.
    nnet = MLPClassifier(
        (16,),
        activation="logistic",
        solver="lbfgs",
        alpha=0,
        max_iter=100,
        random_state=seed,
    )
    return {
        "**ours**": TwoLayerSigmoidClassifier(random_state=seed),
        "MLP": mlp,
        "MLP, scaled": make_pipeline(StandardScaler(), mlp),
        "nnet's settings": nnet,
        "logistic, scaled": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000)
        ),
        "HistGB": HistGradientBoostingClassifier(random_state=seed),
    }


def scores(name, seed, X, y):
    """Log-loss, and seconds a fold."""
    cv = StratifiedKFold(5, shuffle=True, random_state=seed)
    start = time.perf_counter()
    model = contestants(seed)[name]
    found = cross_validate(model, X, y, cv=cv, scoring="neg_log_loss")
    return -found["test_score"].mean(), (time.perf_counter() - start) / 5


def main():
    names, sets = list(contestants(0)), real()
    # Each with one thread for BLAS and OpenMP, on as many cores as there are.
    found = Parallel(n_jobs=-1)(
        delayed(scores)(name, seed, X, y)
        for X, y in sets.values()
        for name in names
        for seed in range(SEEDS)
    )
    table = np.reshape(found, (len(sets), len(names), SEEDS, 2)).mean(axis=2)
    print("| data (n × m, classes) | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names))
    for (name, (X, y)), row in zip(sets.items(), table, strict=True):
        cells = " | ".join(f"{loss:.3f}" for loss in row[:, 0])
        n, m = X.shape
        print(f"| {name} ({n} × {m}, {len(set(y))}) | {cells} |")
    ranks = rankdata(table[:, :, 0], axis=1).mean(axis=0)
    print("| **mean rank** | " + " | ".join(f"{r:.2f}" for r in ranks) + " |")
    seconds = table[:, :, 1].mean(axis=0)
    print("| mean seconds a fold | " + " | ".join(f"{s:.2f}" for s in seconds) + " |")


if __name__ == "__main__":
    main()
