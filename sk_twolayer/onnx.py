"""ONNX: importing this module teaches skl2onnx to convert the classifier.

After ``import sk_twolayer.onnx``, ``skl2onnx.to_onnx`` takes a
`TwoLayerSigmoidClassifier`, alone or in a pipeline. Needs the extra ``onnx``.

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

from sk_twolayer._estimator import TwoLayerSigmoidClassifier

try:
    from skl2onnx import update_registered_converter
    from skl2onnx.algebra.onnx_ops import (
        OnnxAdd,
        OnnxArgMax,
        OnnxArrayFeatureExtractor,
        OnnxCast,
        OnnxConcat,
        OnnxGreater,
        OnnxIdentity,
        OnnxMatMul,
        OnnxMul,
        OnnxNeg,
        OnnxReshape,
        OnnxSigmoid,
        OnnxSoftmax,
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


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Adds the forward pass as standard operators; samples in rows."""
    model, version = operator.raw_operator, container.target_opset
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
    Z2 = OnnxAdd(
        OnnxMatMul(OnnxSigmoid(Z1, **ops), model.W2_.T.astype(dtype), **ops),
        model.b2_[:, 0].astype(dtype),
        **ops,
    )
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
    if model.n_outputs_ == 1:
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
