"""Faults: errors at any iteration and in any thread, little memory, processes."""

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info

from sk_twolayer import TwoLayerSigmoidClassifier
from tests.helpers import before_each_block

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(0)
X = rng.normal(size=(20_000, 10))
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def quick(**options):
    defaults = {"n_hidden": 32, "random_state": 0, "max_iter": 8, "n_jobs": 2}
    return TwoLayerSigmoidClassifier(**defaults | options)


def blas_threads():
    return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]


def descriptors():
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def fit_and_predict(seed):
    """At module level, so that worker processes find it."""
    model = quick(random_state=seed).fit(X, y)
    return model.predict_proba(X[:50])


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("solver", ["lbfgs", "gd", "adam"])
def test_an_error_at_any_evaluation_leaves_no_trace(monkeypatch, solver, error):
    """Whichever block fails: the old model stays, BLAS and threads are as before."""
    model = quick(solver=solver, max_iter=3).fit(X[:2000], y[:2000])
    weights, before = model.W1_, blas_threads()
    threads, files = threading.active_count(), descriptors()
    for failing in (1, 2, 3, 7, 20):
        count = 0

        def fail(failing=failing):
            nonlocal count
            count += 1
            if count == failing:
                raise error("injected")

        before_each_block(monkeypatch, fail)
        try:
            model.fit(X, y)
        except error:
            assert model.W1_ is weights
        else:
            # Ctrl-C after an iteration keeps the best weights so far.
            assert count < failing or error is KeyboardInterrupt
            model.W1_ = weights
        monkeypatch.undo()
    assert blas_threads() == before
    assert threading.active_count() == threads
    assert descriptors() == files


def test_an_error_in_a_joblib_worker_comes_back():
    def fail(seed):
        model = quick(random_state=seed)
        return model.fit(X, np.full(len(X), np.nan) if seed == 1 else y)

    with pytest.raises(ValueError, match="y contains NaN"):
        Parallel(n_jobs=2)(delayed(fail)(seed) for seed in range(2))


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_backends_give_the_same(backend):
    expected = [fit_and_predict(seed) for seed in range(2)]
    found = Parallel(n_jobs=2, backend=backend)(
        delayed(fit_and_predict)(seed) for seed in range(2)
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_started_in_any_way(method):
    """Also a fork while another thread is fitting, which holds BLAS to one thread."""
    expected = fit_and_predict(0)
    done = threading.Event()

    def keep_fitting():
        while not done.is_set():
            quick(max_iter=2).fit(X, y)

    other = threading.Thread(target=keep_fitting)
    other.start()
    try:
        context = multiprocessing.get_context(method)
        with context.Pool(1) as pool:
            found = pool.apply_async(fit_and_predict, (0,)).get(timeout=120)
    finally:
        done.set()
        other.join()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_one_model_predicts_in_eight_threads():
    model = quick().fit(X, y)
    expected = model.predict_proba(X)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: model.predict_proba(X), range(16)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS as Linux has it")
def test_little_memory_is_a_memory_error_and_no_harm():
    script = """
import resource
import numpy as np
from sk_twolayer import TwoLayerSigmoidClassifier
X = np.random.default_rng(0).normal(size=(50_000, 40))
y = (X[:, 0] > 0).astype(int)
model = TwoLayerSigmoidClassifier(4, max_iter=200, tol=1e-2, random_state=0, n_jobs=1)
model.fit(X[:500], y[:500])
before, weights = model.predict(X[:10]), model.W1_
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**20, -1))
try:
    model.fit(X, y)
    print("fitted")
except MemoryError:
    print("MemoryError", model.W1_ is weights)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
print((model.predict(X[:10]) == before).all(), model.fit(X, y).score(X, y) > 0.9)
"""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert result.stdout.splitlines() == ["MemoryError True", "True True"]
