"""Fit on a float32 memory map larger than the memory that the process may have."""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import row, samples

from sk_twolayer import TwoLayerSigmoidClassifier

N, M = 8_000_000, 30
ALLOWED = 400 * 2**20


class FileBacked:
    """Address space counts a memory map whole, so the limit is on what is not one."""

    @staticmethod
    def limit():
        used = int(Path("/proc/self/statm").read_text().split()[0])
        soft = used * resource.getpagesize() + ALLOWED
        resource.setrlimit(resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))

    @staticmethod
    def lift():
        resource.setrlimit(
            resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X"
        X = np.memmap(path, np.float32, "w+", shape=(N, M))
        y = np.empty(N, np.int8)
        for start in range(0, N, 500_000):
            X[start : start + 500_000], y[start : start + 500_000] = samples(
                500_000, dtype=np.float32, seed=start
            )
        X.flush()
        X = np.memmap(path, np.float32, "r", shape=(N, M))
        model = TwoLayerSigmoidClassifier(64, alpha=1.0, max_iter=3, random_state=0)
        FileBacked.limit()
        try:
            try:
                np.array(X)
                raise SystemExit("the limit is too high to show anything")
            except MemoryError:
                pass
            start = time.perf_counter()
            model.fit(X, y)
            mapped = time.perf_counter() - start
        finally:
            FileBacked.lift()
        inside = TwoLayerSigmoidClassifier(64, alpha=1.0, max_iter=3, random_state=0)
        memory = np.array(X)
        start = time.perf_counter()
        inside.fit(memory, y)
        loaded = time.perf_counter() - start
        same = np.array_equal(inside.W1_, model.W1_)
    row(
        f"fit on a {N * M * 4 / 1e6:.0f} MB float32 np.memmap under RLIMIT_AS of "
        f"{ALLOWED / 1e6:.0f} MB more than at its start",
        f"the same in memory: {'the same bits' if same else 'another result'}",
        f"{mapped:.1f}",
        f"{loaded:.1f}",
        "s",
        f"{loaded / mapped:.2f}×",
        "works, same result",
    )


if __name__ == "__main__":
    main()
