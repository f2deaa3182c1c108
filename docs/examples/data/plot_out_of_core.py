"""
Out of core
===========

More samples than memory: a memory map for ``fit``, or chunks for ``partial_fit``.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sk_twolayer import TwoLayerSigmoidClassifier

# %%
# The digits, each shown two hundred times with another noise: 92 MB in a file.

digits, labels = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
n = 200 * len(digits)
folder = tempfile.TemporaryDirectory()
X = np.memmap(Path(folder.name) / "X", np.float32, "w+", shape=(n, 64))
y = np.tile(labels, 200)
for start in range(0, n, len(digits)):
    X[start : start + len(digits)] = digits + rng.normal(scale=3, size=digits.shape)

# %%
# ``fit`` reads the map block by block: it takes a few megabytes of memory.

tracemalloc.start()
model = TwoLayerSigmoidClassifier(
    16, alpha=1.0, max_iter=60, tol=2e-3, random_state=0
).fit(X, y)
print(
    f"X {X.nbytes / 1e6:.0f} MB, peak {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB"
)
tracemalloc.stop()

# %%
# ``partial_fit`` takes whatever comes, chunk by chunk.

stream = TwoLayerSigmoidClassifier(16, solver="adam", random_state=0)
scores = []
for start in range(0, n, len(digits)):
    chunk = slice(start, start + len(digits))
    stream.partial_fit(X[chunk], y[chunk], classes=np.arange(10))
    if start % (10 * len(digits)) == 0:
        scores.append(stream.score(digits, labels))

figure, ax = plt.subplots(layout="constrained")
ax.set_title("A stream of chunks")
ax.plot(np.arange(len(scores)) * 10, scores, label="partial_fit")
ax.axhline(model.score(digits, labels), color="gray", label="fit")
ax.set(xlabel="chunks seen", ylabel="accuracy on the digits without noise")
ax.legend()
plt.show()
del X
folder.cleanup()
