"""ONNX: importing this module teaches skl2onnx to convert the classifier.

After ``import sk_twolayer.onnx``, ``skl2onnx.to_onnx`` takes a
`TwoLayerSigmoidClassifier`, alone, as a committee, in a pipeline or in a
meta-estimator that skl2onnx converts. Probabilities are moderated as the model's are.
Options are skl2onnx's own: "zipmap", "nocl", "output_class_labels" and "raw_scores",
with which Z2 takes the probabilities' place. Needs the extra ``onnx``.

Examples
--------
>>> import numpy as np
>>> from sklearn.datasets import load_iris
>>> from skl2onnx import to_onnx  # doctest: +SKIP
>>> import sk_twolayer.onnx  # doctest: +SKIP
>>> from sk_twolayer import TwoLayerSigmoidClassifier
>>> X, y = load_iris(return_X_y=True)
>>> model = TwoLayerSigmoidClassifier(random_state=0).fit(X, y)
>>> onnx_model = to_onnx(model, X.astype(np.float32))  # doctest: +SKIP
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from sk_twolayer._engine.layout import stacked
from sk_twolayer._estimator import TwoLayerSigmoidClassifier
from sk_twolayer._evidence.covariance import LowRankCovariance
from sk_twolayer._fitted import FittedNetwork, fitted

try:
    from skl2onnx import update_registered_converter
    from skl2onnx.algebra import onnx_ops
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )
    from skl2onnx.common.utils_classifier import get_label_classes
except ImportError as error:
    raise ImportError(
        "sk_twolayer.onnx needs skl2onnx: pip install 'sk-twolayer[onnx]'"
    ) from error

__all__: list[str] = []


class _Operators:
    """ONNX's operators in one version, each by its name there: `ops.Add(A, B)`.

    Parameters
    ----------
    version : int
        That of the operators.
    dtype : dtype
        Of all numbers.
    """

    def __init__(self, version: int, dtype: Any) -> None:
        self._version, self.dtype = version, dtype

    def __getattr__(self, name: str) -> Any:
        return partial(getattr(onnx_ops, "Onnx" + name), op_version=self._version)

    def number(self, value: float) -> Any:
        """A constant that is the same for all entries."""
        return np.array([value], self.dtype)

    def constant(self, A: Any) -> Any:
        """A constant array."""
        return A.astype(self.dtype)


def _is_multilabel(model: TwoLayerSigmoidClassifier) -> bool:
    return bool(model.out_activation_ == "logistic" and model.n_outputs_ > 1)


def _labels(scope: Any, model: TwoLayerSigmoidClassifier) -> Any:
    """The classes as ONNX can hold them: strings, or integers of 64 bits."""
    classes = np.asarray(get_label_classes(scope, model))
    if classes.dtype.kind in "US" or all(isinstance(c, str) for c in classes):
        return classes.astype(str)
    return classes.astype(np.int64)


def _shapes(operator: Any) -> None:
    """Sets the types of the two outputs, label and probabilities."""
    model = operator.raw_operator
    n = operator.inputs[0].get_first_dimension()
    double = isinstance(operator.inputs[0].type, DoubleTensorType)
    tensor = DoubleTensorType if double else FloatTensorType
    strings = _labels(operator.scope_inst, model).dtype.kind == "U"
    label = StringTensorType if strings else Int64TensorType
    shape = [n, model.n_outputs_] if _is_multilabel(model) else [n]
    operator.outputs[0].type = label(shape)
    operator.outputs[1].type = tensor([n, len(model.classes_)])


def _forward(network: FittedNetwork, X: Any, ops: _Operators) -> tuple[Any, Any, Any]:
    """The forward pass of one network, samples in rows: standardised X, A1 and Z2."""
    # Features are centred and scaled first: in float32 the products are then exact.
    center, scale = map(ops.constant, network.standardisation)
    W1, b1, W2, b2 = network.parameters
    first = stacked(W1, b1)
    network.standardisation.unfold(first)
    W1, b1 = ops.constant(first[:-1]), ops.constant(first[-1])
    W2, b2 = ops.constant(W2.T), ops.constant(b2[:, 0])
    inputs = ops.Mul(ops.Sub(X, center), scale)
    A1 = ops.Sigmoid(ops.Add(ops.MatMul(inputs, W1), b1))
    return inputs, A1, ops.Add(ops.MatMul(A1, W2), b2)


def _moderated(
    network: FittedNetwork, inputs: Any, A1: Any, Z2: Any, ops: _Operators
) -> Any:
    """Z2 as `Predictive.moderate` gives it; as it is after a fit without evidence."""
    if network.moderation is None:
        return Z2
    W2, is_softmax = network.parameters.W2, network.labels.activation == "softmax"
    (K, k), m = W2.shape, network.parameters.W1.shape[1]
    eye, one = np.eye(K, dtype=ops.dtype), ops.number(1)

    def shaped(A: Any, *shape: int) -> Any:
        return ops.Reshape(A, np.array([0, *shape], dtype=np.int64))

    def summed(A: Any, size: int) -> Any:
        """Over the last axis, of squares."""
        return ops.MatMul(ops.Mul(A, A), np.ones((size, 1), ops.dtype))

    def beside_one(A: Any, columns: int) -> Any:
        ones = ops.Add(ops.MatMul(A, np.zeros((columns, 1), ops.dtype)), one)
        return ops.Concat(A, ones, axis=1)

    slopes = ops.Mul(A1, ops.Sub(one, A1))
    by_Z1 = ops.Mul(shaped(slopes, 1, k), ops.constant(W2[None]))
    contrasts: Any = eye[None, :, None, :]
    if is_softmax:
        A2 = ops.Softmax(Z2, axis=1)
        centred = ops.Sub(eye[None], shaped(A2, 1, K))
        roots = ops.Mul(ops.Sqrt(shaped(A2, K, 1)), centred)
        of_pairs = ops.Mul(summed(shaped(roots, K * K), K * K), ops.number(0.5))
        of_pairs = ops.Max(of_pairs, ops.number(np.finfo(ops.dtype).tiny))
        rows = ops.Div(roots, ops.Sqrt(shaped(of_pairs, 1, 1)))
        by_Z1 = ops.MatMul(rows, by_Z1)
        contrasts = shaped(rows, K, 1, K)
    first = ops.Mul(shaped(beside_one(inputs, m), 1, m + 1, 1), shaped(by_Z1, K, 1, k))
    hidden = beside_one(ops.Sub(A1, ops.number(0.5)), k)
    second = ops.Mul(shaped(hidden, 1, k + 1, 1), contrasts)
    size = [(m + 1) * k, (k + 1) * K]
    both = shaped(first, K, size[0]), shaped(second, K, size[1])
    rows, p = ops.Concat(*both, axis=2), sum(size)
    covariance: Any = network.covariance
    if isinstance(covariance, LowRankCovariance):
        scaled = ops.Mul(rows, ops.constant(covariance.scale))
        known = ops.constant(covariance.known.T)
        known = summed(ops.MatMul(scaled, known), known.shape[1])
        variances = ops.Max(ops.Sub(summed(scaled, p), known), ops.number(0))
    else:
        root = ops.constant(covariance.root.T)
        variances = summed(ops.MatMul(rows, root), p)
    variances = shaped(variances, K)
    if is_softmax:
        variances = ops.MatMul(variances, np.ones((K, 1), ops.dtype))
    # What counts of them, as `Moderation.of` says, and then `shrinkage`.
    limited = ops.Min(variances, ops.number(network.moderation.limit))
    left = ops.Mul(limited, ops.number(1 - network.moderation.part))
    scaled = ops.Mul(ops.Sub(variances, left), ops.number(np.pi / 8))
    return ops.Div(Z2, ops.Sqrt(ops.Add(scaled, one)))


def _scores(model: TwoLayerSigmoidClassifier, X: Any, ops: _Operators) -> Any:
    """Z2, of two classes beside its negative: the larger is the more probable."""
    Z2, *others = (
        _moderated(network, *_forward(network, X, ops), ops)
        for network in fitted(model).networks
    )
    if others:
        Z2 = _Z2_of_average(model, [Z2, *others], ops)
    if model.n_outputs_ > 1 or model.out_activation_ == "softmax":
        return Z2
    return ops.Concat(ops.Neg(Z2), Z2, axis=1)


def _Z2_of_average(
    model: TwoLayerSigmoidClassifier, members: list[Any], ops: _Operators
) -> Any:
    """The Z2 that has the mean of the members' probabilities.

    It is taken in logarithms, so that probabilities near 0 and 1 keep their digits.
    """

    def log_of_mean(logs: list[Any]) -> Any:
        largest = ops.Max(*logs)
        parts = [ops.Exp(ops.Sub(log, largest)) for log in logs]
        mean = ops.Mul(ops.Sum(*parts), ops.number(1 / len(logs)))
        return ops.Add(largest, ops.Log(mean))

    if model.out_activation_ == "softmax":
        return log_of_mean([ops.LogSoftmax(Z2, axis=1) for Z2 in members])

    def log_sigmoid(Z2: Any) -> Any:
        small = ops.Exp(ops.Neg(ops.Abs(Z2)))
        rest = ops.Log(ops.Add(small, ops.number(1)))
        return ops.Sub(ops.Min(Z2, ops.number(0)), rest)

    log_A2 = log_of_mean([log_sigmoid(Z2) for Z2 in members])
    log_rest = log_of_mean([log_sigmoid(ops.Neg(Z2)) for Z2 in members])
    return ops.Sub(log_A2, log_rest)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Adds label and probabilities as standard operators; samples in rows."""
    model = operator.raw_operator
    X: Any = operator.inputs[0]
    double = isinstance(X.type, DoubleTensorType)
    ops = _Operators(container.target_opset, np.float64 if double else np.float32)
    if not isinstance(X.type, DoubleTensorType | FloatTensorType):
        X = ops.Cast(X, to=1)
    scores = _scores(model, X, ops)
    if container.get_options(model, {"raw_scores": False})["raw_scores"]:
        A2 = scores
    elif model.out_activation_ == "softmax":
        A2 = ops.Softmax(scores, axis=1)
    else:
        A2 = ops.Sigmoid(scores)
    label, probability = (output.full_name for output in operator.outputs)
    ops.Identity(A2, output_names=[probability]).add_to(scope, container)
    if _is_multilabel(model):
        above = ops.Greater(scores, ops.number(0))
        chosen = ops.Cast(above, to=7, output_names=[label])
    else:
        # No reshape to -1 rows: an empty batch does not say how many these are.
        index = ops.ArgMax(scores, axis=1, keepdims=0)
        labels = _labels(scope, model)
        chosen = ops.Gather(labels, index, axis=0, output_names=[label])
    chosen.add_to(scope, container)


update_registered_converter(
    TwoLayerSigmoidClassifier,
    "SkTwoLayerTwoLayerSigmoidClassifier",
    _shapes,
    _convert,
    options={
        "zipmap": [True, False, "columns"],
        "nocl": [True, False],
        "output_class_labels": [False, True],
        "raw_scores": [True, False],
    },
)
