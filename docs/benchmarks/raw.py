"""Raw features against scaled ones: 5-fold log-loss, mean over four seeds."""

import numpy as np
from _common import warnings
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")


def loss(make, X, y):
    return np.mean(
        [
            -cross_val_score(make(seed), X, y, cv=5, scoring="neg_log_loss").mean()
            for seed in range(4)
        ]
    )


def main():
    print(
        "| data | raw | scaled | ratio | raw, tol=1e-6 | scaled, tol=1e-6 | ratio "
        "| MLP lbfgs, raw | MLP adam, raw |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    X, y = load_wine(return_X_y=True)
    for name, X, y in (  # noqa: B020
        ("breast cancer", *load_breast_cancer(return_X_y=True)),
        ("wine, class 1", X, (y == 1).astype(int)),
    ):
        cells = []
        for options in ({}, {"tol": 1e-6, "max_iter": 10_000}):

            def ours(seed, options=options):
                return TwoLayerSigmoidClassifier(random_state=seed, **options)

            raw = loss(ours, X, y)
            scaled = loss(lambda s: make_pipeline(StandardScaler(), ours(s)), X, y)
            cells += [f"{raw:.4f}", f"{scaled:.4f}", f"{raw / scaled:.2f}"]
        for solver in ("lbfgs", "adam"):
            mlp = loss(lambda s: MLPClassifier(solver=solver, random_state=s), X, y)  # noqa: B023
            cells.append(f"{mlp:.4f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
