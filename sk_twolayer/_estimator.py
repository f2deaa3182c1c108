"""The estimator: validation, labels, weights and fitted attributes; no mathematics."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from sk_twolayer._objective import CrossEntropyObjective, decision, pack, unpack
from sk_twolayer._solvers import Solution, gradient_descent, lbfgs
from sk_twolayer.network import Parameters

Array = NDArray[Any]


class TwoLayerSigmoidClassifier(ClassifierMixin, BaseEstimator):
    """Binary classifier: one hidden layer of sigmoid neurons, one sigmoid output.

    Minimises mean cross-entropy + alpha / (2 n) (|W1|^2 + |W2|^2), n being the
    number of samples or the sum of their weights; biases are not penalised.

    Parameters
    ----------
    n_hidden : int, default=16
        Hidden neurons, k.
    solver : {"lbfgs", "gd"}, default="lbfgs"
        "lbfgs" is scipy's L-BFGS; "gd" is full-batch gradient descent with a
        constant learning rate, W <- W - learning_rate dW.
    alpha : float, default=1.0
        L2 penalty, as in MLPClassifier; 1 is a unit-variance Gaussian prior on
        the weights, the twin of LogisticRegression's ``C=1``.
    learning_rate : float, default=0.5
        Step length of "gd"; "lbfgs" does not use it.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-5
        Training ends when no entry of the gradient exceeds this.
    random_state : int, RandomState instance or None, default=None
        Draws the starting weights.

    Attributes
    ----------
    W1_ : ndarray of shape (k, m), float64
        First layer's weights, neuron x feature.
    b1_ : ndarray of shape (k, 1), float64
        First layer's biases.
    W2_ : ndarray of shape (1, k), float64
        Second layer's weights, output x neuron.
    b2_ : ndarray of shape (1, 1), float64
        Second layer's bias.
    classes_ : ndarray of shape (2,), dtype of y
        Class labels; the second is the one that A2 gives the probability of.
    n_features_in_ : int
        Features seen in `fit`, m.
    feature_names_in_ : ndarray of shape (m,), object
        Names of the features, where X had them.
    n_iter_ : int
        Iterations done.
    loss_ : float
        Final cost, the penalty included, in nats.
    loss_curve_ : list of float, of length n_iter_ + 1
        Cost at the start and after each iteration, in nats.

    References
    ----------
    Source of the equations: the article "Matrix operations in a two-layer neural
    network and what they mean", see `sk_twolayer.network`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_twolayer import TwoLayerSigmoidClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), TwoLayerSigmoidClassifier(random_state=0)
    ... ).fit(X, y)
    >>> model[-1].W1_.shape
    (16, 30)
    """

    _parameter_constraints = {
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"lbfgs", "gd"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_hidden: int = 16,
        *,
        solver: str = "lbfgs",
        alpha: float = 1.0,
        learning_rate: float = 0.5,
        max_iter: int = 1000,
        tol: float = 1e-5,
        random_state: Any = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.solver = solver
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> TwoLayerSigmoidClassifier:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n, m), float
            Samples in rows; float32 stays float32, all else becomes float64.
        y : array-like of shape (n,), any label type
            Labels of two classes.
        sample_weight : array-like of shape (n,), float, default=None
            Weights; a whole number equals repeating the row.

        Returns
        -------
        TwoLayerSigmoidClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            On input that cannot be used, and where training ends in non-finite
            weights; a model fitted before is then left as it was.
        """
        with self._unchanged_on_error():
            X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
            classes, Y = _encode_labels(y)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(
                    sample_weight, X, dtype=np.float64, ensure_non_negative=True
                )
                X, Y, sample_weight = _drop_zero_weights(X, Y, sample_weight)
            objective = CrossEntropyObjective(
                X, Y, self.n_hidden, self.alpha, sample_weight
            )
            rng = check_random_state(self.random_state)
            start = pack(_initial_parameters(rng, *objective.shape))
            solution = self._solve(objective, start)
            self._store(unpack(solution.theta, *objective.shape), classes, solution)
        return self

    def _solve(self, objective: CrossEntropyObjective, start: Array) -> Solution:
        """Run the chosen solver and judge what it returns."""
        options = {"max_iter": self.max_iter, "tol": self.tol}
        # A diverging run overflows on its way to the error raised below.
        with np.errstate(over="ignore", invalid="ignore"):
            if self.solver == "gd":
                solution = gradient_descent(
                    objective, start, learning_rate=self.learning_rate, **options
                )
            else:
                solution = lbfgs(objective, start, **options)
        if not (
            np.isfinite(solution.theta).all() and np.isfinite(solution.history[-1])
        ):
            raise ValueError(
                f"Training with solver={self.solver!r} ended in non-finite weights "
                "or cost. Scale the features (StandardScaler), or lower "
                f"learning_rate={self.learning_rate!r} if solver='gd'."
            )
        if not solution.converged:
            warnings.warn(
                f"solver={self.solver!r} stopped at max_iter={self.max_iter} before "
                f"the gradient fell below tol={self.tol}. Increase max_iter or tol, "
                "or scale the features (StandardScaler).",
                ConvergenceWarning,
                stacklevel=3,
            )
        return solution

    def _store(
        self, parameters: Parameters, classes: Array, solution: Solution
    ) -> None:
        self.W1_, self.b1_, self.W2_, self.b2_ = parameters
        self.classes_ = classes
        self.n_iter_ = solution.n_iter
        self.loss_curve_ = solution.history
        self.loss_ = solution.history[-1]

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Put every attribute back where the body raises."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def decision_function(self, X: ArrayLike) -> Array:
        """Z2 of each sample: the log-odds of the second class.

        Parameters
        ----------
        X : array-like of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n,), float64 or float32
            Log-odds, in nats. Source: the article's Z2 = W2 A1 + b2.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        parameters = Parameters(self.W1_, self.b1_, self.W2_, self.b2_)
        return decision(X, parameters)[:, 0]

    def predict(self, X: ArrayLike) -> Array:
        """Label of the more probable class.

        Parameters
        ----------
        X : array-like of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n,), dtype of classes_
            Labels.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        return self.classes_[(self.decision_function(X) > 0).astype(int)]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n, 2), float64 or float32
            Probabilities, in the order of ``classes_``. Source: A2 = sigma(Z2).

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        Z2 = self.decision_function(X)
        return np.column_stack([expit(-Z2), expit(Z2)])

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Log-probability of each class, finite for any finite Z2.

        Parameters
        ----------
        X : array-like of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n, 2), float64 or float32
            Log-probabilities in nats, in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        Z2 = self.decision_function(X)
        return np.column_stack([log_expit(-Z2), log_expit(Z2)])

    @property
    def coefs_(self) -> list[Array]:
        """W1 and W2 in MLPClassifier's layout: arrays of shape (m, k) and (k, 1)."""
        return [self.W1_.T, self.W2_.T]

    @property
    def intercepts_(self) -> list[Array]:
        """b1 and b2 in MLPClassifier's layout: arrays of shape (k,) and (1,)."""
        return [self.b1_[:, 0], self.b2_[:, 0]]


def _encode_labels(y: Array) -> tuple[Array, Array]:
    """Classes, and Y of shape (n, 1) with 1 for the second class."""
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"multiclass: y has {len(classes)} classes."
        )
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes[0]!r}; TwoLayerSigmoidClassifier can't "
            "train when only one class is present: give samples of two classes."
        )
    return classes, codes.reshape(-1, 1).astype(np.float64)


def _drop_zero_weights(
    X: Array, Y: Array, sample_weight: Array
) -> tuple[Array, Array, Array]:
    """Leave out the rows of weight 0; both classes must remain."""
    kept = sample_weight > 0
    if not kept.any() or Y[kept].min() == Y[kept].max():
        raise ValueError(
            "sample_weight leaves fewer than two classes with a weight above 0; "
            "give samples of both classes a positive weight."
        )
    if kept.all():
        return X, Y, sample_weight
    return X[kept], Y[kept], sample_weight[kept]


def _initial_parameters(
    rng: np.random.RandomState, m: int, k: int, n_outputs: int
) -> Parameters:
    """Uniform in +-sqrt(2 / (fan in + fan out)), as MLPClassifier's "logistic"."""
    bound1, bound2 = np.sqrt(2 / (m + k)), np.sqrt(2 / (k + n_outputs))
    return Parameters(
        rng.uniform(-bound1, bound1, (k, m)),
        rng.uniform(-bound1, bound1, (k, 1)),
        rng.uniform(-bound2, bound2, (n_outputs, k)),
        rng.uniform(-bound2, bound2, (n_outputs, 1)),
    )
