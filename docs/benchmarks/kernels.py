"""The parts that most of the time goes to, for speed from commit to commit.

    pip install pytest-benchmark
    python -m pytest docs/benchmarks/kernels.py
    nox -s speed                # beside the last release, as the weekly workflow does
    nox -s speed -- main~10     # beside any other commit

One thread, since the number of threads is a machine's; its own processor time, of
several rounds the least, since what else the machine does only adds to it. The suite
does not run these: a test of a time fails by chance. A kernel whose work changes gets
another name, so that it is not compared.
"""

import time

import numpy as np
import pytest
from _common import samples
from sklearn.datasets import load_breast_cancer

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.partition import Partition

pytestmark = pytest.mark.benchmark(timer=time.process_time)
# In both precisions more than the 32 MB up to which samples are kept standardised.
N, M, K = 300_000, 30, 10


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_evaluation(benchmark, dtype):
    """Cost and gradient, which L-BFGS asks for once or a little more an iteration."""
    X, y = samples(N, M, dtype)
    partition = Partition(
        Block(X, y.astype(np.int8)),
        Layout(M, K, 1),
        choose_output("logistic", 1),
        standardisation=Moments.of(X).standardisation(0.0, X.dtype),
    )
    objective = CrossEntropyObjective(partition)
    theta = 0.1 * np.random.default_rng(0).normal(size=objective.size)
    with objective.workers.started():
        benchmark(objective.value_and_gradient, theta)


def test_predict_proba(benchmark):
    X, y = samples(N, M)
    benchmark(network(alpha=1.0, max_iter=5).fit(X[:1000], y[:1000]).predict_proba, X)


def test_small_fit(benchmark):
    """Of few samples, where what surrounds the products counts."""
    X, y = load_breast_cancer(return_X_y=True)
    benchmark(network(alpha=1.0, max_iter=100).fit, X[:200], y[:200])


def test_evidence_round(benchmark):
    """L-BFGS's iterations, the Gauss-Newton matrix and its factors, once."""
    X, y = samples(10_000, M)
    benchmark(network(alpha="evidence", max_iter=20).fit, X, y)


def test_default_fit(benchmark):
    X, y = load_breast_cancer(return_X_y=True)
    benchmark(TwoLayerSigmoidClassifier(random_state=0, n_jobs=1).fit, X, y)


def network(**options):
    return TwoLayerSigmoidClassifier(K, random_state=0, n_jobs=1, **options)
