"""Every private or experimental name of other packages that this one uses.

What is not promised may move in any release: then this is the file to change, and no
other. The weekly run against nightly wheels is what tells.
"""

from __future__ import annotations

from typing import Any

from joblib.parallel import get_active_backend
from sklearn.base import _fit_context as fit_context
from sklearn.utils._array_api import _convert_to_numpy as convert_to_numpy
from sklearn.utils._array_api import get_namespace
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import _check_monotonic_cst as check_monotonic_cst
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.utils._array_api import check_same_namespace
except ImportError:  # scikit-learn < 1.9
    check_same_namespace = None
# Whether estimators follow X: attributes and predictions are in its library, where it is.
FOLLOWS_ARRAYS = check_same_namespace is not None

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for the mixin that this scikit-learn does not have."""


__all__ = [
    "FOLLOWS_ARRAYS",
    "CallbackSupportMixin",
    "Interval",
    "Options",
    "StrOptions",
    "callback_context",
    "check_monotonic_cst",
    "check_same_namespace",
    "check_sample_weight",
    "convert_to_numpy",
    "fit_context",
    "get_active_backend",
    "get_namespace",
    "has_callbacks",
    "parse_version",
]


def callback_context(estimator: Any, **tasks: Any) -> Any:
    """Root of the tasks that callbacks see; None before scikit-learn 1.9.

    There is one without a callback of its own, too: a meta-estimator joins on to it.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    return estimator._init_callback_context(**tasks)


def has_callbacks(estimator: Any) -> bool:
    """Whether any callback is set."""
    return hasattr(estimator, "_skl_callbacks")
