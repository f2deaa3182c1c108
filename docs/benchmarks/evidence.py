"""alpha chosen by cross-validation and by the evidence beside what people would pick: quality, and seconds.

5-fold on raw real data, shuffled thrice; each contestant scales, searches or chooses as
it would be used.

    python docs/benchmarks/evidence.py [contestant ...]
"""

import sys
import time

import numpy as np
from _common import warnings
from _datasets import real
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")
N_HIDDEN = 10
# A Gaussian process takes the cube of the samples.
GP_SAMPLES = 1000
SHUFFLES = 3


def ours(**options):
    return TwoLayerSigmoidClassifier(N_HIDDEN, random_state=0, **options)


def scaled(model):
    return make_pipeline(StandardScaler(), model)


def contestants():
    five = {"n_init": 5, "committee": True}
    search = {"scoring": "neg_log_loss", "cv": StratifiedKFold(3)}
    mlp = MLPClassifier(random_state=0)
    kernel = ConstantKernel() * RBF()
    return {
        "auto": ours(alpha="auto"),
        "auto, committee": ours(alpha="auto", **five),
        "evidence": ours(alpha="evidence"),
        "ard": ours(alpha="ard"),
        "evidence, best of five": ours(alpha="evidence", n_init=5),
        "evidence, committee": ours(alpha="evidence", **five),
        "ard, committee": ours(alpha="ard", **five),
        "alpha = 1": ours(alpha=1.0),
        "grid search": GridSearchCV(
            scaled(ours(alpha=1.0)),
            {"twolayersigmoidclassifier__alpha": np.logspace(-2, 2, 9)},
            **search | {"cv": StratifiedKFold(5)},
        ),
        "MLP": scaled(mlp),
        "MLP, grid search": GridSearchCV(
            scaled(mlp), {"mlpclassifier__alpha": [1e-4, 1e-2, 1, 10]}, **search
        ),
        "logistic CV": scaled(
            LogisticRegressionCV(max_iter=1000, scoring="neg_log_loss")
        ),
        "HistGB": HistGradientBoostingClassifier(random_state=0),
        "forest": RandomForestClassifier(random_state=0),
        "Gaussian process": scaled(GaussianProcessClassifier(kernel, random_state=0)),
    }


def calibration_error(y, proba):
    """Mean gap between confidence and accuracy over ten bins of confidence."""
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [abs(np.sum((confidence - right)[bins == b])) for b in range(10)]
    return sum(gaps) / len(y)


def scores(model, X, y, seed):
    """Log-loss, Brier score, calibration error and seconds of a fit, over 5 folds."""
    if "Gaussian" in str(model) and len(X) > GP_SAMPLES:
        return [np.nan] * 4
    results = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
        start = time.perf_counter()
        model.fit(X[train], y[train])
        seconds = time.perf_counter() - start
        # As everyone's does, log-loss has its probabilities at most 1 - eps.
        proba = model.predict_proba(X[test])
        brier = np.square(proba - np.eye(proba.shape[1])[y[test]]).sum(axis=1).mean()
        error = calibration_error(y[test], proba)
        results.append([log_loss(y[test], proba), brier, error, seconds])
    return np.mean(results, axis=0)


def main(names):
    models = contestants()
    models = {name: models[name] for name in names or models}
    sets = real()
    # Each with one thread for BLAS and OpenMP, on as many cores as there are.
    found = Parallel(n_jobs=-1)(
        delayed(scores)(model, X, y, seed)
        for X, y in sets.values()
        for model in models.values()
        for seed in range(SHUFFLES)
    )
    table = np.reshape(found, (len(sets), len(models), SHUFFLES, 4)).mean(axis=2)
    print("| data (n × m, classes) | " + " | ".join(models) + " |")
    print("| --- |" + " --- |" * len(models))
    for (name, (X, y)), row in zip(sets.items(), table, strict=True):
        cells = " | ".join("—" if np.isnan(v) else f"{v:.3f}" for v in row[:, 0])
        print(f"| {name} ({len(X)} × {X.shape[1]}, {len(set(y))}) | {cells} |")
    # The Gaussian process is not on every set, and so out of the ranking.
    ranked = ~np.isnan(table[:, :, 0]).any(axis=0)
    for i, measure in enumerate(["log-loss", "Brier score", "calibration error"]):
        ranks = np.full(len(models), np.nan)
        ranks[ranked] = rankdata(table[:, ranked, i], axis=1).mean(axis=0)
        cells = " | ".join("—" if np.isnan(r) else f"{r:.2f}" for r in ranks)
        print(f"| **mean rank, {measure}** | {cells} |")
    if "grid search" in models:
        of_search = table[:, list(models).index("grid search"), 0]
        better = (table[:, :, 0] < of_search[:, None]).sum(axis=0)
        counts = [str(n) if r else "—" for n, r in zip(better, ranked, strict=True)]
        print(
            f"| sets with less log-loss than grid search, of {len(sets)} | "
            + " | ".join(counts)
            + " |"
        )
    for i, measure in enumerate(["log-loss", "Brier score", "calibration error"]):
        cells = " | ".join(f"{v:.3f}" for v in np.nanmean(table[:, :, i], axis=0))
        print(f"| mean {measure} | {cells} |")
    cells = " | ".join(f"{v:.3f}" for v in np.nanmean(table[:, :, 3], axis=0))
    print(f"| mean seconds a fit | {cells} |")


if __name__ == "__main__":
    main(sys.argv[1:])
