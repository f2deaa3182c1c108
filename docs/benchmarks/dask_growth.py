"""What evaluations leave behind on a cluster: tasks, futures and memory.

The scheduler, two workers of one thread, and the client are processes of their own.
Dask's connections keep their last messages, 1000 where nothing else is set, and theta
is in them: so once with that number, and once with ten.
"""

import gc
import os
import subprocess
import sys
import warnings

import cloudpickle
import dask.array as da
import dask_cluster
import numpy as np
from _common import samples
from dask_cluster import K, M, resident
from distributed import Client, SubprocessCluster

from sk_twolayer.dask import DaskTwoLayerSigmoidClassifier

N, COUNTS, LENGTHS = 20_000, (100, 200, 500, 1000, 2000), (1000, 10)
# From the environment, as all processes of a cluster have it.
LENGTH = "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH"
HEAD = (
    "| messages kept | evaluations | tasks at the scheduler | futures of the client | "
    "memory of the scheduler | of the client | of a worker, mean |\n"
    "|---|---|---|---|---|---|---|"
)


def print_row(name, client):
    gc.collect()
    tasks = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
    memory = (
        client.run_on_scheduler(resident),
        resident(),
        np.mean(list(client.run(resident).values())),
    )
    columns = [f"{each / 1e6:.0f} MB" for each in memory]
    given = [os.environ[LENGTH], name, f"{tasks}", f"{len(client.futures)}"]
    print("|", " | ".join(given + columns), "|", flush=True)


def main():
    warnings.simplefilter("ignore")
    # The other processes can't import what lies beside this script.
    cloudpickle.register_pickle_by_value(dask_cluster)
    with (
        SubprocessCluster(
            n_workers=2,
            threads_per_worker=1,
            worker_kwargs={"memory_limit": 0},
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
        Client(cluster) as client,
    ):
        X, y = samples(N, M, np.float32)
        X, y = da.from_array(X, (N // 8, M)), da.from_array(y, N // 8)
        found, _ = DaskTwoLayerSigmoidClassifier(client=client)._samples(X, y, None)
        scales = found.moments().standardisation(0.0, np.float32)
        objective = found.objective(K, scales)
        done = 0
        for count in COUNTS:
            for i in range(done, count):
                objective.value_and_gradient(np.full(objective.size, 1e-3 * i))
            done = count
            print_row(f"{count}", client)
        del found, objective
        print_row("after the fit", client)


if __name__ == "__main__":
    if LENGTH in os.environ:
        main()
    else:
        print(HEAD, flush=True)
        for length in LENGTHS:
            environment = {**os.environ, LENGTH: str(length)}
            subprocess.run([sys.executable, __file__], env=environment, check=True)
