"""ONNX: importing this module teaches skl2onnx to convert the classifier.

After ``import sk_twolayer.onnx``, ``skl2onnx.to_onnx`` takes a
`TwoLayerSigmoidClassifier`, alone or in a pipeline; of a committee each of
``estimators_``. Probabilities are moderated as the model's are. Needs the extra
``onnx``.

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

from sk_twolayer._covariance import LowRankCovariance
from sk_twolayer._estimator import TwoLayerSigmoidClassifier

try:
    from skl2onnx import update_registered_converter
    from skl2onnx.algebra.onnx_ops import (
        OnnxAdd,
        OnnxArgMax,
        OnnxArrayFeatureExtractor,
        OnnxCast,
        OnnxConcat,
        OnnxDiv,
        OnnxGreater,
        OnnxIdentity,
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
    )
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )
except ImportError as error:
    raise ImportError(
        "sk_twolayer.onnx needs skl2onnx: pip install 'sk-twolayer[onnx]'"
    ) from error

__all__: list[str] = []


def _is_multilabel(model: TwoLayerSigmoidClassifier) -> bool:
    return bool(model.out_activation_ == "logistic" and model.n_outputs_ > 1)


def _shapes(operator: Any) -> None:
    """Sets the types of the two outputs, label and probabilities."""
    model = operator.raw_operator
    n = operator.inputs[0].type.shape[0]
    double = isinstance(operator.inputs[0].type, DoubleTensorType)
    tensor = DoubleTensorType if double else FloatTensorType
    label = StringTensorType if model.classes_.dtype.kind in "OUS" else Int64TensorType
    shape = [n, model.n_outputs_] if _is_multilabel(model) else [n]
    operator.outputs[0].type = label(shape)
    operator.outputs[1].type = tensor([n, len(model.classes_)])


def _shrinkage(
    model: TwoLayerSigmoidClassifier,
    inputs: Any,
    A1: Any,
    Z2: Any,
    dtype: Any,
    ops: Any,
) -> Any:
    """The factor of Z2 that `Predictive.moderate` has, (n, K) or (n, 1)."""
    K, k = model.W2_.shape
    m = model.W1_.shape[1]
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
    by_Z1 = OnnxMul(shaped(slopes, 1, k), model.W2_[None].astype(dtype), **ops)
    contrasts: Any = eye[None, :, None, :]
    if model.out_activation_ == "softmax":
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
    covariance: Any = model._covariance
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
    if model.out_activation_ == "softmax":
        variances = OnnxMatMul(variances, np.ones((K, 1), dtype), **ops)
    limit = np.array([model._moderation_limit], dtype)
    left = np.array([1 - model.moderation_], dtype)
    left = OnnxMul(OnnxMin(variances, limit, **ops), left, **ops)
    variances = OnnxSub(variances, left, **ops)
    scaled = OnnxMul(variances, np.array([np.pi / 8], dtype), **ops)
    root = OnnxSqrt(OnnxAdd(scaled, np.ones(1, dtype), **ops), **ops)
    return OnnxDiv(np.ones(1, dtype), root, **ops)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Adds the forward pass as standard operators; samples in rows."""
    model, version = operator.raw_operator, container.target_opset
    if hasattr(model, "estimators_"):
        raise ValueError(
            "A model with committee=True can't be converted as one: convert each of "
            "its estimators_ and average their probabilities."
        )
    double = isinstance(operator.inputs[0].type, DoubleTensorType)
    dtype = np.float64 if double else np.float32
    ops = {"op_version": version}
    # Features are centred and scaled first: in float32 the products are then exact.
    center, scale = model._standardisation
    W1 = (model.W1_ / scale).T
    b1 = model.b1_[:, 0] + model.W1_ @ center
    X: Any = operator.inputs[0]
    if not isinstance(X.type, DoubleTensorType | FloatTensorType):
        X = OnnxCast(X, to=1, **ops)
    inputs = OnnxMul(
        OnnxSub(X, center.astype(dtype), **ops), scale.astype(dtype), **ops
    )
    Z1 = OnnxAdd(OnnxMatMul(inputs, W1.astype(dtype), **ops), b1.astype(dtype), **ops)
    A1 = OnnxSigmoid(Z1, **ops)
    Z2 = OnnxAdd(
        OnnxMatMul(A1, model.W2_.T.astype(dtype), **ops),
        model.b2_[:, 0].astype(dtype),
        **ops,
    )
    if model._covariance is not None:
        Z2 = OnnxMul(Z2, _shrinkage(model, inputs, A1, Z2, dtype, ops), **ops)
    label, probability = (output.full_name for output in operator.outputs)
    if model.out_activation_ == "softmax":
        A2 = OnnxSoftmax(Z2, axis=1, **ops)
    elif _is_multilabel(model):
        A2 = OnnxSigmoid(Z2, **ops)
    else:
        both = OnnxSigmoid(OnnxNeg(Z2, **ops), **ops), OnnxSigmoid(Z2, **ops)
        A2 = OnnxConcat(*both, axis=1, **ops)
    OnnxIdentity(A2, output_names=[probability], **ops).add_to(scope, container)
    zero = np.array([0], dtype=dtype)
    if _is_multilabel(model):
        above = OnnxGreater(Z2, zero, **ops)
        OnnxCast(above, to=7, output_names=[label], **ops).add_to(scope, container)
        return
    if len(model.classes_) == 2:
        index: Any = OnnxCast(OnnxGreater(Z2, zero, **ops), to=7, **ops)
    else:
        index = OnnxArgMax(Z2, axis=1, **ops)
    flat = OnnxReshape(index, np.array([-1], dtype=np.int64), **ops)
    classes = model.classes_
    # ONNX has no booleans among a classifier's labels, and its integers have 64 bits.
    named = classes.astype(str) if classes.dtype.kind in "OUS" else classes
    named = named if named.dtype.kind == "U" else named.astype(np.int64)
    chosen = OnnxArrayFeatureExtractor(named.reshape(1, -1), flat, **ops)
    shape = np.array([-1], dtype=np.int64)
    OnnxReshape(chosen, shape, output_names=[label], **ops).add_to(scope, container)


update_registered_converter(
    TwoLayerSigmoidClassifier,
    "SkTwoLayerTwoLayerSigmoidClassifier",
    _shapes,
    _convert,
    options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
)
