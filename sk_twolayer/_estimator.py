"""The estimator: validation, labels, weights and fitted attributes; no mathematics."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from sk_twolayer._forward import forward_blocks
from sk_twolayer._labels import Labels, drop_zero_weights, encode_labels
from sk_twolayer._objective import CrossEntropyObjective
from sk_twolayer._outputs import Output, choose_output
from sk_twolayer._solvers import Solution, gradient_descent, lbfgs
from sk_twolayer._start import initial_parameters, standardise
from sk_twolayer._threads import Workers, count_threads
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
    tol : float, default=1e-4
        Training ends when no entry of the gradient exceeds this.
    random_state : int, RandomState instance or None, default=None
        Draws the starting weights, for features centred and scaled.
    n_jobs : int or None, default=-1
        Threads. -1 is all that BLAS may use: all cores, or what
        `threadpoolctl.threadpool_limits`, OMP_NUM_THREADS or the joblib worker
        that `fit` runs in leaves; None is 1 unless in a `joblib.parallel_config`.
        Small problems use one thread.

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
    n_outputs_ : int
        Output neurons, K: 1.
    out_activation_ : {"logistic"}
        The output's activation.
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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"lbfgs", "gd"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        n_hidden: int = 16,
        *,
        solver: str = "lbfgs",
        alpha: float = 1.0,
        learning_rate: float = 0.5,
        max_iter: int = 1000,
        tol: float = 1e-4,
        random_state: Any = None,
        n_jobs: int | None = -1,
    ) -> None:
        self.n_hidden = n_hidden
        self.solver = solver
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs

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
            labels = encode_labels(y)
            if len(labels.classes) > 2:
                raise ValueError(
                    "Only binary classification is supported. The type of the target "
                    f"is multiclass: y has {len(labels.classes)} classes."
                )
            if sample_weight is not None:
                sample_weight = _check_sample_weight(
                    sample_weight, X, dtype=np.float64, ensure_non_negative=True
                )
                X, labels, sample_weight = drop_zero_weights(X, labels, sample_weight)
            with self._workers(X.shape, self.n_hidden).started() as workers:
                parameters, center, solution = self._train(
                    X, labels, sample_weight, workers
                )
            self._store(parameters, center, labels, solution)
        return self

    def _workers(self, shape: tuple[int, int], n_hidden: int) -> Workers:
        n, m = shape
        return Workers(count_threads(self.n_jobs, n * (m + 1.0) * n_hidden))

    def _train(
        self, X: Array, labels: Labels, sample_weight: Array | None, workers: Workers
    ) -> tuple[Parameters, Array, Solution]:
        """Run the solver from a random start and judge what it returns."""
        scales = standardise(X, self.alpha, sample_weight)
        objective = CrossEntropyObjective(
            X,
            labels.targets,
            self.n_hidden,
            labels.n_outputs,
            choose_output(labels.activation, labels.n_outputs),
            alpha=self.alpha,
            sample_weight=sample_weight,
            # The article's descent moves the article's own parameters.
            standardisation=None if self.solver == "gd" else scales,
            workers=workers,
        )
        rng = check_random_state(self.random_state)
        start = objective.from_parameters(
            initial_parameters(rng, X.shape[1], self.n_hidden, labels.n_outputs, scales)
        )
        options = {"max_iter": self.max_iter, "tol": self.tol}
        # A diverging run overflows on its way to the error raised below.
        with np.errstate(over="ignore", invalid="ignore"):
            if self.solver == "gd":
                solution = gradient_descent(
                    objective, start, learning_rate=self.learning_rate, **options
                )
            else:
                solution = lbfgs(objective, start, **options)
            parameters = objective.to_parameters(solution.theta)
        if not all(np.isfinite(p).all() for p in (*parameters, solution.history[-1])):
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
                stacklevel=4,
            )
        return parameters, scales.center, solution

    def _store(
        self,
        parameters: Parameters,
        center: Array,
        labels: Labels,
        solution: Solution,
    ) -> None:
        self.W1_, self.b1_, self.W2_, self.b2_ = parameters
        self._center = center
        self.classes_ = labels.classes
        self.n_outputs_ = labels.n_outputs
        self.out_activation_ = labels.activation
        self.n_iter_ = len(solution.history) - 1
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
        Z2 = self._forward(X, lambda output: (np.asarray, self.n_outputs_))
        return Z2[:, 0] if self.n_outputs_ == 1 else Z2

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
        Z2 = self._forward(X, lambda output: (np.asarray, self.n_outputs_))
        return self._output().decide(Z2, self.classes_)

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
        return self._forward(
            X, lambda output: (output.probabilities, output.columns(self.n_outputs_))
        )

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
        return self._forward(
            X,
            lambda output: (output.log_probabilities, output.columns(self.n_outputs_)),
        )

    def _output(self) -> Output:
        return choose_output(self.out_activation_, self.n_outputs_)

    def _forward(
        self,
        X: ArrayLike,
        choose: Callable[[Output], tuple[Callable[[Array], Array], int]],
    ) -> Array:
        """A function of Z2, and its columns, for each row of X."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        function, n_columns = choose(self._output())
        parameters = Parameters(self.W1_, self.b1_, self.W2_, self.b2_)
        with self._workers(X.shape, len(self.W1_)).started() as workers:
            return forward_blocks(
                X, parameters, self._center, function, n_columns, workers
            )

    @property
    def coefs_(self) -> list[Array]:
        """W1 and W2 in MLPClassifier's layout: arrays of shape (m, k) and (k, 1)."""
        return [self.W1_.T, self.W2_.T]

    @property
    def intercepts_(self) -> list[Array]:
        """b1 and b2 in MLPClassifier's layout: arrays of shape (k,) and (1,)."""
        return [self.b1_[:, 0], self.b2_[:, 0]]
