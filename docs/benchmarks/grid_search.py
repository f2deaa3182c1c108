"""GridSearchCV, 20 candidates x 5 folds, breast cancer, against MLPClassifier.

Both have 100 hidden neurons, MLPClassifier's default; `grid_search_small.py` has ten,
this classifier's own.
"""

from contextlib import nullcontext

import numpy as np
from _common import row, side_by_side
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sk_twolayer import TwoLayerSigmoidClassifier

ALPHAS = np.geomspace(0.03, 30, 20)


def compare(blas_threads, peer, target, neurons=100, repeats=3):
    X, y = load_breast_cancer(return_X_y=True)

    def search(model, context, alphas):
        grid = {f"{type(model).__name__.lower()}__alpha": alphas}
        with context:
            GridSearchCV(make_pipeline(StandardScaler(), model), grid).fit(X, y)

    def ours(alphas=ALPHAS):
        model = TwoLayerSigmoidClassifier(neurons, random_state=0)
        search(model, nullcontext(), alphas)

    def theirs(alphas=ALPHAS):
        model = MLPClassifier(
            (neurons,),
            activation="logistic",
            solver="lbfgs",
            max_iter=1000,
            random_state=0,
        )
        context = threadpool_limits(blas_threads) if blas_threads else nullcontext()
        search(model, context, alphas)

    # The warm-up: a whole search more would take the peer a minute.
    for contestant in (ours, theirs):
        contestant(ALPHAS[:1])
    a, b = side_by_side([ours, theirs], repeats=repeats, lost=0)
    row(
        "GridSearchCV, 20 candidates × 5 folds, breast cancer, scaled, lbfgs, "
        f"k = {neurons}",
        peer,
        f"{a:.2f}",
        f"{b:.2f}",
        "s",
        f"{b / a:.1f}×",
        target,
    )


if __name__ == "__main__":
    compare(None, "MLPClassifier, default threads", "≥ 12×", repeats=1)
