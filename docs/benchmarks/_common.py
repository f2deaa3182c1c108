"""What the benchmark scripts share: data, side-by-side timing, one Markdown row."""

from __future__ import annotations

import platform
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

warnings.simplefilter("ignore", ConvergenceWarning)


def samples(n, m=30, dtype=np.float64, seed=0):
    """Synthetic two-class data whose boundary takes a hidden layer to learn.

    Speed and memory do not depend on the values; quality is measured on real data.
    """
    rng = np.random.default_rng(seed)
    X = np.empty((n, m), dtype)
    y = np.empty(n, np.int64)
    for start in range(0, n, 100_000):
        block = rng.normal(size=(min(100_000, n - start), m))
        noise = rng.normal(size=len(block))
        X[start : start + len(block)] = block
        y[start : start + len(block)] = block[:, 0] + block[:, 1] * block[:, 2] > noise
    return X, y


def seconds(function):
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


# OpenBLAS's threads spin for a while after a product, on cores that the next
# contestant needs: each begins when they have gone to sleep.
PAUSE = 0.3


def side_by_side(functions, repeats=5, lost=1):
    """Median seconds of each function, called in turns so that noise is shared."""
    return alternate([lambda f=f: seconds(f) for f in functions], repeats, lost)


def per_iteration(fit, few=3, many=13):
    """A function whose duration is that of ``many - few`` iterations of `fit`.

    `fit` takes the number of iterations; set-up and validation cancel out.
    """

    def measure():
        return (seconds(lambda: fit(many)) - seconds(lambda: fit(few))) / (many - few)

    return measure


def alternate(measures, repeats=5, lost=1):
    """Median of each measure's own result, called in turns; the first ones are lost."""

    def measured(measure):
        time.sleep(PAUSE)
        return measure()

    results = [[measured(m) for m in measures] for _ in range(repeats + lost)]
    return np.median(results[lost:], axis=0)


# For a process of its own: the peak of resident memory above what it has before.
PEAK_MEMORY = """
def peak_megabytes(function):
    import gc, re
    def status(name):
        text = open("/proc/self/status").read()
        return int(re.search(name + r":\\s+(\\d+)", text)[1]) * 1024 / 1e6
    gc.collect()
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    result = function()
    return status("VmHWM") - before, result
"""


def row(work, peer, ours, theirs, unit, ratio, target):
    """Print one row of the table."""
    there = f"{theirs} {unit}" if theirs else "—"
    print(f"| {work} | {peer} | {ours} {unit} | {there} | {ratio} | {target} |")


def machine():
    """One line on the machine and the versions."""
    import scipy
    import sklearn
    from threadpoolctl import threadpool_info

    cores = {i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"}
    blas = {
        f"{i['internal_api']} {i['version']}"
        for i in threadpool_info()
        if i["user_api"] == "blas"
    }
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line for line in lines if "model name" in line]
        name = names[0].split(":")[1].strip()
    except (OSError, IndexError):
        name = platform.processor() or platform.machine()
    return (
        f"{name}, {max(cores)} BLAS threads; Python {platform.python_version()}, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}, scikit-learn "
        f"{sklearn.__version__}, {', '.join(sorted(blas))}"
    )
