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

from typing import Any

import numpy as np

from sk_twolayer._engine.layout import stacked
from sk_twolayer._estimator import TwoLayerSigmoidClassifier
from sk_twolayer._evidence.covariance import LowRankCovariance
from sk_twolayer._fitted import FittedNetwork, fitted

try:
    from skl2onnx import update_registered_converter
    from skl2onnx.algebra.onnx_ops import (
        OnnxAbs,
        OnnxAdd,
        OnnxArgMax,
        OnnxCast,
        OnnxConcat,
        OnnxDiv,
        OnnxExp,
        OnnxGather,
        OnnxGreater,
        OnnxIdentity,
        OnnxLog,
        OnnxLogSoftmax,
        OnnxMatMul,
        OnnxMax,
        OnnxMin,
        OnnxMul,
        OnnxNeg,
        OnnxReshape,
        OnnxSigmoid,
        OnnxSoftmax,
        OnnxSqrt,
        OnnxSub,
        OnnxSum,
    )
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


def _forward(
    network: FittedNetwork, X: Any, dtype: Any, ops: Any
) -> tuple[Any, Any, Any]:
    """The forward pass of one network, samples in rows: standardised X, A1 and Z2."""
    # Features are centred and scaled first: in float32 the products are then exact.
    center, scale = network.standardisation
    W1, b1, W2, b2 = network.parameters
    first = stacked(W1, b1)
    network.standardisation.unfold(first)
    W1, b1 = first[:-1], first[-1]
    inputs = OnnxMul(
        OnnxSub(X, center.astype(dtype), **ops), scale.astype(dtype), **ops
    )
    Z1 = OnnxAdd(OnnxMatMul(inputs, W1.astype(dtype), **ops), b1.astype(dtype), **ops)
    A1 = OnnxSigmoid(Z1, **ops)
    Z2 = OnnxAdd(
        OnnxMatMul(A1, W2.T.astype(dtype), **ops),
        b2[:, 0].astype(dtype),
        **ops,
    )
    return inputs, A1, Z2


def _moderated(
    network: FittedNetwork,
    inputs: Any,
    A1: Any,
    Z2: Any,
    dtype: Any,
    ops: Any,
) -> Any:
    """Z2 as `Predictive.moderate` gives it; as it is after a fit without evidence."""
    if network.moderation is None:
        return Z2
    W2, is_softmax = network.parameters.W2, network.labels.activation == "softmax"
    (K, k), m = W2.shape, network.parameters.W1.shape[1]
    eye = np.eye(K, dtype=dtype)

    def shaped(A: Any, *shape: int) -> Any:
        return OnnxReshape(A, np.array([0, *shape], dtype=np.int64), **ops)

    def summed(A: Any, size: int) -> Any:
        """Over the last axis, of squares."""
        squares = OnnxMul(A, A, **ops)
        return OnnxMatMul(squares, np.ones((size, 1), dtype), **ops)

    def beside_one(A: Any, columns: int) -> Any:
        ones = OnnxMatMul(A, np.zeros((columns, 1), dtype), **ops)
        ones = OnnxAdd(ones, np.ones(1, dtype), **ops)
        return OnnxConcat(A, ones, axis=1, **ops)

    slopes = OnnxMul(A1, OnnxSub(np.ones(1, dtype), A1, **ops), **ops)
    by_Z1 = OnnxMul(shaped(slopes, 1, k), W2[None].astype(dtype), **ops)
    contrasts: Any = eye[None, :, None, :]
    if is_softmax:
        A2 = OnnxSoftmax(Z2, axis=1, **ops)
        centred = OnnxSub(eye[None], shaped(A2, 1, K), **ops)
        roots = OnnxMul(OnnxSqrt(shaped(A2, K, 1), **ops), centred, **ops)
        of_pairs = OnnxMul(
            summed(shaped(roots, K * K), K * K), np.array([0.5], dtype), **ops
        )
        of_pairs = OnnxMax(of_pairs, np.array([np.finfo(dtype).tiny], dtype), **ops)
        rows = OnnxDiv(roots, OnnxSqrt(shaped(of_pairs, 1, 1), **ops), **ops)
        by_Z1 = OnnxMatMul(rows, by_Z1, **ops)
        contrasts = shaped(rows, K, 1, K)
    first = OnnxMul(
        shaped(beside_one(inputs, m), 1, m + 1, 1), shaped(by_Z1, K, 1, k), **ops
    )
    hidden = beside_one(OnnxSub(A1, np.array([0.5], dtype), **ops), k)
    second = OnnxMul(shaped(hidden, 1, k + 1, 1), contrasts, **ops)
    size = [(m + 1) * k, (k + 1) * K]
    both = shaped(first, K, size[0]), shaped(second, K, size[1])
    rows, p = OnnxConcat(*both, axis=2, **ops), sum(size)
    covariance: Any = network.covariance
    if isinstance(covariance, LowRankCovariance):
        scaled = OnnxMul(rows, covariance.scale.astype(dtype), **ops)
        known = covariance.known.T.astype(dtype)
        known = summed(OnnxMatMul(scaled, known, **ops), known.shape[1])
        variances = OnnxSub(summed(scaled, p), known, **ops)
        variances = OnnxMax(variances, np.zeros(1, dtype), **ops)
    else:
        root = covariance.root.T.astype(dtype)
        variances = summed(OnnxMatMul(rows, root, **ops), p)
    variances = shaped(variances, K)
    if is_softmax:
        variances = OnnxMatMul(variances, np.ones((K, 1), dtype), **ops)
    limit = np.array([network.moderation.limit], dtype)
    left = np.array([1 - network.moderation.part], dtype)
    left = OnnxMul(OnnxMin(variances, limit, **ops), left, **ops)
    variances = OnnxSub(variances, left, **ops)
    scaled = OnnxMul(variances, np.array([np.pi / 8], dtype), **ops)
    root = OnnxSqrt(OnnxAdd(scaled, np.ones(1, dtype), **ops), **ops)
    return OnnxDiv(Z2, root, **ops)


def _scores(model: TwoLayerSigmoidClassifier, X: Any, dtype: Any, ops: Any) -> Any:
    """Z2, of two classes beside its negative: the larger is the more probable."""
    Z2, *others = (
        _moderated(network, *_forward(network, X, dtype, ops), dtype, ops)
        for network in fitted(model).networks
    )
    if others:
        Z2 = _Z2_of_average(model, [Z2, *others], dtype, ops)
    if model.n_outputs_ > 1 or model.out_activation_ == "softmax":
        return Z2
    return OnnxConcat(OnnxNeg(Z2, **ops), Z2, axis=1, **ops)


def _Z2_of_average(
    model: TwoLayerSigmoidClassifier, members: list[Any], dtype: Any, ops: Any
) -> Any:
    """The Z2 that has the mean of the members' probabilities.

    It is taken in logarithms, so that probabilities near 0 and 1 keep their digits.
    """

    def log_of_mean(logs: list[Any]) -> Any:
        largest = OnnxMax(*logs, **ops)
        parts = [OnnxExp(OnnxSub(log, largest, **ops), **ops) for log in logs]
        share = np.array([1 / len(logs)], dtype)
        mean = OnnxMul(OnnxSum(*parts, **ops), share, **ops)
        return OnnxAdd(largest, OnnxLog(mean, **ops), **ops)

    if model.out_activation_ == "softmax":
        return log_of_mean([OnnxLogSoftmax(Z2, axis=1, **ops) for Z2 in members])

    def log_sigmoid(Z2: Any) -> Any:
        one, zero = np.ones(1, dtype), np.zeros(1, dtype)
        small = OnnxExp(OnnxNeg(OnnxAbs(Z2, **ops), **ops), **ops)
        rest = OnnxLog(OnnxAdd(small, one, **ops), **ops)
        return OnnxSub(OnnxMin(Z2, zero, **ops), rest, **ops)

    log_A2 = log_of_mean([log_sigmoid(Z2) for Z2 in members])
    log_rest = log_of_mean([log_sigmoid(OnnxNeg(Z2, **ops)) for Z2 in members])
    return OnnxSub(log_A2, log_rest, **ops)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Adds label and probabilities as standard operators; samples in rows."""
    model, version = operator.raw_operator, container.target_opset
    double = isinstance(operator.inputs[0].type, DoubleTensorType)
    dtype = np.float64 if double else np.float32
    ops = {"op_version": version}
    X: Any = operator.inputs[0]
    if not isinstance(X.type, DoubleTensorType | FloatTensorType):
        X = OnnxCast(X, to=1, **ops)
    scores = _scores(model, X, dtype, ops)
    if container.get_options(model, {"raw_scores": False})["raw_scores"]:
        A2 = scores
    elif model.out_activation_ == "softmax":
        A2 = OnnxSoftmax(scores, axis=1, **ops)
    else:
        A2 = OnnxSigmoid(scores, **ops)
    label, probability = (output.full_name for output in operator.outputs)
    OnnxIdentity(A2, output_names=[probability], **ops).add_to(scope, container)
    if _is_multilabel(model):
        above = OnnxGreater(scores, np.array([0], dtype=dtype), **ops)
        chosen = OnnxCast(above, to=7, output_names=[label], **ops)
    else:
        # No reshape to -1 rows: an empty batch does not say how many these are.
        index = OnnxArgMax(scores, axis=1, keepdims=0, **ops)
        labels = _labels(scope, model)
        chosen = OnnxGather(labels, index, axis=0, output_names=[label], **ops)
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
