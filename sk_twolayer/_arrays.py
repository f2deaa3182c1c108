"""Arrays of other libraries: where they lie, in and back out.

Where scikit-learn's `array_api_dispatch` is on, an array of torch or CuPy is computed
with where it lies, and what comes of it is given in the same library and on the same
device: fitted attributes, too. Where it is off, or scikit-learn is too old for that,
such an array becomes NumPy's on the way in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn import get_config
from sklearn.utils import assert_all_finite

from sk_twolayer._compat import (
    FOLLOWS_ARRAYS,
    check_same_namespace,
    convert_to_numpy,
    get_namespace,
)
from sk_twolayer._engine.on_device import Device, refuse_gradient

Method = TypeVar("Method", bound=Callable[..., Any])
# Bytes of a Dask collection above which gathering it deserves a warning.
LARGE = 10**9


class HasShape(Protocol):
    """What every matrix of scipy.sparse and every data frame has, for type checkers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""


MatrixLike: TypeAlias = ArrayLike | HasShape


def is_foreign(A: Any) -> bool:
    """Whether A is another library's array, as torch or CuPy; data frames are none."""
    return hasattr(A, "__dlpack__") and not isinstance(A, np.ndarray)


def gathered(A: Any) -> Any:
    """A Dask collection as what it is computed to; anything else as it is."""
    if not hasattr(A, "__dask_graph__"):
        return A
    # Only of an Array of known lengths the size is known before.
    size = A.nbytes if hasattr(A, "chunks") else np.nan
    if np.isnan(size):
        A = A.compute()
        memory = getattr(A, "memory_usage", lambda: A.nbytes)
        size = 0 if sparse.issparse(A) else np.sum(memory())
    if size > LARGE:
        warnings.warn(
            f"A Dask collection of {size / 1e9:.1f} GB comes into this process: "
            "sk_twolayer.dask.DaskTwoLayerSigmoidClassifier leaves it on the workers "
            "that have it.",
            UserWarning,
            stacklevel=5,
        )
    return A.compute() if hasattr(A, "__dask_graph__") else A


def to_numpy(A: Any) -> Any:
    """Array of another library as numpy's, its dtype kept; anything else as it is."""
    A = gathered(A)
    if not is_foreign(A):
        return A
    refuse_gradient(A)
    if get_config()["array_api_dispatch"]:
        # Such an array may lie on another device.
        A = convert_to_numpy(A, get_namespace(A)[0])
    return np.asarray(A)


def place_of(A: Any) -> Device | None:
    """Where another library's array lies, if `array_api_dispatch` asks for it there."""
    if not (is_foreign(A) and get_config()["array_api_dispatch"]):
        return None
    layout = str(getattr(A, "layout", "torch.strided"))
    if layout != "torch.strided":
        raise ValueError(
            f"A tensor of layout {layout} is not supported: give a dense one, "
            "A.to_dense(), or a scipy.sparse.csr_array."
        )
    return Device(get_namespace(A)[0], A.device)


def moved(attributes: dict[str, Any], X: Any, y: Any) -> dict[str, Any]:
    """Fitted attributes as scikit-learn has them: arrays where X is, classes where y is.

    Only of numbers: other libraries have no strings. NumPy's stay where they are if X
    and y are NumPy's, and in scikit-learn < 1.9.
    """
    place, of_y = place_of(X), place_of(y)

    def move(name: str, value: Any) -> Any:
        where = of_y if name == "classes_" else place
        is_numeric = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
        if where is None or not is_numeric or not name.endswith("_"):
            return value
        return where.send(value)

    if not FOLLOWS_ARRAYS:
        return attributes
    return {name: move(name, value) for name, value in attributes.items()}


def with_numpy(model: Any) -> Any:
    """The model itself, or, if its arrays are another library's, a copy with NumPy's."""
    # X was of that library, or y.
    if not any(is_foreign(getattr(model, name, None)) for name in ("W1_", "classes_")):
        return model

    found = object.__new__(type(model))
    found.__dict__.update({name: to_numpy(v) for name, v in vars(model).items()})
    found._moments = tuple(map(to_numpy, model._moments))
    return found


def like_its_input(method: Method) -> Method:
    """Make a method of X answer in X's library, where `array_api_dispatch` asks for it.

    The method itself gets NumPy's arrays, unless the model's `_on_device` can answer in
    its place. Labels that X's library has no type for stay numpy's.
    """

    @wraps(method)
    def convert(self: Any, X: Any, *arguments: Any, **named: Any) -> Any:
        place, name = place_of(X), method.__name__
        if FOLLOWS_ARRAYS and hasattr(self, "W1_"):
            check_same_namespace(X, self, attribute="W1_", method=name)
        found = None
        if place is not None and not arguments and not named:
            found = self._on_device(place, name, X)
        if found is None:
            found = method(self, to_numpy(X), *arguments, **named)
        if place is None:
            return found

        def back(A: Any) -> Any:
            is_numeric = isinstance(A, np.ndarray) and A.dtype.kind in "biuf"
            return place.send(A) if is_numeric else A

        return tuple(map(back, found)) if isinstance(found, tuple) else back(found)

    converting: Any = convert
    decorated: Method = converting
    return decorated


def canonical(X: Any) -> Any:
    """X with one entry a place: those of a CSR matrix that share one are summed.

    It is a copy where that was needed, and a ValueError where a sum is not finite.
    """
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
        assert_all_finite(X.data, input_name="X with its duplicate entries summed")
    return X
