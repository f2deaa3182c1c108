"""What a user writes; mypy --strict checks it, and no test runs it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sk_twolayer import TRUSTED_TYPES, TwoLayerSigmoidClassifier, network


class Matrix:
    """What type stubs say of a matrix of scipy.sparse, which has none of its own."""

    shape = (3, 2)


def use_sparse(X: sparse.csr_array, Y: Matrix) -> float:
    model = TwoLayerSigmoidClassifier().fit(X, Y)
    model.partial_fit(Y, Y).predict(Y)
    Z2, std = model.decision_function(Y, return_std=True)
    other: NDArray[Any] = model.input_gradient(Y) + model.decision_function(Y)
    probabilities: NDArray[Any] = model.predict_proba(Y) + model.predict_log_proba(Y)
    return model.score(Y, Y) + float(other[0] + probabilities[0] + Z2[0] + std[0])


def use(X: NDArray[np.float64], y: list[str]) -> NDArray[Any]:
    model = TwoLayerSigmoidClassifier(8, alpha=0.5, solver="adam", n_jobs=None)
    probabilities: NDArray[Any] = model.fit(X, y).predict_proba(X)
    model.partial_fit(X, y, classes=["a", "b"], sample_weight=[1.0] * len(y))
    names: list[str] = TRUSTED_TYPES
    importances: NDArray[Any] = model.feature_importances_
    labels: NDArray[Any] = model.to_mlp().predict(X)
    assert len(importances) == model.n_layers_ and len(labels) > len(names)
    losses: list[float] = model.loss_curve_
    parameters = network.Parameters(model.W1_, model.b1_, model.W2_, model.b2_)
    activations = network.forward(X.T, *parameters)
    A2: NDArray[Any] = activations.A2
    difference: NDArray[Any] = probabilities[:, 1] - A2[0] * len(losses)
    return difference
