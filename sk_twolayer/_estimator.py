"""The estimator: validation, labels, weights and fitted attributes; no mathematics.

Everything scikit-learn asks for is here, and nothing else: parameters are checked, X and
y made into what `_training` takes, what it gives stored as attributes, and predictions
asked of `_fitted`, which reads these attributes alone. A fit that raises leaves the model as it
was.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_twolayer._arrays import (
    MatrixLike,
    canonical,
    is_foreign,
    like_its_input,
    place_of,
    to_numpy,
    with_numpy,
)
from sk_twolayer._callbacks import Attributes, Callbacks, callback_data
from sk_twolayer._compat import (
    FOLLOWS_ARRAYS,
    CallbackSupportMixin,
    Interval,
    Options,
    StrOptions,
    check_monotonic_cst,
    check_sample_weight,
    fit_context,
)
from sk_twolayer._device_samples import DeviceSamples
from sk_twolayer._ecosystem import from_plain, mlp_with, to_plain
from sk_twolayer._engine.on_device import Device, DeviceNetwork
from sk_twolayer._evidence.curvature import most_neurons
from sk_twolayer._fitted import FittedNetwork, attributes_of, fitted
from sk_twolayer._labels import (
    Labels,
    WeightSums,
    are_whole,
    encode_for_classes,
    encode_labels,
    label_names,
    plain_labels,
    warn_of_size,
    weigh_samples,
)
from sk_twolayer._samples import Samples
from sk_twolayer._settings import Settings
from sk_twolayer._training import (
    Initial,
    SoFar,
    Trained,
    count_neurons,
    train,
    train_more,
)
from sk_twolayer._typing import Array
from sk_twolayer._version import __version__
from sk_twolayer.network import Parameters

Method = TypeVar("Method", bound=Callable[..., Any])

DTYPES = [np.float64, np.float32]
# Of a saved model; raised when the attributes of a fitted model change. 0.1.0 is 1.
STATE_FORMAT = 1
# Entries of loss_curve_ that `partial_fit` keeps: it copies them.
CURVE_LENGTH = 10_000
# What only some fits add to a model, and is gone after a fit that does not.
OPTIONAL = (
    "cv_loss_curve_",
    "log_evidence_",
    "n_effective_parameters_",
    "feature_relevance_",
    "log_evidence_curve_",
    "alpha_curve_",
    "round_n_iter_",
    "evidence_method_",
    "moderation_",
    "_moderation_limit",
    "estimators_",
    "validation_loss_curve_",
    "label_names_",
    "_optimizer",
    "_rng",
)


def _given(value: Any) -> str:
    return "None" if value is None else "(given)"


def _checks_parameters(method: Method) -> Method:
    """scikit-learn's decorator, which has no types, with the method's own."""
    decorated: Method = fit_context(prefer_skip_nested_validation=True)(method)
    return decorated


def _only_stochastic(method: Method) -> Method:
    """Hides the method where the solver has no steps to go on with."""
    decorated: Method = available_if(_is_stochastic)(method)
    return decorated


def _is_stochastic(estimator: TwoLayerSigmoidClassifier) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit needs solver='gd' or solver='adam'; solver='lbfgs' has no "
            "steps that can go on with other samples."
        )
    return True


class TwoLayerSigmoidClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Classifier with one hidden layer of sigmoid neurons.

    Two classes are learned by one sigmoid output, K > 2 by K outputs with softmax,
    and a multilabel indicator y by one sigmoid output a label. Training minimises ::

        mean cross-entropy + alpha / (2 n) (|W1|^2 + |W2|^2)

    with n the number of samples or the sum of their weights, see `fit`. By default
    `alpha` is what predicts left-out samples best, and features share W1's unevenly where
    that predicts better. k stands for `n_hidden`, m for features, n for samples, K for outputs.

    Parameters
    ----------
    n_hidden : int or "auto", default="auto"
        Hidden neurons: k, the rows of W1. More follow finer detail and take longer;
        with `alpha` at its default too many do little harm. "auto" is 30 for up to
        500 samples and grows as their square root to 100: see `n_hidden_`.
    solver : {"lbfgs", "gd", "adam"}, default="lbfgs"
        "lbfgs" (scipy's L-BFGS) reaches the lowest cost and has no learning rate to
        choose. "adam" takes steps on batches, for very many samples. "gd" is the
        article's gradient descent, ``W <- W - learning_rate dW``, for teaching.
    alpha : float, "auto", "evidence" or "ard", default="auto"
        L2 penalty on W1 and W2. A number is as in MLPClassifier, on the weights of the
        features as they come, biases free: 1 is the twin of LogisticRegression's
        ``C=1``; raise it where the validation cost exceeds the training cost. The
        others choose it on the weights of standardised features. "auto" takes the one
        that predicts left-out samples best, and then penalises features with small
        weights more, where that predicts better still (fewer than 10 samples leave too
        few out, and it is 0.01); with "adam" it is 0.3 and with "gd", the article's
        descent, 0; biases are free. "evidence" (MacKay, 1992) asks the training samples
        alone for the precisions of a Gaussian prior on W1 and on W2 (b1 has 0.25 there,
        b2 0.01), and moderates probabilities by the weights' uncertainty. "ard",
        automatic relevance determination, is that with a value for each feature. These
        two need "lbfgs" without `early_stopping`.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, multiplied with the samples'; "balanced" is
        n / (K count), for classes of unequal size. For multilabel y a list of dicts.
    monotonic_cst : array-like of int of shape (m,), dict or None, default=None
        Constraint of each feature, as HistGradientBoostingClassifier's: with 1 the
        probability of the second class, or of each label, nowhere falls where the
        feature rises, with -1 it nowhere rises, 0 is none. A dict has them by the
        feature's name, of others 0. W2 is then at least 0, and W1 has the signs, which
        bounds keep in every step. Not for more than two classes.
    learning_rate : float or "auto", default="auto"
        Step length, the eta of ``W <- W - eta dW``, for "gd" and "adam". "auto" is 0.5
        for "gd", and for "adam" 0.1 / sqrt(1 + t / 30) after t steps. A number stays
        as it is. Lower it where the cost rises.
    momentum : float, default=0.0
        Part of the last step that "gd" takes again, in [0, 1); 0 is the article's
        descent, 0.9 is usual with batches.
    batch_size : int or "auto", default="auto"
        Samples in a step of "gd" or "adam". "auto" is all of them for "gd", as in
        the article, and 200 for "adam". Raise it for smoother, lower it for more
        steps.
    max_iter : int, default=1000
        Most iterations; with batches most epochs. Raise it on a ConvergenceWarning.
    tol : float, default=1e-4
        "lbfgs" and "gd" end when no entry of the gradient exceeds this; with batches
        or early stopping training ends when the cost has not improved by this, in
        nats, for `n_iter_no_change` iterations. Where the rarest class has less than
        1 % of the samples it is less in proportion, down to a hundredth: else
        probabilities could be off by as much as that share.
    early_stopping : bool, default=False
        Hold out samples, stratified by class, or take the `X_val` given to `fit`,
        follow their cross-entropy and return the weights where it was least. Holding
        out copies the samples.
    validation_fraction : float, default=0.1
        Part of the samples that `early_stopping` holds out, in (0, 1).
    n_iter_no_change : int or numpy.inf, default=10
        Iterations without improvement that end training, see `tol`; infinity lets it
        go on to `max_iter`.
    n_init : int, default=1
        Starts with different weights, of which the best is kept: by the evidence,
        the validation cost or else the training cost. Raise it where results differ
        between seeds.
    committee : bool, default=False
        Whether to average the probabilities of all `n_init` starts, in place of
        keeping the best. Costs nothing more to fit.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last `fit`.
    random_state : int, RandomState instance or None, default=None
        Draws the starting weights (for features centred and scaled), the held-out
        samples and the batches.
    n_jobs : int or None, default=-1
        Threads. -1 is all that BLAS may use: all cores, or what
        `threadpoolctl.threadpool_limits`, OMP_NUM_THREADS or the joblib worker
        that `fit` runs in leaves; None is 1 unless in a `joblib.parallel_config`.
        Small problems use one thread.
    verbose : bool or int, default=False
        Print a line an iteration.

    Attributes
    ----------
    W1_ : ndarray of shape (k, m), float64
        First layer's weights, neuron x feature.
    b1_ : ndarray of shape (k, 1), float64
        First layer's biases.
    W2_ : ndarray of shape (K, k), float64
        Second layer's weights, output x neuron; (1, k) for two classes.
    b2_ : ndarray of shape (K, 1), float64
        Second layer's biases.
    classes_ : ndarray of shape (n_classes,), dtype of y
        Class labels. Of two, the second is the one that A2 gives the probability
        of; for multilabel y the columns' numbers.
    label_names_ : ndarray of shape (L,), object
        Names of a multilabel y's columns, where y had them, all of them strings.
    n_features_in_ : int
        Features seen in `fit`, m.
    feature_names_in_ : ndarray of shape (m,), object
        Names of the features, where X had them.
    n_hidden_ : int
        Hidden neurons, k.
    n_outputs_ : int
        Output neurons, K.
    out_activation_ : {"logistic", "softmax"}
        The output's activation.
    n_iter_ : int
        Iterations done; with batches epochs. Each `partial_fit` is one more.
    alpha_ : float or ndarray of shape (2,) or (m + 1,), float64
        The penalty used, on the scale of standardised features if `alpha` is no number:
        each feature's and W2's, of "evidence" W1's and W2's; one number where it is the
        same for all.
    cv_loss_curve_ : list of float
        Mean cost of left-out samples that "auto" found, one for each of `alpha_curve_`,
        in nats; the last three are of no relevance of features and of its two rounds.
        Empty for fewer than 10 samples.
    log_evidence_ : float
        Log of the probability of y under `alpha_` and its network, in nats, about one
        of the k! 2^k equivalent optima; compares `n_hidden`, "evidence" with "ard", and
        starts. This and the others of the evidence only after it chose alpha.
    n_effective_parameters_ : float
        Parameters that the data determine: sum of gamma over weights and biases.
    feature_relevance_ : ndarray of shape (m,), float64
        Standard deviation that "auto" or "ard" expects of a feature's weights,
        1 / sqrt(alpha), per standard deviation of the feature; small for an irrelevant
        one.
    log_evidence_curve_ : list of float
        Log evidence of each round of the search, in nats; rounds whose evidence was
        less were left.
    alpha_curve_ : ndarray of shape (rounds,), (rounds, 2) or (rounds, m + 1), float64
        Precisions that were tried: "auto" tries one for all weights, "evidence" W1's and
        W2's, "ard" each feature's and W2's.
    round_n_iter_ : list of int
        Iterations of `loss_curve_` done at the end of each round of the evidence.
    evidence_method_ : {"exact", "kernel"}
        How the Gauss-Newton matrix was handled: whole, or by its n K rows where these
        are fewer than parameters.
    moderation_ : float
        Part of Z2's variance that `predict_proba` counts where the training samples
        are, in [0, 1], chosen by leave-one-out. Away from them, what is more than any
        of them had counts whole. With `monotonic_cst` it is 0, everywhere, which keeps
        the order.
    estimators_ : list of TwoLayerSigmoidClassifier
        The `n_init` networks, the best first; only with `committee`. The attributes
        here are the first one's.
    loss_ : float
        Cost at the fitted weights, the penalty included, in nats.
    loss_curve_ : list of float
        ``n_iter_ + 1`` entries: cost at the start and after each iteration, in nats;
        with batches the mean over each epoch's batches. It rises where the evidence
        goes on to another alpha. `partial_fit` adds an entry and keeps the last 10 000.
    validation_loss_curve_ : list of float
        ``n_iter_ + 1`` entries: cross-entropy of the held-out samples likewise, in
        nats; only with `early_stopping`.

    See Also
    --------
    sk_twolayer.network : The article's equations.
    sklearn.neural_network.MLPClassifier : Any number of layers.

    References
    ----------
    Source of the equations: the article "Matrix operations in a two-layer neural
    network and what they mean", see `sk_twolayer.network`. Of the evidence: MacKay,
    Neural Computation 4, 1992; Bishop, Pattern Recognition and Machine Learning, 2006,
    section 5.7.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sk_twolayer import TwoLayerSigmoidClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = TwoLayerSigmoidClassifier(random_state=0).fit(X, y)
    >>> model.W1_.shape
    (30, 30)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_hidden": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "solver": [StrOptions({"lbfgs", "gd", "adam"})],
        "alpha": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"auto", "evidence", "ard"}),
        ],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "monotonic_cst": ["array-like", dict, None],
        "learning_rate": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "committee": ["boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }
    _doc_link_module = "sk_twolayer"
    _doc_link_template = (
        "https://sk-twolayer.readthedocs.io/en/stable/api.html"
        "#{estimator_module}.{estimator_name}"
    )

    def __init__(
        self,
        n_hidden: int | str = "auto",
        *,
        solver: str = "lbfgs",
        alpha: float | str = "auto",
        class_weight: Any = None,
        monotonic_cst: Any = None,
        learning_rate: float | str = "auto",
        momentum: float = 0.0,
        batch_size: int | str = "auto",
        max_iter: int = 1000,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        n_init: int = 1,
        committee: bool = False,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = -1,
        verbose: bool | int = False,
    ) -> None:
        self.n_hidden = n_hidden
        self.solver = solver
        self.alpha = alpha
        self.class_weight = class_weight
        self.monotonic_cst = monotonic_cst
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_init = n_init
        self.committee = committee
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        tags.array_api_support = FOLLOWS_ARRAYS
        return tags

    @_checks_parameters
    def fit(
        self,
        X: MatrixLike,
        y: MatrixLike,
        sample_weight: ArrayLike | None = None,
        coef_init: Sequence[ArrayLike] | None = None,
        intercept_init: Sequence[ArrayLike] | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: MatrixLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> TwoLayerSigmoidClassifier:
        """Fit the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows. float32 stays float32, all else becomes float64; CSR
            stays sparse, other sparse formats become CSR. Arrays of other libraries
            become numpy's; with scikit-learn's `array_api_dispatch` they stay where
            they are, and arrays among the fitted attributes go there.
        y : array-like of shape (n,) or (n, L), strings, numbers or booleans
            Labels, or an indicator matrix of L labels. Of one class alone nothing is
            learned, and it is predicted everywhere.
        sample_weight : array-like of shape (n,), float, default=None
            Weights; a whole number equals repeating the row, 0 leaving it out. Weights
            that are not whole are counts, too, where they average 1/3 to 3. Where they
            do not, as those that sum to 1, only their ratios matter: with the class
            weights they are scaled to sum to (sum w)^2 / sum w^2, Kish's effective
            number of samples, which is n where all are equal.
        coef_init : sequence of two array-likes, (m, k) and (k, K), default=None
            Weights to start from, laid out as `coefs_`. Those that violate
            `monotonic_cst`, with a negative W2 where that can't be turned to a positive
            one, begin at 0.
        intercept_init : sequence of two array-likes, (k,) and (K,), default=None
            Biases to start from, laid out as `intercepts_`.
        X_val : array-like or sparse matrix of shape (n_val, m), float, default=None
            Samples that `early_stopping` follows, in place of held-out ones. In a
            Pipeline ``transform_input=["X_val"]`` transforms them as it does X.
        y_val : array-like of shape (n_val,) or (n_val, L), default=None
            Their labels, of classes that y has; needed with X_val.
        sample_weight_val : array-like of shape (n_val,), float, default=None
            Their weights.

        Returns
        -------
        TwoLayerSigmoidClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            On input that cannot be used, and where training ends in non-finite
            weights; a model fitted before is then left as it was.

        Warns
        -----
        UserWarning
            If whole-number weights average more than 100: as counts they make the
            model as sure as that many samples would. If early stopping holds out none
            of a rare class.
        ConvergenceWarning
            Of how training ended: at `max_iter`, interrupted, in a constant, or no
            better than it began.
        """
        with self._unchanged_on_error():
            settings = self._settings()
            searches = self.solver == "lbfgs" and not self.early_stopping
            if settings.by_evidence and not searches:
                raise ValueError(
                    f"alpha={self.alpha!r} needs solver='lbfgs' and early_stopping=False; got "
                    f"solver={self.solver!r}, early_stopping={self.early_stopping}."
                )
            samples, data = self._samples(X, y, sample_weight)
            labels = samples.labels
            k = self._count_hidden(samples, self.warm_start, coef_init)
            settings = settings._replace(n_hidden=k)
            initial = self._initial(k, samples.m, labels, coef_init, intercept_init)
            validation = self._validation(labels, X_val, y_val, sample_weight_val)
            attributes = partial(attributes_of, labels, (X, y))
            callbacks = Callbacks(self, data, attributes)
            rng = check_random_state(self.random_state)
            runs = train(samples, validation, settings, rng, initial, callbacks)
            self._store(runs[0], attributes)
            if self.committee:
                self.estimators_ = [self._member(run, attributes) for run in runs]
            callbacks.end()
        return self

    @_only_stochastic
    @_checks_parameters
    def partial_fit(
        self,
        X: MatrixLike,
        y: MatrixLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> TwoLayerSigmoidClassifier:
        """Go on training with one pass over these samples; not with "lbfgs".

        Any number of samples a call will do, one too. n of the penalty counts all
        samples seen so far, also in `fit`, by their weights, and so does the scale on
        which "adam" steps: where that moves, the weights move with it and the function
        stays. Of a committee only the best goes on.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.
        y : array-like of shape (n,) or (n, L), strings, numbers or booleans
            Their labels, not necessarily of every class.
        classes : array-like of shape (n_classes,), default=None
            All classes, in any order; needed in the first call, but for an indicator
            matrix.
        sample_weight : array-like of shape (n,), float, default=None
            Weights, which are counts at any size.

        Returns
        -------
        TwoLayerSigmoidClassifier
            The estimator.

        Raises
        ------
        ValueError
            If the first call has no classes, y has others, or the input cannot be
            used; the model is then left as it was.
        """
        with self._unchanged_on_error():
            known, so_far = None, None
            if hasattr(self, "W1_"):
                network = FittedNetwork(self)
                known = network.labels
                so_far = SoFar(
                    network.parameters,
                    network.moments,
                    network.standardisation,
                    getattr(self, "_optimizer", None),
                )
            if self.early_stopping:
                raise ValueError("partial_fit does not support early_stopping=True.")
            if self.class_weight == "balanced":
                raise ValueError(
                    "class_weight='balanced' is not supported by partial_fit, which "
                    "does not see all of y: give a dict, or use sample_weight."
                )
            if known and self.n_hidden not in ("auto", self.n_hidden_):
                raise ValueError(
                    f"n_hidden={self.n_hidden}, but the network so far has "
                    f"{self.n_hidden_} hidden neurons: call fit for a new one."
                )
            samples_X, samples_y = self._validate(X, y, reset=known is None)
            labels = encode_for_classes(samples_y, classes, known, label_names(y))
            samples = self._weigh(samples_X, labels, sample_weight, is_stream=True)
            # A copy: if the call fails, the generator is where it was.
            rng = copy.deepcopy(getattr(self, "_rng", None))
            rng = rng or check_random_state(self.random_state)
            k = self._count_hidden(samples, True)
            settings = self._settings()._replace(n_hidden=k)
            trained = train_more(samples, settings, rng, so_far)
            # Of a stream without end a curve has an end, and a call one length.
            history = getattr(self, "loss_curve_", [])[1 - CURVE_LENGTH :]
            n_iter = getattr(self, "n_iter_", 0)
            trained = trained._replace(history=history + trained.history)
            self._store(trained, partial(attributes_of, labels, (X, y)))
            self.n_iter_ = n_iter + 1
            self._optimizer, self._rng = trained.optimizer, rng
        return self

    def _samples(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[Samples, dict[str, Any]]:
        """Checked samples of `fit`, and X, y and metadata for callbacks."""
        samples_X, samples_y = self._validate(X, y, reset=True)
        labels = encode_labels(samples_y, label_names(y))
        data = callback_data(samples_X, samples_y, sample_weight)
        return self._weigh(samples_X, labels, sample_weight), data

    def _validate(
        self, X: Any, *y: Any, reset: bool = False, ensure_all_finite: bool = True
    ) -> Any:
        """X, or X and y, as the engine takes them, which looks itself for NaN in X."""
        labels = [plain_labels(to_numpy(each)) for each in y]
        place = place_of(X) if FOLLOWS_ARRAYS else None
        types = DTYPES if place is None else [*place.dtypes.values()]
        of_y = {"multi_output": True} if y else {}
        found = validate_data(
            self,
            to_numpy(X) if place is None else X,
            *labels,
            reset=reset,
            accept_sparse="csr",
            dtype=types,
            ensure_all_finite=ensure_all_finite,
            **of_y,
        )
        return (canonical(found[0]), found[1]) if y else canonical(found)

    def _validation(
        self, labels: Labels, X: Any, y: Any, sample_weight: Any
    ) -> Samples | None:
        """Checked validation samples; None where none are given."""
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            raise ValueError(
                "X_val and y_val go together, and sample_weight_val with them; got "
                f"X_val={_given(X)}, y_val={_given(y)}, "
                f"sample_weight_val={_given(sample_weight)}."
            )
        if not self.early_stopping:
            raise ValueError(
                "X_val and y_val are what early stopping follows: give "
                f"early_stopping=True, or leave them out; got "
                f"early_stopping={self.early_stopping}."
            )
        try:
            names = label_names(y)
            X, y = self._validate(X, y)
            found = encode_for_classes(y, None, labels, names)
            return self._weigh(X, found, sample_weight)
        except ValueError as error:
            raise ValueError(f"X_val, y_val, sample_weight_val: {error}") from error

    def _weigh(
        self, X: Any, labels: Labels, sample_weight: Any, is_stream: bool = False
    ) -> Samples:
        """Samples with the product of their weights and their classes'."""
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                to_numpy(sample_weight),
                # As many, and NumPy's.
                labels.targets,
                dtype=np.float64,
                ensure_non_negative=True,
            )
        weight = weigh_samples(labels, self.class_weight, sample_weight)
        are_counts = sample_weight is not None and are_whole(sample_weight)
        counts = sample_weight if are_counts else None
        kind = Samples if place_of(X) is None else DeviceSamples
        samples = kind(X, labels, weight, self._signs(labels), counts)
        if weight is None:
            return samples
        sums = WeightSums.of(weight, counts)
        if sums is None:
            raise ValueError(
                "sample_weight and class_weight leave no sample with a weight above 0."
            )
        size = sums.size(are_counts)
        if size is not None and not is_stream:
            weight = weight / weight.max()
            samples = samples._replace(weight=weight * (size / weight.sum()))
        elif size is not None and not hasattr(self, "W1_"):
            warn_of_size(weight)
        kept = weight > 0
        return samples if kept.all() else samples.take(np.flatnonzero(kept))

    def _signs(self, labels: Labels) -> Array | None:
        """Each feature's monotonic constraint; None where there is none."""
        if self.monotonic_cst is None:
            return None
        signs: Array = check_monotonic_cst(self, self.monotonic_cst)
        if signs.ndim != 1:
            raise ValueError(
                f"monotonic_cst has shape {signs.shape}, but needs one number for each "
                f"of {self.n_features_in_} features."
            )
        if labels.activation == "softmax" and labels.n_outputs > 1:
            raise ValueError(
                "monotonic_cst: monotonic constraints are not supported for multiclass "
                f"classification; y has {labels.n_outputs} classes."
            )
        return signs if signs.any() else None

    def _count_hidden(
        self, samples: Samples, goes_on: bool, coef_init: Any = None
    ) -> int:
        """Hidden neurons; of "auto" as many as there are already, or samples ask for."""
        if not isinstance(self.n_hidden, str):
            return self.n_hidden
        if coef_init is not None:
            return int(np.shape(coef_init[0])[-1])
        if goes_on and hasattr(self, "W1_"):
            return self.n_hidden_
        k = count_neurons(samples.total)
        if self._settings().by_evidence:
            most = most_neurons(samples.n, samples.m, samples.labels.n_outputs)
            k = max(1, min(k, most))
        return k

    def _initial(
        self, k: int, m: int, labels: Labels, coef_init: Any, intercept_init: Any
    ) -> Initial:
        """Weights to start from, checked, if they are not to be drawn; and alpha."""
        alpha = getattr(self, "alpha_", None) if self.warm_start else None
        if coef_init is not None or intercept_init is not None:
            if coef_init is None or intercept_init is None:
                raise ValueError("coef_init and intercept_init go together: give both.")
            W1, W2 = (np.asarray(c, dtype=float).T for c in coef_init)
            b1, b2 = (np.asarray(b, dtype=float)[:, None] for b in intercept_init)
            starts, source = [Parameters(W1, b1, W2, b2)], "coef_init, intercept_init"
        elif self.warm_start and hasattr(self, "W1_"):
            if not np.array_equal(labels.classes, self.classes_):
                raise ValueError(
                    f"warm_start=True needs the classes of the last fit, "
                    f"{self.classes_}; y has {labels.classes}."
                )
            # Each of a committee goes on from its own.
            networks = fitted(self).networks[: self.n_init]
            starts = [network.parameters for network in networks]
            source = "warm_start=True"
        else:
            return Initial([], alpha)
        outputs = labels.n_outputs
        needed = (k, m), (k, 1), (outputs, k), (outputs, 1)
        for given in starts:
            for name, value, shape in zip(
                Parameters._fields, given, needed, strict=True
            ):
                if value.shape != shape:
                    raise ValueError(
                        f"{source}: {name} has shape {value.shape}, but n_hidden={k}, "
                        f"{m} features and {outputs} output(s) need {shape}."
                    )
                if not np.isfinite(value).all():
                    raise ValueError(f"{source}: {name} has NaN or infinite entries.")
        return Initial(starts, alpha)

    def _settings(self) -> Settings:
        return Settings(*(getattr(self, name) for name in Settings._fields))

    def _store(self, trained: Trained, attributes: Attributes) -> None:
        for stale in OPTIONAL:
            self.__dict__.pop(stale, None)
        found, curve = trained.found, trained.validation_history
        self.__dict__.update(attributes(trained[:3], found.attributes))
        self.loss_curve_, self.loss_ = trained.history, found.cost
        self.n_iter_ = len(self.loss_curve_) - 1
        if curve:
            self.validation_loss_curve_ = curve

    def _member(
        self, trained: Trained, attributes: Attributes
    ) -> TwoLayerSigmoidClassifier:
        """One network of a committee."""
        member: TwoLayerSigmoidClassifier = clone(self)
        member.set_params(n_init=1, committee=False)
        member._store(trained, attributes)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(member, name, getattr(self, name))
        return member

    def __getstate__(self) -> dict[str, Any]:
        saved_by = {"_state_format": STATE_FORMAT, "_sk_twolayer_version": __version__}
        state: dict[str, Any] = super().__getstate__()
        return {**to_plain(state), **saved_by}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        found = state.pop("_state_format", None)
        version = state.pop("_sk_twolayer_version", "unknown")
        if found != STATE_FORMAT:
            raise ValueError(
                f"This model was saved by sk_twolayer {version} (state format {found}); "
                f"this is sk_twolayer {__version__} (state format {STATE_FORMAT}), "
                "which can't read it. Load it with the version that saved it, or fit "
                "the model again."
            )
        super().__setstate__(from_plain(state))

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Have NumPy's attributes, and put every one back where the body raises."""
        before = dict(self.__dict__)
        self.__dict__.update(with_numpy(self).__dict__)
        try:
            yield
        except BaseException:
            # scikit-learn's decorator around `fit` still ends the callbacks.
            state = {n: v for n, v in self.__dict__.items() if "_callback" in n}
            self.__dict__.clear()
            self.__dict__.update(before | state)
            raise

    @overload
    def decision_function(self, X: MatrixLike) -> Array: ...

    @overload
    def decision_function(
        self, X: MatrixLike, return_std: Literal[True]
    ) -> tuple[Array, Array]: ...

    @like_its_input
    def decision_function(
        self, X: MatrixLike, return_std: bool = False
    ) -> Array | tuple[Array, Array]:
        """Z2 of each sample: of two classes the log-odds of the second.

        After a fit by the evidence Z2 is moderated, see `predict_proba`; with
        `return_std` it is not.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.
        return_std : bool, default=False
            Whether to give Z2 at the most probable weights and its standard deviation.

        Returns
        -------
        decision : ndarray of shape (n,) or (n, K), float64 or float32
            Z2, in nats. Source: the article's Z2 = W2 A1 + b2. Of a committee the
            log-odds, for softmax the logarithms, of its probabilities.
        std : ndarray of shape (n,) or (n, K), float64 or float32
            Standard deviation of Z2, in nats; for softmax of Z2 less its mean over the
            outputs. Of a committee, of all its members' Z2. Only with `return_std`.
            Source: Bishop (2006), equation 5.188.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`, or `return_std` is asked of a
            model without covariance: after `partial_fit` or `drop_covariance`.
        """
        network, samples = fitted(self), self._validate(X, ensure_all_finite=False)
        if return_std:
            return network.Z2_and_std(samples)
        return network.decision_function(samples)

    @like_its_input
    def predict_interval(
        self, X: MatrixLike, level: float = 0.9
    ) -> tuple[Array, Array]:
        """Interval in which the probability of each class or label lies.

        How sure the model is of `predict_proba`, and not where y lies: that of a coin
        is narrow about 1/2. It is the middle `level` of what Z2 may be, a Gaussian with
        the deviation of ``decision_function(X, return_std=True)``, through sigma; of
        several classes of the log-odds of each against the others, and of a committee
        of the mixture of its members'. The Gaussian is about the weights found, and
        knows of no others: see the user guide for how often intervals hold the truth.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.
        level : float, default=0.9
            Probability that the interval shall have, in (0, 1).

        Returns
        -------
        lower : ndarray of shape (n, n_classes) or (n, L), float64 or float32
            Lower ends, in the columns of `predict_proba`. Source: sigma(Z2 - q s) with
            q the standard normal's quantile of (1 + level) / 2 and s^2 the variance of
            Z2, Bishop (2006), equation 5.188.
        upper : ndarray of shape (n, n_classes) or (n, L), float64 or float32
            Upper ends, sigma(Z2 + q s).

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`, `level` is not in (0, 1), or the
            model has no covariance: after `partial_fit` or `drop_covariance`.
        """
        network = fitted(self)
        if not isinstance(level, Real) or not 0 < level < 1:
            raise ValueError(f"level must be a number in (0, 1); got {level!r}.")
        samples = self._validate(X, ensure_all_finite=False)
        return network.predict_interval(samples, float(level))

    @like_its_input
    def predict(self, X: MatrixLike) -> Array:
        """Label of the most probable class, or every label more probable than not.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n,) or (n, L), dtype of the labels
            Labels, or an indicator matrix.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        network, samples = fitted(self), self._validate(X, ensure_all_finite=False)
        return network.predict(samples)

    @like_its_input
    def predict_proba(self, X: MatrixLike) -> Array:
        """Probability of each class or label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n, n_classes) or (n, L), float64 or float32
            Probabilities, in the order of ``classes_``. Source: A2 = sigma(Z2), or
            softmax. After a fit by the evidence they are moderated, that is nearer to
            each other where the weights' uncertainty is larger: sigma(Z2 / sqrt(1 +
            pi s^2 / 8)) with s^2 the variance of Z2 as far as ``moderation_`` counts
            it, or softmax of it with that of Z2_i - Z2_j, its mean over pairs
            (MacKay, 1992). Of a committee the mean of its members'.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        network, samples = fitted(self), self._validate(X, ensure_all_finite=False)
        return network.predict_proba(samples)

    @like_its_input
    def predict_log_proba(self, X: MatrixLike) -> Array:
        """Log-probability of each class or label, finite for any finite Z2.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n, n_classes) or (n, L), float64 or float32
            Log-probabilities in nats, in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        network, samples = fitted(self), self._validate(X, ensure_all_finite=False)
        return network.predict_log_proba(samples)

    @like_its_input
    def input_gradient(self, X: MatrixLike) -> Array:
        """Gradient of the probabilities by the features.

        For sensitivity and saliency: to first order, how much a probability moves with
        a feature. See `sk_twolayer.inspection.SensitivityDisplay`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.

        Returns
        -------
        ndarray of shape (n, m) or (n, K, m), float64
            Gradient dA2/dX, in probability per unit of the feature; of two classes
            that of the second, else one for each class or label. Source: the chain
            rule, A2 (1 - A2) W2 diag(A1 (1 - A1)) W1; after a fit by the evidence,
            whose moderation depends on X too, central differences of the moderated
            probabilities. Of a committee the mean of its members'.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        return fitted(self).input_gradient(self._validate(X))

    def _on_device(self, place: Device, name: str, X: Any) -> Any:
        """A method's answer where X lies; None where only NumPy has one."""
        if not (FOLLOWS_ARRAYS and hasattr(DeviceNetwork, name)):
            return None
        network = fitted(self).on_device(place, place.dtype_of(X))
        if network is None:
            return None
        found = getattr(network, name)(self._validate(X))
        if name != "predict" or found.ndim == 2:
            return found
        classes = to_numpy(self.classes_)
        if classes.dtype.kind not in "biuf":
            return classes[place.fetch(found)]
        return place.xp.take(place.send(classes), found, axis=0)

    def score(
        self, X: MatrixLike, y: MatrixLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Accuracy on these samples; of a multilabel y the part that is right in all.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.
        y : array-like of shape (n,) or (n, L), strings, numbers or booleans
            Their labels.
        sample_weight : array-like of shape (n,), float, default=None
            Weights.

        Returns
        -------
        float
            Accuracy, in [0, 1]. As every classifier's of scikit-learn, but that its
            metrics do not take arrays of objects that are numbers.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If X does not fit the data seen in `fit`.
        """
        plain = y if is_foreign(y) else plain_labels(y)
        return float(super().score(X, plain, sample_weight))

    @property
    def n_hidden_(self) -> int:
        """Hidden neurons, k: `n_hidden`, or what "auto" is for the samples."""
        return int(self.W1_.shape[0])

    @property
    def coefs_(self) -> list[Array]:
        """W1 and W2 in MLPClassifier's layout: arrays of shape (m, k) and (k, K)."""
        return [self.W1_.T, self.W2_.T]

    @property
    def intercepts_(self) -> list[Array]:
        """b1 and b2 in MLPClassifier's layout: arrays of shape (k,) and (K,)."""
        return [self.b1_[:, 0], self.b2_[:, 0]]

    @property
    def n_layers_(self) -> int:
        """Layers, MLPClassifier's count: input, hidden and output."""
        check_is_fitted(self)
        return 3

    @property
    def feature_importances_(self) -> Array:
        """Share of each feature in what moves Z2: for SelectFromModel and RFE.

        After "ard" `feature_relevance_`. Otherwise, from the weights alone, how far a
        standard deviation of the feature moves Z2: the root of (W2 W1)^2 and
        W2^2 W1^2, of what the neurons do together and each by itself, summed over the
        outputs. They are at least 0 and sum to 1; of a committee the mean of its
        members'.
        """
        return fitted(self).importances()

    def drop_covariance(self) -> TwoLayerSigmoidClassifier:
        """Leave out what `return_std` and `predict_interval` need, and moderation.

        A fit by the evidence is then much smaller, and predicts sooner: its
        probabilities are those at the most probable weights, without moderation, as
        `to_mlp` has them. Labels stay, and so do the probabilities after other fits.

        Returns
        -------
        TwoLayerSigmoidClassifier
            The model itself.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        for model in (self, *getattr(self, "estimators_", ())):
            model._covariance = None
        return self

    def to_mlp(self) -> Any:
        """A fitted MLPClassifier with the same weights, for packages that take these.

        Its labels are the same. So are its probabilities, unless the evidence chose
        `alpha`: then they are those at the most probable weights, without moderation,
        and more extreme than this model's.

        Returns
        -------
        sklearn.neural_network.MLPClassifier
            With ``activation="logistic"``, n_hidden in `hidden_layer_sizes`, and its
            other parameters at their defaults. Its `partial_fit` goes on from the weights.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If this is a committee: it is not one network.
        """
        network, *others = fitted(self).networks
        if others:
            raise ValueError(
                "to_mlp needs one network; a model with committee=True has "
                f"{1 + len(others)}: call to_mlp of each of its estimators_ and "
                "average their probabilities."
            )
        multilabel = self.out_activation_ == "logistic" and self.n_outputs_ > 1
        model = mlp_with(network.parameters, network.labels.classes, multilabel)
        model.loss_, model.n_iter_ = self.loss_, self.n_iter_
        model.best_loss_, model.loss_curve_ = min(self.loss_curve_), [*self.loss_curve_]
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_
        return model
