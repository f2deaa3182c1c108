"""The default alpha: 5-fold log-loss on the data sets that scikit-learn ships."""

import numpy as np
from _common import warnings
from _datasets import shipped
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")
ALPHAS = [0.01, 0.1, 0.3, 1.0, 3.0, 10.0]


def loss(alpha, scaled, X, y, seeds):
    losses = []
    for seed in range(seeds):
        model = TwoLayerSigmoidClassifier(10, alpha=alpha, random_state=seed)
        if scaled:
            model = make_pipeline(StandardScaler(), model)
        cv = StratifiedKFold(5, shuffle=True, random_state=seed)
        scores = cross_val_score(model, X, y, cv=cv, scoring="neg_log_loss")
        losses.append(-scores.mean())
    return np.mean(losses)


def main():
    print("| data | " + " | ".join(f"alpha = {a:g}" for a in ALPHAS) + " |")
    print("| --- |" + " --- |" * len(ALPHAS))
    relative = []
    for name, (X, y) in shipped().items():
        for scaled in (True, False):
            seeds = 1 if len(X) > 1000 else 3
            losses = [loss(alpha, scaled, X, y, seeds) for alpha in ALPHAS]
            relative.append(np.log(losses / np.min(losses)))
            cells = " | ".join(f"{value:.3f}" for value in losses)
            print(f"| {name}, {'scaled' if scaled else 'raw'} | {cells} |", flush=True)
    worst, typical = np.exp(np.max(relative, axis=0)), np.exp(np.mean(relative, axis=0))
    for label, row in (("geometric mean", typical), ("worst", worst)):
        cells = " | ".join(f"{value:.2f}" for value in row)
        print(f"| **{label}, times the best alpha's** | {cells} |")


if __name__ == "__main__":
    main()
