"""Arrays of other libraries: to numpy or CSR on the way in, and back on the way out.

The engine computes with NumPy. An array of torch or CuPy comes in through DLPack, its
dtype kept; where scikit-learn's `array_api_dispatch` asks for it, what a method gives
goes out as an array of the same library, on the same device.
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

from sk_twolayer._compat import convert_to_numpy, get_namespace

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
    if get_config()["array_api_dispatch"]:
        # Such an array may lie on another device.
        A = convert_to_numpy(A, get_namespace(A)[0])
    return np.asarray(A)


def like_its_input(method: Method) -> Method:
    """Make a method of X answer in X's library, where `array_api_dispatch` asks for it.

    Labels that X's library has no type for stay numpy's.
    """

    @wraps(method)
    def convert(self: Any, X: Any, *arguments: Any, **named: Any) -> Any:
        found = method(self, to_numpy(X), *arguments, **named)
        if not (is_foreign(X) and get_config()["array_api_dispatch"]):
            return found
        xp = get_namespace(X)[0]

        def back(A: Any) -> Any:
            return xp.asarray(A, device=X.device) if A.dtype.kind in "biuf" else A

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
