"""An iteration of L-BFGS on Dask workers and in Spark's MultilayerPerceptronClassifier.

    pip install '.[benchmark]' && python docs/benchmarks/spark.py

Needs Java. The same samples and network, no penalty, the same number of iterations, on
two cores of this machine: local[2], and two Dask workers of one thread. Spark's softmax
has a unit a class, also of two, where here one logistic unit is the same model; of three
classes both have three units. Start-up, compilation, moments and conversions cancel out:
a time is the difference of two fits. Spark stacks rows into blocks, and each product
is of one: of three sizes the fastest counts. It has native BLAS where the machine has
libblas.so.3 (in Debian, libopenblas0-pthread); which one it found is in the last line.
"""

import os
import warnings

import dask.array as da
import numpy as np
import pandas as pd
from _common import row, seconds
from dask_cluster import HEAD, cluster
from distributed import Client
from sklearn.preprocessing import StandardScaler

from sk_twolayer.dask import DaskTwoLayerSigmoidClassifier

N, M, K, PARTITIONS = 400_000, 30, 64, 8
FEW, MANY, ROUNDS = 5, 35, 3
BLOCK_SIZES = (128, 512, 2048)
CASES = [("standardised", 3), ("raw", 3), ("standardised", 2), ("raw", 2)]


def samples():
    """Features of many scales, and what takes a hidden layer to learn, in thirds."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, M))
    score = X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=N)
    y = np.digitize(score, [-0.7, 0.7])
    return X * np.linspace(0.5, 20, M) + np.linspace(-3, 30, M), y


def labels(y, n_classes):
    """The thirds, or whether it is the last."""
    return y if n_classes == 3 else (y == 2).astype(y.dtype)


class Spark:
    """Its classifier in this process's JVM."""

    def __init__(self, tables, y):
        # Two tasks have a core each: BLAS must not take both. To be set before Java is
        # started.
        os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        from pyspark.ml.feature import VectorAssembler
        from pyspark.sql import SparkSession

        options = {
            "spark.driver.memory": "4g",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "ERROR",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            # Where there is no native BLAS, Java's vector instructions.
            "spark.driver.extraJavaOptions": "--add-modules=jdk.incubator.vector",
        }
        builder = SparkSession.builder.master("local[2]")
        for name, value in options.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        assembler = VectorAssembler(
            inputCols=[f"x{i}" for i in range(M)], outputCol="features"
        )
        self.tables = {}
        for name, X in tables.items():
            frame = pd.DataFrame(X, columns=assembler.getInputCols())
            frame = frame.assign(two=1.0 * labels(y, 2), three=1.0 * labels(y, 3))
            rows = assembler.transform(self.session.createDataFrame(frame))
            table = rows.select("features", "two", "three")
            self.tables[name] = table.repartition(2).cache()
            assert self.tables[name].count() == N

    def fit(self, case, most, seed, block_size):
        """Final cost, and how many iterations there were."""
        from pyspark.ml.classification import MultilayerPerceptronClassifier

        name, n_classes = case
        model = MultilayerPerceptronClassifier(
            labelCol={2: "two", 3: "three"}[n_classes],
            layers=[M, K, n_classes],
            maxIter=most,
            tol=1e-12,
            seed=seed,
            blockSize=block_size,
        ).fit(self.tables[name])
        costs = list(model.summary().objectiveHistory)
        return costs[-1], len(costs) - 1

    def about(self):
        """Versions, and the BLAS that was found."""
        from py4j.protocol import Py4JJavaError

        jvm = self.session._jvm
        try:
            blas = jvm.dev.ludovic.netlib.blas.NativeBLAS.getInstance()
        except Py4JJavaError:
            blas = jvm.dev.ludovic.netlib.blas.JavaBLAS.getInstance()
        java = jvm.java.lang.System.getProperty("java.version")
        name = blas.getClass().getSimpleName()
        return f"Spark {self.session.version}, Java {java}, its BLAS {name}"


class Ours:
    """This package's classifier on two Dask workers, in one precision."""

    def __init__(self, client, tables, y, dtype):
        rows = N // PARTITIONS
        self.X = {
            name: client.persist(da.from_array(X.astype(dtype), (rows, M)))
            for name, X in tables.items()
        }
        self.y = {n: da.from_array(labels(y, n), rows) for n in (2, 3)}

    def fit(self, case, most, seed):
        name, n_classes = case
        model = DaskTwoLayerSigmoidClassifier(
            K, alpha=0.0, max_iter=most, tol=0.0, random_state=seed
        ).fit(self.X[name], self.y[n_classes])
        return model.loss_, model.n_iter_


def timed(fit, case, seed):
    """Seconds of an iteration, and the cost after MANY."""
    found = []
    times = [
        seconds(lambda most=most: found.append(fit(case, most, seed)))
        for most in (FEW, MANY)
    ]
    (_, few), (cost, many) = found
    # Else the costs compared are not of the same number of iterations.
    assert (few, many) == (FEW, MANY), found
    return (times[1] - times[0]) / (many - few), cost


def main():
    warnings.simplefilter("ignore")
    X, y = samples()
    tables = {"standardised": StandardScaler().fit_transform(X), "raw": X}
    spark = Spark(tables, y)
    with cluster(2) as workers, Client(workers) as client:
        float64, float32 = (
            Ours(client, tables, y, dtype) for dtype in (np.float64, np.float32)
        )
        best = {}
        for size in BLOCK_SIZES * 2:
            # The first three are lost: Java compiles what has run for a while.
            few, more = (
                seconds(lambda most=m, s=size: spark.fit(CASES[0], most, 0, s))
                for m in (FEW, 3 * FEW)
            )
            best[size] = (more - few) / (2 * FEW)
        size = min(best, key=best.get)

        def there(case, most, seed):
            return spark.fit(case, most, seed, size)

        print(HEAD)
        for case in CASES:
            work = f"{case[0]} features, {case[1]} classes"
            fits = there, float64.fit, float32.fit
            # In turns, so that noise is shared; starts of each kind are its own.
            found = [[timed(fit, case, seed) for fit in fits] for seed in range(ROUNDS)]
            times, costs = np.moveaxis(np.median(found, axis=0), 1, 0)
            for i, (kind, least) in enumerate([("float64", 2), ("float32", 4)], 1):
                row(
                    f"an iteration, {N:,} × {M}, k = {K}, {work}, {kind}",
                    f"Spark, blocks of {size}",
                    f"{1e3 * times[i]:.0f}",
                    f"{1e3 * times[0]:.0f}",
                    "ms",
                    f"{times[0] / times[i]:.1f}×",
                    f"≥ {least}×",
                )
                row(
                    f"cost after {MANY} iterations, {work}, {kind}",
                    "Spark",
                    f"{costs[i]:.4f}",
                    f"{costs[0]:.4f}",
                    "",
                    f"{costs[i] / costs[0]:.2f}×",
                    "≤ 1×",
                )
    sizes = ", ".join(f"{size}: {1e3 * time:.0f} ms" for size, time in best.items())
    load = os.getloadavg()[2]
    print(
        f"\n{spark.about()}; an iteration by the size of its blocks: {sizes}. Load of the "
        f"machine in the last 15 minutes: {load:.1f}."
    )
    spark.session.stop()


if __name__ == "__main__":
    main()
