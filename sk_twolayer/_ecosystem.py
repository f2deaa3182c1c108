"""What other packages ask of a fitted model: plain data, and an MLPClassifier.

A saved model holds the estimator and otherwise plain data only: arrays, numbers, lists
and dicts. Objects of this package become dicts with their type's name, without its
module's; so modules may move, and who loads a model by skops has one type to trust.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from sklearn.neural_network import MLPClassifier

from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._evidence.covariance import Covariance
from sk_twolayer._solvers import Adam, Momentum
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters

# Types of this package that a saved model needs, for what loads only types it is told.
TRUSTED_TYPES = ["sk_twolayer._estimator.TwoLayerSigmoidClassifier"]
# Attributes that are saved as a dict, with the type's name, so that there are no more.
KEPT_PLAIN = ("_standardisation", "_covariance", "_optimizer")
TYPES: dict[str, Any] = {
    kept.__name__: kept
    for kept in (Standardisation, *get_args(Covariance), Adam, Momentum)
}


def to_plain(state: dict[str, Any]) -> dict[str, Any]:
    """A model's attributes, as a copy, without objects of types of this package."""

    def plain(value: Any) -> Any:
        name = type(value).__name__
        if TYPES.get(name) is not type(value):
            return value
        named = isinstance(value, tuple)
        fields: dict[str, Any] = value._asdict() if named else vars(value)
        return {"type": name, "fields": dict(fields)}

    return state | {name: plain(state[name]) for name in KEPT_PLAIN if name in state}


def from_plain(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes that `to_plain` took, as a copy."""

    def restored(value: Any) -> Any:
        if value is None:
            return None
        kept, fields = TYPES[value["type"]], value["fields"]
        if issubclass(kept, tuple):
            return kept(**fields)
        made = kept.__new__(kept)
        vars(made).update(fields)
        return made

    return state | {name: restored(state[name]) for name in KEPT_PLAIN if name in state}


def mlp_with(parameters: Parameters, classes: Array, multilabel: bool) -> Any:
    """A fitted MLPClassifier, with logistic activation, that has these weights."""
    W1, b1, W2, b2 = parameters
    made = MLPClassifier((len(W1),), activation="logistic", random_state=0)
    # One sample a class, so that scikit-learn sets what it needs beside the weights.
    y = np.eye(len(classes), dtype=int) if multilabel else classes
    made.partial_fit(np.zeros((len(classes), W1.shape[1])), y, classes=classes)
    made.coefs_ = [W1.T.copy(), W2.T.copy()]
    made.intercepts_ = [b1[:, 0].copy(), b2[:, 0].copy()]
    # Its moments are of the weights before.
    del made._optimizer
    return made
