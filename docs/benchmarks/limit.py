"""One evaluation, 100 000 x 30, k = 64, against what the hardware could do.

The limit is the time of the matrix products alone at the best rate that BLAS reaches
here (a large square product on one thread), plus one tanh a hidden activation at
NumPy's best rate (in cache), divided by the number of cores.
"""

import numpy as np
from _common import row, samples, seconds
from threadpoolctl import threadpool_limits

from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.partition import Partition
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers, count_threads

N, M, K = 100_000, 30, 64


def limit(dtype, cores):
    rng = np.random.default_rng(0)
    square = rng.normal(size=(1500, 1500)).astype(dtype)
    cached = rng.normal(size=8192).astype(dtype)
    out = np.empty_like(cached)
    with threadpool_limits(1):
        rate = 2 * 1500**3 / min(seconds(lambda: square @ square) for _ in range(5))
        tanh = min(seconds(lambda: np.tanh(cached, out=out)) for _ in range(2000))
    products = N * (2 * 2 * M * K + 2 * 2 * K) / rate
    return (products + N * K * tanh / len(cached)) / cores


def ours(dtype, cores):
    X, y = samples(N, M, dtype)
    partition = Partition(
        Block(X, y.astype(np.int8)),
        Layout(M, K, 1),
        choose_output("logistic", 1),
        standardisation=Standardisation(np.zeros(M), np.ones(M)),
        workers=Workers(cores),
    )
    objective = CrossEntropyObjective(partition)
    objective.set_precision(np.ones(objective.size))
    theta = 0.1 * np.random.default_rng(0).normal(size=objective.size)
    with objective.workers.started():
        return [seconds(lambda: objective.value_and_gradient(theta)) for _ in range(40)]


def main():
    cores = count_threads(-1, 1e9)
    for dtype in (np.float64, np.float32):
        limits, times = [], []
        for _ in range(5):
            limits.append(limit(dtype, cores))
            times.extend(ours(dtype, cores))
        a, b = np.median(times), np.median(limits)
        row(
            f"one evaluation, 100 000 × 30, k = 64, {np.dtype(dtype).name}",
            "the limit: products at peak BLAS rate + one tanh",
            f"{1e3 * a:.1f}",
            f"{1e3 * b:.1f}",
            "ms",
            f"{b / a:.2f} of it",
            "≥ 0.7 of it",
        )


if __name__ == "__main__":
    main()
