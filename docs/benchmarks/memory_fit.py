"""Peak extra memory of fit, 1 000 000 and 4 000 000 x 30, beyond X and y.

The operating system's count of resident memory, each fit in a process of its own.
"""

import subprocess
import sys

from _common import PEAK_MEMORY, row

SCRIPT = (
    PEAK_MEMORY
    + """
import sys
sys.path.insert(0, {folder!r})
from _common import samples
from sk_twolayer import TwoLayerSigmoidClassifier
from sklearn.neural_network import MLPClassifier
small, small_y = samples(5000)
model = {model}
model.fit(small, small_y)
X, y = samples({n})
print(peak_megabytes(lambda: model.fit(X, y))[0])
"""
)
OURS = "TwoLayerSigmoidClassifier(64, alpha=1.0, max_iter=2, random_state=0)"
THEIRS = (
    "MLPClassifier((64,), activation='logistic', solver='lbfgs', max_iter=2, "
    "random_state=0)"
)


def megabytes(model, n):
    folder = sys.path[0]
    script = SCRIPT.replace("{model}", model).replace("{n}", str(n))
    script = script.replace("{folder!r}", repr(folder))
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return float(result.stdout)


if __name__ == "__main__":
    for n, peer in ((1_000_000, THEIRS), (4_000_000, None)):
        a = megabytes(OURS, n)
        b = megabytes(peer, n) if peer else None
        row(
            f"peak extra memory of fit, {n:_} × 30, k = 64".replace("_", " "),
            "MLPClassifier" if b else "—",
            f"{a:.0f}",
            f"{b:.0f}" if b else None,
            "MB",
            f"{b / a:.0f}× less" if b else "",
            "≤ 64 MB",
        )
