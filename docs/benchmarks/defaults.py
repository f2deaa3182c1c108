"""Default settings on raw real data: 5-fold log-loss beside what people would pick."""

import time

import numpy as np
from _common import warnings
from _datasets import real
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")


def contestants():
    ours = TwoLayerSigmoidClassifier(random_state=0)
    mlp = MLPClassifier(random_state=0)
    # nnet's own defaults: no decay, 100 iterations, weights in +-0.7, raw features.
    nnet = MLPClassifier(
        (16,),
        activation="logistic",
        solver="lbfgs",
        alpha=0,
        max_iter=100,
        random_state=0,
    )
    return {
        "**ours**": ours,
        "ours, scaled": make_pipeline(StandardScaler(), ours),
        "MLP": mlp,
        "MLP, scaled": make_pipeline(StandardScaler(), mlp),
        "nnet's settings": nnet,
        "logistic, scaled": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000)
        ),
        "HistGB": HistGradientBoostingClassifier(random_state=0),
    }


def main():
    models = contestants()
    print("| data (n × m, classes) | " + " | ".join(models) + " |")
    print("| --- |" + " --- |" * len(models))
    table, clocks = [], []
    for name, (X, y) in real().items():
        cv = StratifiedKFold(5, shuffle=True, random_state=0)
        losses, times = [], []
        for model in models.values():
            start = time.perf_counter()
            scores = cross_validate(model, X, y, cv=cv, scoring="neg_log_loss")
            losses.append(-scores["test_score"].mean())
            times.append((time.perf_counter() - start) / 5)
        table.append(losses)
        clocks.append(times)
        cells = " | ".join(f"{loss:.3f}" for loss in losses)
        n, m = X.shape
        print(f"| {name} ({n} × {m}, {len(set(y))}) | {cells} |", flush=True)
    ranks = np.mean([rankdata(losses) for losses in table], axis=0)
    print("| **mean rank** | " + " | ".join(f"{r:.2f}" for r in ranks) + " |")
    seconds = np.mean(clocks, axis=0)
    print("| mean seconds a fold | " + " | ".join(f"{s:.2f}" for s in seconds) + " |")


if __name__ == "__main__":
    main()
