"""Quality of the optimum: cost after equal iterations, median over ten seeds.

MLPClassifier's cost at equal alpha against ours, and ours with other initial weights
and L-BFGS memories, which is how the two were chosen.
"""

import numpy as np
from _common import warnings
from _datasets import shipped
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier, _solvers, _training
from sk_twolayer._start import initial_parameters

warnings.simplefilter("ignore")
ITERATIONS, SEEDS = 100, 10


def scaled_by(factor):
    """The starting weights, multiplied."""

    def draw(rng, layout, standardisation, *options):
        start = initial_parameters(rng, layout, standardisation, *options)
        center = standardisation.center
        W1, b1 = factor * start.W1, start.b1 + (start.W1 @ center)[:, None]
        b1 = factor * b1 - (W1 @ center)[:, None]
        return start._replace(W1=W1, b1=b1, W2=factor * start.W2, b2=factor * start.b2)

    return draw


def median_cost(model, X, y):
    costs = [
        model.set_params(random_state=seed).fit(X, y).loss_ for seed in range(SEEDS)
    ]
    return np.median(costs)


def ours(X, y, draw=initial_parameters, memory=_solvers.MEMORY):
    before = _training.initial_parameters, _solvers.MEMORY
    _training.initial_parameters, _solvers.MEMORY = draw, memory
    try:
        model = TwoLayerSigmoidClassifier(16, alpha=1.0, max_iter=ITERATIONS, tol=1e-8)
        return median_cost(model, X, y)
    finally:
        _training.initial_parameters, _solvers.MEMORY = before


def main():
    variants = {
        "ours": {},
        "weights × 0.5": {"draw": scaled_by(0.5)},
        "weights × 2": {"draw": scaled_by(2)},
        "memory 5": {"memory": 5},
        "memory 10": {"memory": 10},
        "memory 40": {"memory": 40},
    }
    print("| data, alpha = 1 | MLPClassifier | " + " | ".join(variants) + " |")
    print("| --- |" + " --- |" * (1 + len(variants)))
    for name, (X, y) in shipped().items():
        X = StandardScaler().fit_transform(X)
        mlp = MLPClassifier(
            (16,),
            activation="logistic",
            solver="lbfgs",
            alpha=1.0,
            max_iter=ITERATIONS,
            tol=1e-8,
        )
        costs = [median_cost(mlp, X, y)]
        costs += [ours(X, y, **options) for options in variants.values()]
        cells = " | ".join(f"{cost:.5f}" for cost in costs)
        print(f"| {name}, scaled | {cells} |", flush=True)


if __name__ == "__main__":
    main()
