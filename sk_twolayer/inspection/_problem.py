"""The article's matrices of an estimator and its data, or of plain parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_twolayer._arrays import to_numpy, with_numpy
from sk_twolayer._estimator import TwoLayerSigmoidClassifier
from sk_twolayer._fitted import FittedNetwork, fitted
from sk_twolayer._labels import (
    encode_for_classes,
    encode_labels,
    is_indicator,
    plain_labels,
)
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters


class Problem(NamedTuple):
    """What a forward and a backward pass need, with names.

    Attributes
    ----------
    X : ndarray of shape (m, n), float64
        Samples in columns.
    Y : ndarray of shape (K, n), float64
        Targets, 0 or 1.
    parameters : Parameters
        W1, b1, W2 and b2.
    output : {"sigmoid", "softmax"}
        The output's activation.
    features, samples, outputs : list of str
        Names along m, n and K.
    """

    X: Array
    Y: Array
    parameters: Parameters
    output: str
    features: list[str]
    samples: list[str]
    outputs: list[str]


class Inner(NamedTuple):
    """The network inside a fitted estimator, and what reaches it.

    Attributes
    ----------
    network : TwoLayerSigmoidClassifier
        Fitted.
    X : array-like, sparse matrix or None
        Samples as the network gets them.
    features : list of str or None
        Names of its features; None where nothing gives them any.
    """

    network: Any
    X: Any
    features: list[str] | None


def inner_network(estimator: Any, X: Any = None) -> Inner:
    """Find the network in a pipeline or a search, and take X there.

    Parameters
    ----------
    estimator : TwoLayerSigmoidClassifier, Pipeline or search such as GridSearchCV
        Fitted; a pipeline ends in one, and of a search the best estimator counts.
    X : array-like or sparse matrix of shape (n, m), float, default=None
        Samples as the estimator takes them.

    Returns
    -------
    Inner
        The network and what its pipeline makes of X and of its features' names.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no such network in it.
    """
    whole, names = estimator, None
    while not isinstance(estimator, TwoLayerSigmoidClassifier):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            check_is_fitted(estimator)
            steps = [s for _, s in estimator.steps if s not in (None, "passthrough")]
            for step in steps[:-1]:
                names = _names_after(step, names)
                X = None if X is None else step.transform(X)
            estimator = steps[-1] if steps else None
        else:
            raise TypeError(
                "estimator must be a TwoLayerSigmoidClassifier, a Pipeline that ends in "
                "one, or a fitted search over either that has a best_estimator_; got "
                f"{whole!r}."
            )
    check_is_fitted(estimator)
    if hasattr(estimator, "feature_names_in_"):
        names = estimator.feature_names_in_
    return Inner(
        with_numpy(estimator), X, None if names is None else [str(n) for n in names]
    )


def _names_after(step: Any, names: Any) -> Any:
    """Names of what a step gives; None where it does not say."""
    if names is None:
        names = getattr(step, "feature_names_in_", None)
    try:
        return step.get_feature_names_out(names)
    except (AttributeError, ValueError):
        return None


def problem_of_estimator(estimator: Any, X: Any, y: Any) -> Problem:
    """Matrices of a fitted estimator, and of data in scikit-learn's layout.

    Parameters
    ----------
    estimator : TwoLayerSigmoidClassifier, Pipeline or search such as GridSearchCV
        Fitted.
    X : array-like or sparse matrix of shape (n, m), float
        Samples in rows.
    y : array-like of shape (n,) or (n, L)
        Labels that the estimator was fitted with.

    Returns
    -------
    Problem
        The matrices, samples in columns.

    Raises
    ------
    ValueError
        If X or y do not fit the estimator.
    """
    names = getattr(X, "index", None)
    estimator, X, features = inner_network(estimator, X)
    X, y = to_numpy(X), plain_labels(to_numpy(y))
    X = validate_data(estimator, X, accept_sparse="csr", dtype=np.float64, reset=False)
    X = X.toarray() if sparse.issparse(X) else X
    classes, n_outputs = estimator.classes_, estimator.n_outputs_
    if len(y) != len(X):
        raise ValueError(f"y has {len(y)} samples, but X has {len(X)}.")
    binary = n_outputs == 1 and len(classes) == 2
    if is_indicator(y):
        if y.shape[1] != n_outputs:
            raise ValueError(f"y has {y.shape[1]} columns; it needs {n_outputs}.")
        Y = encode_labels(y).targets.T.astype(float)
    else:
        labels = FittedNetwork(estimator).labels
        targets = encode_for_classes(column_or_1d(y), None, labels).targets
        Y = targets[None, :] if binary else np.eye(len(classes))[targets].T
        Y = Y.astype(float)
    if features is None:
        features = [f"x{i}" for i in range(X.shape[1])]
    samples = range(len(X)) if names is None or callable(names) else names
    return Problem(
        X.T,
        Y,
        Parameters(estimator.W1_, estimator.b1_, estimator.W2_, estimator.b2_),
        "softmax" if estimator.out_activation_ == "softmax" else "sigmoid",
        [str(name) for name in features],
        [str(name) for name in samples],
        output_names(estimator),
    )


def moderation_of(estimator: Any, X: Any) -> Array | None:
    """What a fit by the evidence multiplies Z2 with: (K, n), or None where nothing.

    Parameters
    ----------
    estimator : TwoLayerSigmoidClassifier, Pipeline or search such as GridSearchCV
        Fitted.
    X : array-like or sparse matrix of shape (n, m), float
        Samples in rows.

    Returns
    -------
    ndarray of shape (K, n), float64, or None
        Factors in [0, 1]: ``predict_proba`` is the sigmoid, or softmax, of their
        product with Z2. A committee has none of its own.
    """
    estimator, X, _ = inner_network(estimator, X)
    if fitted(estimator).moderation is None:
        return None
    moderated = estimator.decision_function(X)
    Z2, _ = estimator.decision_function(X, return_std=True)
    # Where Z2 is 0 any factor leaves it there.
    factor = np.divide(moderated, Z2, out=np.ones_like(Z2), where=Z2 != 0)
    return np.asarray(factor, dtype=float).reshape(len(Z2), -1).T


def output_names(estimator: Any) -> list[str]:
    """What each output of a fitted estimator is for; only A2 is its probability.

    Parameters
    ----------
    estimator : TwoLayerSigmoidClassifier
        Fitted.

    Returns
    -------
    list of str of length K
        The second of two classes, each class, or each label by its name.
    """
    named = getattr(estimator, "label_names_", estimator.classes_)
    return [str(name) for name in named[-estimator.n_outputs_ :]]


def problem_of_parameters(
    X: Any, Y: Any, parameters: Any, output: str, feature_names: Any
) -> Problem:
    """Matrices as given, samples in columns, with names made up where needed.

    Parameters
    ----------
    X : array-like of shape (m, n), float
        Samples in columns.
    Y : array-like of shape (K, n), float
        Targets.
    parameters : sequence of four array-likes
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).
    output : {"sigmoid", "softmax"}
        The output's activation.
    feature_names : sequence of str or None
        Names along m.

    Returns
    -------
    Problem
        The matrices.
    """
    X, Y = np.asarray(X, dtype=float), np.asarray(Y, dtype=float)
    given = Parameters(*(np.asarray(p, dtype=float) for p in parameters))
    features = feature_names or [f"x{i}" for i in range(len(X))]
    outputs = [f"output {i}" for i in range(len(given.W2))]
    samples = [str(i) for i in range(X.shape[-1])]
    return Problem(X, Y, given, output, [str(f) for f in features], samples, outputs)
