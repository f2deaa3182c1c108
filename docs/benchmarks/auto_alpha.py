"""alpha="auto" where it is a number: test log-loss by the penalty it stands for."""

import numpy as np
from _common import warnings
from _datasets import real
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sk_twolayer import TwoLayerSigmoidClassifier, _settings

warnings.simplefilter("ignore")
ALPHAS = [0.0, 0.1, 0.3, 1.0, 3.0]
SEEDS = 2
WAYS = {
    '`solver="adam"`': {"solver": "adam"},
    '`solver="adam"`, `early_stopping`': {"solver": "adam", "early_stopping": True},
    '`solver="gd"`, features scaled': {"solver": "gd"},
}


def losses(options, X, y, seed):
    """With each penalty; all are on the weights of standardised features."""
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    if options.get("solver") == "gd":
        mean, deviation = X.mean(axis=0), X.std(axis=0)
        deviation[deviation == 0] = 1
        X, X_test = ((Z - mean) / deviation for Z in (X, X_test))
    found = []
    for alpha in ALPHAS:
        _settings.AUTO_ALPHA = dict.fromkeys(_settings.AUTO_ALPHA, alpha)
        model = TwoLayerSigmoidClassifier(random_state=seed, **options).fit(X, y)
        found.append(log_loss(y_test, model.predict_proba(X_test), labels=np.unique(y)))
    return np.log(found) - np.log(np.min(found))


def main():
    print(
        "| times the best alpha's, mean (worst) | "
        + " | ".join(f"alpha = {alpha:g}" for alpha in ALPHAS)
        + " |"
    )
    print("| --- |" + " --- |" * len(ALPHAS))
    sets = real()
    for name, options in WAYS.items():
        ratios = [
            losses(options, X, y, seed)
            for X, y in sets.values()
            for seed in range(SEEDS)
        ]
        means, worst = np.exp(np.mean(ratios, axis=0)), np.exp(np.max(ratios, axis=0))
        cells = " | ".join(
            f"{mean:.2f} ({most:.2f})" for mean, most in zip(means, worst, strict=True)
        )
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
