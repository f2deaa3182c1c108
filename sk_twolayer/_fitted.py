"""What predicts: a fitted network, or a committee of them, with the same methods.

Either is made of a model's attributes where a prediction is asked for, and holds nothing
else; the estimator asks `fitted(model)` and does not know which it got. Methods have the
estimator's names, take samples that are checked, and give NumPy's arrays. A committee
asks each member and averages what can be averaged: probabilities, gradients,
importances, and the Gaussians of Z2 as a mixture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted

from sk_twolayer._arrays import moved, with_numpy
from sk_twolayer._engine.forward import GRADIENT_ROWS, Network, input_gradients
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.on_device import Device, DeviceNetwork
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers
from sk_twolayer._evidence.predictive import (
    Moderation,
    Predictive,
    average,
    average_of_logs,
    interval,
    pool,
)
from sk_twolayer._labels import Labels
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters

# Step of central differences, in deviations of a feature: eps^(1/3).
STEP = float(np.finfo(float).eps) ** (1 / 3)
# And at the least so many times the distance of two numbers there.
LEAST_STEP = 32.0


class FittedNetwork:
    """One fitted network.

    Parameters
    ----------
    model : TwoLayerSigmoidClassifier
        Its attributes are this network's.

    Attributes
    ----------
    parameters, standardisation, moments, output, covariance
        The model's, as NumPy's.
    labels : Labels
        What its y was, without targets.
    moderation : Moderation or None
        How much of Z2's variance probabilities count; None is nothing.
    """

    def __init__(self, model: Any) -> None:
        model = with_numpy(model)
        self.parameters = Parameters(model.W1_, model.b1_, model.W2_, model.b2_)
        self.standardisation = model._standardisation
        self.covariance = model._covariance
        self.labels = Labels(
            model.classes_,
            np.empty(0),
            model.n_outputs_,
            model.out_activation_,
            getattr(model, "label_names_", None),
        )
        self.moments = Moments(*model._moments)
        self.output = choose_output(model.out_activation_, model.n_outputs_)
        self.moderation = None
        if self.covariance is not None and hasattr(model, "moderation_"):
            self.moderation = Moderation(model.moderation_, model._moderation_limit)
        self._predictive = Predictive(
            self.covariance,
            self.standardisation,
            self.parameters.W2,
            self.output,
            self.moderation or Moderation(),
        )
        self._moderate = None if self.moderation is None else self._predictive.moderate
        self._K = model.n_outputs_
        self._columns = self.output.columns(self._K)
        self._relevance = None
        # Cross-validation chooses relevances for prediction alone; "ard" estimates them.
        if not hasattr(model, "cv_loss_curve_"):
            self._relevance = getattr(model, "feature_relevance_", None)
        self._n_jobs, self._name = model.n_jobs, type(model).__name__

    @property
    def networks(self) -> list[FittedNetwork]:
        """Itself, as a committee has its members."""
        return [self]

    def decision_function(self, X: Any) -> Array:
        """Z2, moderated."""
        return flat(self._apply(X, _copy, self._K, self._moderate))

    def Z2_and_std(self, X: Any) -> tuple[Array, Array]:
        """Z2 at the most probable weights and its standard deviation."""
        Z2, std = self._gaussian(X, Predictive.with_deviations)
        return flat(Z2), flat(std)

    def predict_interval(self, X: Any, level: float) -> tuple[Array, Array]:
        """Ends of the middle `level` of each probability."""
        return Committee([self]).predict_interval(X, level)

    def predict(self, X: Any) -> Array:
        """Labels; moderation does not move the boundary between classes."""
        return self.output.decide(self._apply(X, _copy, self._K), self.labels.classes)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities, moderated."""
        probabilities = self.output.probabilities
        return self._apply(X, probabilities, self._columns, self._moderate)

    def predict_log_proba(self, X: Any) -> Array:
        """Their logarithms."""
        log_probabilities = self.output.log_probabilities
        return self._apply(X, log_probabilities, self._columns, self._moderate)

    def input_gradient(self, X: Any) -> Array:
        """Gradient of the probabilities by the features: (n, m) or (n, K, m)."""
        if self.moderation is None:
            return flat(input_gradients(X, self.parameters, self.labels.activation))
        # Moderation depends on X, too: by central differences.
        result = np.empty((X.shape[0], self._K, X.shape[1]))
        for start in range(0, X.shape[0], GRADIENT_ROWS):
            block = X[start : start + GRADIENT_ROWS]
            block = block.toarray() if sparse.issparse(block) else block.astype(float)
            # The step at which rounding costs as much as the third derivative does; far
            # from 0 a number is not so finely divided.
            least = LEAST_STEP * np.spacing(np.abs(block))
            for i, of_scale in enumerate(STEP / self.standardisation.scale):
                above, below = block.copy(), block.copy()
                step = np.maximum(of_scale, least[:, i])
                above[:, i] += step
                below[:, i] -= step
                rise = self.predict_proba(above) - self.predict_proba(below)
                slope = rise / (above[:, i] - below[:, i])[:, None]
                result[start : start + len(block), :, i] = slope[:, -self._K :]
        return flat(result)

    def importances(self) -> Array:
        """Share of each feature in what moves Z2."""
        if self._relevance is not None:
            return to_shares(self._relevance)
        # The root mean square of dZ2/dX = W2 diag(s') W1 times the deviation, where the
        # neurons' slopes s' are independent and vary as much as they are large: of a
        # sum of products the square, and the sum of the squares.
        W1, to_outputs = self.parameters.W1, self.output.determined(self._K)
        to_outputs = to_outputs @ self.parameters.W2
        together = np.square(to_outputs @ W1).sum(axis=0)
        apart = np.square(to_outputs).sum(axis=0) @ np.square(W1)
        return to_shares(np.sqrt(together + apart) * self.moments.deviation)

    def on_device(self, place: Device, dtype: Any) -> DeviceNetwork | None:
        """The same where X lies; None where it takes NumPy to moderate."""
        if self.moderation is not None:
            return None
        return DeviceNetwork(
            place, self.parameters, self.standardisation, self.output, dtype
        )

    def odds(self, X: Any) -> tuple[Array, Array]:
        """Log-odds of each output and their deviations (n, K)."""
        return self._gaussian(X, Predictive.odds_with_deviations)

    def _gaussian(self, X: Any, uncertain: Callable[..., Array]) -> tuple[Array, Array]:
        """Means and deviations (n, K) by the covariance."""
        if self.covariance is None:
            raise ValueError(
                "return_std=True and predict_interval need the weights' covariance, "
                "which fit gives; partial_fit has none, drop_covariance leaves it out, "
                "and nearly infinite weights have none."
            )
        change = partial(uncertain, self._predictive)
        both = self._apply(X, _copy, 2 * self._K, change)
        return both[:, : self._K], both[:, self._K :]

    def _apply(
        self,
        X: Any,
        function: Callable[[Array, Array], None],
        n_columns: int,
        change: Callable[..., Array] | None = None,
    ) -> Array:
        """A function of Z2, and its columns, for each row; `change` is made of Z2 first."""
        workers = Workers.for_samples(X, len(self.parameters.W1), self._n_jobs)
        check_finite = partial(
            assert_all_finite, estimator_name=self._name, input_name="X"
        )
        with workers.started():
            network = Network(self.parameters, self.standardisation, workers)
            return network.apply(X, function, n_columns, check_finite, change)


class Committee(NamedTuple):
    """Several networks, whose probabilities are averaged; for methods see those of one.

    Attributes
    ----------
    networks : list of FittedNetwork
        The members.
    moderation : None
        Of their mean there is none; each member has its own.
    """

    networks: list[FittedNetwork]
    moderation: Moderation | None = None

    def decision_function(self, X: Any) -> Array:
        """The log-odds, for softmax the logarithms, of the mean probabilities."""
        return flat(self._decision(X))

    def Z2_and_std(self, X: Any) -> tuple[Array, Array]:
        """Of the mixture of the members' Gaussians."""
        return pool([network.Z2_and_std(X) for network in self.networks])

    def predict_interval(self, X: Any, level: float) -> tuple[Array, Array]:
        """Likewise."""
        low, high = interval([network.odds(X) for network in self.networks], level)
        if self.networks[0].output.columns(low.shape[1]) > low.shape[1]:
            # Of two classes Z2 is the second's log-odds, and the first's its negative.
            low, high = np.hstack([-high, low]), np.hstack([-low, high])
        return expit(low), expit(high)

    def predict(self, X: Any) -> Array:
        """Labels by the mean probabilities."""
        first = self.networks[0]
        return first.output.decide(self._decision(X), first.labels.classes)

    def predict_proba(self, X: Any) -> Array:
        """The mean probabilities."""
        return average([network.predict_proba(X) for network in self.networks])

    def predict_log_proba(self, X: Any) -> Array:
        """Their logarithms."""
        logs = [network.predict_log_proba(X) for network in self.networks]
        return average_of_logs(logs)

    def input_gradient(self, X: Any) -> Array:
        """The mean gradient."""
        return average([network.input_gradient(X) for network in self.networks])

    def importances(self) -> Array:
        """The mean importances."""
        return average([network.importances() for network in self.networks])

    def on_device(self, place: Device, dtype: Any) -> None:
        """NumPy takes the mean."""

    def _decision(self, X: Any) -> Array:
        return self.networks[0].output.decision(self.predict_log_proba(X))


def attributes_of(
    labels: Labels,
    like: tuple[Any, Any],
    network: tuple[Parameters, Standardisation, Moments],
    found: dict[str, Any],
) -> dict[str, Any]:
    """What `FittedNetwork` reads, and what is known of alpha, as a model's attributes.

    `like` are X and y: the attributes go where these are.
    """
    parameters, standardisation, moments = network
    if "feature_relevance_" in found:
        # No sample says anything of the weights of a constant feature.
        found["feature_relevance_"][moments.deviation == 0] = 0
    attributes = {
        "_covariance": None,
        **found,
        **{f"{name}_": value for name, value in parameters._asdict().items()},
        "classes_": labels.classes,
        "n_outputs_": labels.n_outputs,
        "out_activation_": labels.activation,
        "_standardisation": standardisation,
        # A plain tuple, so that a saved model holds no type more.
        "_moments": tuple(moments),
    }
    if labels.names is not None:
        attributes["label_names_"] = labels.names
    return moved(attributes, *like)


def fitted(model: Any) -> FittedNetwork | Committee:
    """What predicts for a fitted model."""
    check_is_fitted(model)
    if hasattr(model, "estimators_"):
        return Committee([FittedNetwork(member) for member in model.estimators_])
    return FittedNetwork(model)


def flat(values: Array) -> Array:
    """Values of each output (n, K, ...), without that axis where there is one output."""
    return values[:, 0] if values.shape[1] == 1 else values


def to_shares(sizes: Array) -> Array:
    """Sizes (m,) of at least 0 over their sum; zeros where all are 0."""
    total = sizes.sum()
    return sizes / total if total > 0 else sizes


def _copy(Z2: Array, out: Array) -> None:
    out[...] = Z2
