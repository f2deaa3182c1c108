"""Two-layer sigmoid network for scikit-learn."""

from sk_twolayer import inspection, network
from sk_twolayer._ecosystem import TRUSTED_TYPES
from sk_twolayer._estimator import TwoLayerSigmoidClassifier
from sk_twolayer._version import __version__

__all__ = [
    "TRUSTED_TYPES",
    "TwoLayerSigmoidClassifier",
    "__version__",
    "inspection",
    "network",
]
