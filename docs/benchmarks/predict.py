"""predict_proba, 1 000 000 x 30, k = 64, against MLPClassifier: time and memory."""

import subprocess
import sys

from _common import PEAK_MEMORY, row, samples, side_by_side
from sklearn.neural_network import MLPClassifier

from sk_twolayer import TwoLayerSigmoidClassifier

MEMORY = (
    PEAK_MEMORY
    + """
import sys
sys.path.insert(0, FOLDER)
from _common import samples
from sk_twolayer import TwoLayerSigmoidClassifier
X, y = samples(1_000_000)
model = TwoLayerSigmoidClassifier(64, alpha=1.0, max_iter=2, random_state=0)
model.fit(X[:2000], y[:2000]).predict_proba(X[:2000])
peak, result = peak_megabytes(lambda: model.predict_proba(X))
print(peak - result.nbytes / 1e6)
"""
)


def main():
    X, y = samples(1_000_000)
    ours = TwoLayerSigmoidClassifier(64, alpha=1.0, max_iter=2, random_state=0)
    theirs = MLPClassifier(
        (64,), activation="logistic", solver="lbfgs", max_iter=2, random_state=0
    )
    for model in (ours, theirs):
        model.fit(X[:2000], y[:2000])
    a, b = side_by_side(
        [lambda: ours.predict_proba(X), lambda: theirs.predict_proba(X)], repeats=5
    )
    script = MEMORY.replace("FOLDER", repr(sys.path[0]))
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    extra = float(result.stdout)
    row(
        f"predict_proba, 1 000 000 × 30, k = 64 ({extra:.0f} MB beside the result)",
        "MLPClassifier",
        f"{1e3 * a:.0f}",
        f"{1e3 * b:.0f}",
        "ms",
        f"{b / a:.1f}×",
        "≥ 5×, ≤ 32 MB",
    )


if __name__ == "__main__":
    main()
