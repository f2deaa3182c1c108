"""An evaluation on Dask workers and the same on threads; memory; what larger ones take.

Two workers of one thread each, on this machine, against two threads of this process,
the same work in turns. All traffic is local: a network adds its own. The last lines are
arithmetic from the first, and no measurement.
"""

import ctypes
import gc
import warnings

import dask
import dask.array as da
import numpy as np
import psutil
from _common import row, samples, seconds
from distributed import Client, LocalCluster

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer._engine.threads import Workers
from sk_twolayer.dask import DaskTwoLayerSigmoidClassifier

M, K, PAIRS = 30, 64, 15
FEW, MANY, ROWS = 2_000, 4_000_000, 10**9
# Bytes a second of 10 Gbit/s.
NETWORK = 1.25e9
HEAD = "| work | peer | here | peer | ratio | to reach |\n|---|---|---|---|---|---|"
FORECAST = (
    "| workers of one thread, for 10⁹ rows | their sums | what Dask adds | through the "
    "client's network | evaluations a second | X on a worker |\n|---|---|---|---|---|---|"
)


def collections(n, n_blocks):
    """X and y, whose blocks are made where they will lie."""
    X, y, rows = [], [], n // n_blocks
    for i in range(n_blocks):
        both = dask.delayed(samples, nout=2)(rows, M, np.float32, i)
        X.append(da.from_delayed(both[0], (rows, M), np.float32))
        y.append(da.from_delayed(both[1], (rows,), np.int64))
    return da.concatenate(X), da.concatenate(y)


def objectives(client, n, n_blocks):
    """That over the workers, and, of as many rows, that of two threads here."""
    model = DaskTwoLayerSigmoidClassifier(client=client)
    found, _ = model._samples(*collections(n, n_blocks), None)
    scales = found.moments().standardisation(0.0, np.float32)
    here, _ = TwoLayerSigmoidClassifier()._samples(*samples(n, M, np.float32), None)
    return found.objective(K, scales), here.objective(K, scales, Workers(2))


def pairs(remote, local):
    """Seconds of evaluations of both (PAIRS, 2), in turns."""
    theta = 0.1 * np.random.default_rng(0).normal(size=local.size)
    times = []
    with local.workers.started():
        for _ in range(PAIRS + 2):
            both = remote, local
            times.append(
                [seconds(lambda o=o: o.value_and_gradient(theta)) for o in both]
            )
    return np.array(times[2:])


def resident():
    """Bytes of this process, with nothing that was freed."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return psutil.Process().memory_info().rss


def cluster(n_workers):
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
    )


def added(client, n_workers):
    """Seconds that Dask adds to an evaluation, and parts: of next to no rows."""
    remote, local = objectives(client, FEW, n_workers)
    n_parts = len(remote.partition._parts)
    return float(np.median(np.subtract(*pairs(remote, local).T))), n_parts


def memory(client):
    # The libraries are no samples: a fit of few rows loads them.
    added(client, 2)
    before, here, share = client.run(resident), resident(), MANY * M * 4 / 2
    model = DaskTwoLayerSigmoidClassifier(client=client)
    found, _ = model._samples(*collections(MANY, 32), None)
    remote = found.objective(K, found.moments().standardisation(0.0, np.float32))
    for _ in range(3):
        remote.value_and_gradient(np.zeros(remote.size))
    after = client.run(resident)
    # Dask says which worker gets how many blocks.
    more = np.mean([after[worker] - before[worker] for worker in after])
    row(
        f"memory of a worker for {MANY:,} × {M} on two, float32, mean",
        "its share of X",
        f"{more / 1e6:.0f}",
        f"{share / 1e6:.0f}",
        "MB",
        f"{more / share:.2f}×",
        "≤ 1.2× + 100 MB",
    )
    client_more = resident() - here
    row(
        "memory of the client, the same",
        "—",
        f"{client_more / 1e6:.0f}",
        "",
        "MB",
        "",
        "≤ 50 MB",
    )


def main():
    warnings.simplefilter("ignore")
    print(HEAD)
    with cluster(2) as two, Client(two) as client:
        memory(client)
        times = pairs(*objectives(client, 1_000_000, 8))
        on_workers, on_threads = np.median(times, axis=0)
        row(
            f"one evaluation, 1,000,000 × {M}, k = {K}, float32, two workers of a thread",
            "two threads of one process",
            f"{1e3 * on_workers:.0f}",
            f"{1e3 * on_threads:.0f}",
            "ms",
            f"{np.median(times[:, 0] / times[:, 1]):.2f}×",
            "≤ 1.15×",
        )
        of_two, parts_of_two = added(client, 2)
    row(
        f"what Dask adds to an evaluation, {parts_of_two} workers",
        "—",
        f"{1e3 * of_two:.0f}",
        "",
        "ms",
        "",
        "≤ 20 ms",
    )
    with cluster(8) as eight, Client(eight) as client:
        of_many, parts_of_many = added(client, 8)
    row(
        f"the same, {parts_of_many} workers on these two cores",
        "—",
        f"{1e3 * of_many:.0f}",
        "",
        "ms",
        "",
        "—",
    )
    pays = 10 * of_two / (on_threads / 1_000_000)
    row(
        "rows from which Dask adds less than a tenth, two workers",
        "—",
        f"{pays:,.0f}",
        "",
        "rows",
        "",
        "—",
    )
    print()
    print(FORECAST)
    each = max(of_many - of_two, 0.0) / (parts_of_many - parts_of_two)
    for n_workers in (10, 100, 1000):
        sums = 2 * on_threads / 1_000_000 * ROWS / n_workers
        dasks = of_two + each * (n_workers - parts_of_two)
        # Theta goes to each, and cost and gradient come back with their rounding errors.
        network = n_workers * 8 * 3 * (K * (M + 1) + K + 1) / NETWORK
        print(
            f"| {n_workers} | {sums:.2f} s | {dasks:.2f} s | {network:.3f} s | "
            f"{1 / (sums + dasks + network):.2f} | "
            f"{ROWS * M * 4 / n_workers / 1e9:.1f} GB |"
        )


if __name__ == "__main__":
    main()
