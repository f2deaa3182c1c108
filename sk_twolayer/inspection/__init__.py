"""See every matrix: traces, gradient checks and plots of fitted networks."""

from sk_twolayer.inspection._displays import (
    LossCurveDisplay,
    NetworkDisplay,
    SensitivityDisplay,
    WeightsDisplay,
)
from sk_twolayer.inspection._gradient_check import GradientCheck, gradient_check
from sk_twolayer.inspection._recorder import Recorder
from sk_twolayer.inspection._trace import (
    MatrixTrace,
    SampleTrace,
    Trace,
    descent,
    from_parameters,
    trace,
)

__all__ = [
    "GradientCheck",
    "LossCurveDisplay",
    "MatrixTrace",
    "NetworkDisplay",
    "Recorder",
    "SampleTrace",
    "SensitivityDisplay",
    "Trace",
    "WeightsDisplay",
    "descent",
    "from_parameters",
    "gradient_check",
    "trace",
]
