"""One process, 20 000 small fits and a million predictions: memory and what it holds."""

import gc
import re
import threading
from pathlib import Path

import numpy as np
from _common import warnings
from sklearn.datasets import load_iris

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")
FITS, PREDICTIONS, EVERY = 20_000, 1_000_000, 500


def resident():
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024 / 1e6


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def main():
    X, y = load_iris(return_X_y=True)
    solvers = ["lbfgs", "adam", "gd"]
    models = [
        TwoLayerSigmoidClassifier(4, solver=s, max_iter=5, random_state=0)
        for s in solvers
    ]
    memory = []
    each = PREDICTIONS // FITS
    for i in range(FITS):
        model = models[i % 3].fit(X, y)
        for _ in range(each):
            model.predict(X[:1])
        if i % EVERY == 0:
            gc.collect()
            memory.append(resident())
            if i == EVERY:
                start = threading.active_count(), descriptors()
    assert (threading.active_count(), descriptors()) == start
    # The first tenth fills caches; after it, memory is flat.
    settled = np.array(memory[len(memory) // 10 :])
    slope = np.polyfit(np.arange(len(settled)) * EVERY, settled, 1)[0]
    print(
        "| fits | predictions | memory at first | at the end | growth per 1000 fits |"
    )
    print("|---|---|---|---|---|")
    print(
        f"| {FITS} | {FITS * each} | {settled[0]:.1f} MB | {settled[-1]:.1f} MB "
        f"| {1000 * slope * 1000:.1f} kB |"
    )


if __name__ == "__main__":
    main()
