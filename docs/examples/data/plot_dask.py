"""
More samples than a worker's memory
===================================

A cluster of four processes on this machine, each of which may use less memory than X
takes: no one of them could hold it, and nobody does. On a real cluster only the first
lines are others.
"""

import re
from pathlib import Path

import dask
import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster

from sk_twolayer.dask import DaskTwoLayerSigmoidClassifier

N, M, BLOCKS, LIMIT = 4_000_000, 64, 80, 1000


def collections():
    """X and y, lazy: they could as well be read from files."""
    rng = da.random.default_rng(0)
    X = rng.standard_normal((N, M), chunks=(N // BLOCKS, M), dtype=np.float32)
    noise = rng.standard_normal(N, chunks=N // BLOCKS)
    return X, X[:, 0] + X[:, 1] * X[:, 2] > noise


def megabytes():
    """The most memory that this process has used."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) * 1024 / 1e6


def main():
    # A worker that would use more is killed, and one that comes near it not paused.
    memory = "distributed.worker.memory"
    limits = {f"{memory}.{limit}": False for limit in ("target", "spill", "pause")}
    with (
        dask.config.set(limits),
        LocalCluster(
            n_workers=4,
            threads_per_worker=1,
            memory_limit=f"{LIMIT}MB",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        X, y = collections()
        model = DaskTwoLayerSigmoidClassifier(
            8, alpha=1.0, max_iter=10, tol=1e-3, random_state=0
        )
        model.fit(X, y)
        most = list(client.run(megabytes).values())
        accuracy = model.score(X, y)
    print(
        f"X {X.nbytes / 1e6:.0f} MB, accuracy {accuracy:.3f}, {model.n_iter_} iterations"
    )
    _, ax = plt.subplots(layout="constrained")
    ax.bar([f"worker {i + 1}" for i in range(4)], most)
    ax.axhline(LIMIT, color="gray", label="what a worker may use")
    ax.axhline(X.nbytes / 1e6, color="black", label="X")
    ax.set(ylabel="most memory used, MB")
    ax.legend(loc="lower right")
    plt.show()


# A worker's process imports this file, and must not start a cluster of its own.
if __name__ == "__main__":
    main()
