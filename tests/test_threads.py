"""BLAS held to one thread in whatever thread a fit runs, and given back.

What depends on who set a limit first in a process runs in a process of its own:

    python -m tests.test_threads fits_in_any_thread
"""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.datasets import load_breast_cancer
from threadpoolctl import ThreadpoolController, threadpool_limits

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer._engine import threads as _threads
from sk_twolayer._engine.layers import ForwardPass
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers, _BlasLimit, _Library
from sk_twolayer._monitor import Found
from sk_twolayer._training import Trained
from sk_twolayer.network import Parameters

rng = np.random.default_rng(0)
X = rng.normal(size=(30_000, 10))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
LIBRARIES = ThreadpoolController().select(user_api="blas").lib_controllers
NO_BLAS = 77


def blas_threads():
    return [library.num_threads for library in LIBRARIES]


def quick(**options):
    defaults = {"n_hidden": 8, "alpha": 1.0, "random_state": 0, "max_iter": 5}
    return TwoLayerSigmoidClassifier(**defaults | {"n_jobs": 1} | options)


def in_thread(function):
    """Its result, or its error, from a new thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@contextmanager
def every_evaluation(call):
    """Calls it before each block of an evaluation, and of a prediction."""
    original = ForwardPass.hidden

    def spy(*arguments):
        call()
        return original(*arguments)

    ForwardPass.hidden = spy
    try:
        yield
    finally:
        ForwardPass.hidden = original


@contextmanager
def held_throughout():
    """No block of a fit, or of a prediction, meets BLAS on several threads."""
    seen = []

    def look():
        seen.append(max(blas_threads()))

    with every_evaluation(look):
        yield
    assert seen
    assert set(seen) == {1}, f"{sum(s > 1 for s in seen)} of {len(seen)}"


def fits_in_any_thread():
    """Whoever was first: main thread, one other, several, joblib's, our own."""
    before = blas_threads()
    _threads.fits_in_threads = lambda work: True

    def work(_=None):
        model = quick().fit(X, y)
        return model.W1_, model.predict_proba(X)

    def several_starts():
        model = quick(n_init=3, n_jobs=2, max_iter=2).fit(X, y)
        return model.W1_, model.predict_proba(X)

    def own_workers():
        model = quick(n_hidden=32, n_jobs=2).fit(X, y)
        return model.W1_, model.predict_proba(X)

    for function in (work, several_starts, own_workers):
        with held_throughout():
            expected = function()
        assert blas_threads() == before
        with held_throughout():
            found = [in_thread(function)]
        assert blas_threads() == before
        with held_throughout(), ThreadPoolExecutor(2) as pool:
            found += [f.result() for f in [pool.submit(function) for _ in range(3)]]
        assert blas_threads() == before
        with held_throughout():
            found += Parallel(2, "threading")(delayed(function)() for _ in range(3))
        assert blas_threads() == before
        # In joblib's threads a fit starts none of its own, which changes the rounding.
        tolerance = 1e-6 if function is own_workers else 0
        for weights, probabilities in found:
            np.testing.assert_allclose(weights, expected[0], rtol=tolerance)
            np.testing.assert_allclose(probabilities, expected[1], rtol=tolerance)


def overlapping(first_ends_first):
    """Two fits, both in progress at once, of which the one or the other ends first."""
    before = blas_threads()
    # The threads live on, as a pool's do: what one did is not undone by its end.
    pools = {name: ThreadPoolExecutor(1, name) for name in ("first", "second")}
    begun = {name: threading.Event() for name in pools}
    go = {name: threading.Event() for name in pools}

    def pause():
        name = threading.current_thread().name.partition("_")[0]
        begun[name].set()
        assert go[name].wait(60)

    with every_evaluation(pause), held_throughout():
        fits = {}
        for name, pool in pools.items():
            fits[name] = pool.submit(lambda: quick().fit(X, y))
            assert begun[name].wait(60)
        order = list(fits) if first_ends_first else list(fits)[::-1]
        for name, expected in zip(order, ([1] * len(before), before), strict=True):
            go[name].set()
            fits[name].result(60)
            assert blas_threads() == expected
    for pool in pools.values():
        pool.shutdown()


def the_first_ends_first():
    overlapping(True)


def the_first_ends_last():
    overlapping(False)


def limits_of_others():
    """They work in every thread after a fit in any, and hold during one."""
    before = blas_threads()
    ones = [1] * len(before)

    def own_limit():
        with threadpool_limits(1, "blas"):
            assert blas_threads() == ones
            quick(max_iter=1).fit(X, y)
            assert blas_threads() == ones
        assert blas_threads() == before

    for run in (in_thread, lambda function: function()):
        run(lambda: quick(max_iter=1).fit(X, y))
        own_limit()
        in_thread(own_limit)

    # Another's block that begins and ends in a fit ...
    done = []

    def once(function):
        if not done:
            done.append(function)
            in_thread(function)

    def twos():
        with threadpool_limits(2, "blas"):
            assert blas_threads() == [2] * len(before)

    with every_evaluation(lambda: once(twos)), held_throughout():
        quick().fit(X, y)
    assert done.pop() is twos
    assert blas_threads() == before
    # ... or began before and ends in it: BLAS is then lowered anew.
    outer = threadpool_limits(1, "blas").__enter__()
    evaluations = []

    def leave():
        evaluations.append(max(blas_threads()))
        if len(evaluations) == 1:
            outer.__exit__(None, None, None)

    with every_evaluation(leave):
        quick(n_hidden=2).fit(X[:100], y[:100])
    assert set(evaluations) == {1}
    assert len(evaluations) > 1
    assert blas_threads() == before
    # One that stays is still there afterwards.
    with every_evaluation(lambda: once(lambda: threadpool_limits(3, "blas"))):
        quick().fit(X, y)
    assert blas_threads() == [3] * len(before)


def forks():
    """A child of a process whose other thread is fitting has BLAS as before it."""
    before = blas_threads()
    quick().fit(X, y)
    expected = quick().fit(X[:5000], y[:5000]).W1_
    data = load_breast_cancer(return_X_y=True)
    done, held, hanging = threading.Event(), 0, 0

    def keep_fitting():
        while not done.is_set():
            TwoLayerSigmoidClassifier(random_state=0, max_iter=20).fit(*data)

    other = threading.Thread(target=keep_fitting, daemon=True)
    other.start()
    try:
        for _ in range(20):
            time.sleep(0.002)
            held += blas_threads() != before
            child = os.fork()
            if child == 0:
                found = blas_threads() == before
                found &= np.array_equal(quick().fit(X[:5000], y[:5000]).W1_, expected)
                os._exit(0 if found and blas_threads() == before else 1)
            deadline = time.monotonic() + 30
            while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
                if time.monotonic() > deadline:
                    # OpenBLAS lets a fork happen while another thread holds the lock
                    # of its memory (`alloc_lock`), about once in some thousand forks
                    # here, and nothing outside of it can help the child. A fault of
                    # ours would hang every child, or every second.
                    os.kill(child, signal.SIGKILL)
                    ended, hanging = (os.waitpid(child, 0)[0], 0), hanging + 1
                    assert hanging < 2, "the children hang"
                    break
                time.sleep(0.001)
            assert ended == (child, 0)
    finally:
        done.set()
        other.join(60)
    # OpenBLAS ends its own threads at a fork: who waited for them would for ever.
    assert not other.is_alive()
    assert held
    assert blas_threads() == before


SCENARIOS = [
    fits_in_any_thread,
    the_first_ends_first,
    the_first_ends_last,
    limits_of_others,
    pytest.param(
        forks,
        marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_a_process_of_its_own(scenario):
    threads = {f"{name}_NUM_THREADS": "2" for name in ("OPENBLAS", "OMP", "MKL")}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__, scenario.__name__],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parent.parent,
        env=os.environ | threads,
    )
    if result.returncode == NO_BLAS:
        pytest.skip("threadpoolctl finds no BLAS with several threads")
    assert result.returncode == 0, result.stderr


class FakeLibrary:
    """A BLAS with one number for the process, or with one for each thread."""

    def __init__(self, of_a_thread):
        self.of_a_thread = of_a_thread
        self._numbers = {}

    def _key(self):
        return threading.get_ident() if self.of_a_thread else None

    def get(self):
        return self._numbers.get(self._key(), 4)

    def set(self, number):
        self._numbers[self._key()] = number


@pytest.mark.parametrize("first_ends_first", [True, False])
@pytest.mark.parametrize("of_a_thread", [True, False])
def test_each_thread_is_held_and_let_go(of_a_thread, first_ends_first):
    library = FakeLibrary(of_a_thread)
    limit = _BlasLimit(lambda: [library])
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:

        def seen():
            return [pool.submit(library.get).result() for pool in (one, two)]

        one.submit(limit.__enter__).result()
        assert seen() == ([1, 4] if of_a_thread else [1, 1])
        two.submit(limit.__enter__).result()
        one.submit(limit.__enter__).result()
        one.submit(limit.__exit__).result()
        assert seen() == [1, 1]
        pools = [one, two] if first_ends_first else [two, one]
        pools[0].submit(limit.__exit__).result()
        held = [4, 1] if first_ends_first else [1, 4]
        assert seen() == (held if of_a_thread else [1, 1])
        pools[1].submit(limit.__exit__).result()
        assert seen() == [4, 4]


@pytest.mark.parametrize("of_a_thread", [True, False])
def test_a_fit_beside_another_has_as_many_threads_as_alone(of_a_thread):
    library = FakeLibrary(of_a_thread)
    limit = _BlasLimit(lambda: [library])
    assert limit.available() == 4
    with limit:
        assert library.get() == 1
        assert limit.available() == in_thread(limit.available) == 4
        library.set(3)
        assert limit.available() == 3
    library.set(1)
    with limit:
        assert limit.available() == 1


@pytest.mark.parametrize("of_a_thread", [True, False])
def test_own_threads_and_starts_are_held_too(monkeypatch, of_a_thread):
    library, seen = FakeLibrary(of_a_thread), {}

    def look():
        seen.setdefault(threading.get_ident(), set()).add(library.get())

    monkeypatch.setattr(_threads, "_blas_limit", _BlasLimit(lambda: [library]))
    meet = threading.Barrier(3)
    with Workers(3).started() as workers:
        workers.run(lambda _: (meet.wait(60), look()))
    assert list(seen.values()) == [{1}] * 3
    seen.clear()
    monkeypatch.setattr("sk_twolayer._training._run", lambda *_: look() or _a_run())
    monkeypatch.setattr(_threads, "fits_in_threads", lambda work: True)
    quick(n_init=4, n_jobs=2).fit(X, y)
    assert set().union(*seen.values()) == {1}
    assert library.get() == 4


def _a_run():
    """A start's result that `fit` accepts."""
    weights = Parameters(*map(np.zeros, [(8, 10), (8, 1), (1, 8), (1, 1)]))
    scales = Standardisation(np.zeros(10), np.ones(10))
    moments = Moments(1.0, np.zeros(10), np.ones(10))
    found = Found(np.empty(0), 0.0, 0.0, True, {"alpha_": 1.0})
    return Trained(weights, scales, moments, found, [0.0])


@pytest.mark.parametrize("of_a_thread", [True, False])
@pytest.mark.parametrize("forks_in_a_fit", [True, False])
def test_a_child_has_the_callers_of_its_own_thread_only(of_a_thread, forks_in_a_fit):
    library = FakeLibrary(of_a_thread)
    limit = _BlasLimit(lambda: [library])
    in_thread(limit.__enter__)
    if forks_in_a_fit:
        limit.__enter__()
    limit.lock.acquire()
    limit.after_fork()
    if forks_in_a_fit:
        assert library.get() == 1
        limit.__exit__()
    assert library.get() == 4
    with limit:
        assert library.get() == 1
    assert library.get() == 4


@pytest.mark.parametrize(
    "api, layer, of_a_thread",
    [
        ("openblas", "pthreads", False),
        ("openblas", "unknown", False),
        ("openblas", "openmp", True),
        ("mkl", "intel", True),
        ("blis", "pthreads", False),
    ],
)
@pytest.mark.parametrize("recent", [True, False])
def test_whose_number_it_is(monkeypatch, api, layer, of_a_thread, recent):
    """Before 3.7 threadpoolctl sets that of the process, in every library."""
    monkeypatch.setattr(_threads, "LIMITS_OF_A_THREAD", recent)
    numbers = []
    controller = SimpleNamespace(
        internal_api=api,
        threading_layer=layer,
        num_threads=4,
        set_num_threads=numbers.append,
        dynlib=SimpleNamespace(scipy_openblas_set_num_threads64_=numbers.extend),
    )
    library = _Library(controller)
    assert library.of_a_thread == (of_a_thread and recent)
    own = api == "openblas" and layer != "openmp"
    library.set([2] if own else 2)
    assert numbers == [2]
    del controller.dynlib  # as threadpoolctl 3.1 has it
    _Library(controller).set(3)
    assert numbers == [2, 3]


FITS = [
    ({"alpha": "auto", "max_iter": 30}, X[:300]),
    ({"alpha": "evidence", "max_iter": 30}, X[:300]),
    ({"solver": "adam", "max_iter": 3}, X[:2000]),
    # Shared by several threads, and in single precision, where their number shows.
    ({"n_hidden": 32, "n_jobs": -1}, X.astype(np.float32)),
]


def fitted(number):
    options, samples = FITS[number]
    return quick(**options).fit(samples, y[: len(samples)])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_many_threads_at_once_give_the_same_bits_as_each_alone():
    """Four fit and eight predict, over and over; on any Python, with a lock or free."""

    shared = [fitted(number) for number in range(4)]

    def weights(number):
        model = fitted(number)
        return [model.W1_, model.b1_, model.W2_, model.b2_, model.predict_proba(X[:99])]

    def predictions(number):
        model, n = shared[number % 4], (300, 20_000)[number // 4]
        found = [model.predict_proba(X[:n]), model.decision_function(X[:n])]
        return [*found, *model.predict_interval(X[:50])]

    tasks = [(weights, i) for i in range(4)] + [(predictions, i) for i in range(8)]
    alone = [function(number) for function, number in tasks]
    # A thread that holds Python's lock is asked for it after so many seconds.
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    begin = threading.Barrier(len(tasks))

    def again(task):
        begin.wait()
        return [task[0](task[1]) for _ in range(3)]

    try:
        with ThreadPoolExecutor(len(tasks)) as pool:
            together = list(pool.map(again, tasks))
    finally:
        sys.setswitchinterval(before)
    for expected, rounds in zip(alone, together, strict=True):
        for found in rounds:
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)


def test_fits_leave_no_trace_in_the_modules():
    """What threads could write to at once: nothing but the limit, which has a lock."""

    def state():
        modules = {n: m for n, m in sys.modules.items() if n.startswith("sk_twolayer")}
        return {
            (name, key): repr(value) if isinstance(value, dict | list | set) else value
            for name, module in modules.items()
            for key, value in vars(module).items()
            if not key.startswith("__")
        }

    # What is imported where it is used is there then.
    fitted(0)
    before = state()
    for number in range(4):
        fitted(number).predict_interval(X[:9])
    after = state()
    assert before.keys() == after.keys()
    assert all(
        after[key] is value or after[key] == value for key, value in before.items()
    )
    # Nor do functions remember what they were asked.
    caches = [key for key, value in after.items() if hasattr(value, "cache_info")]
    assert not caches


if __name__ == "__main__":
    if min(blas_threads(), default=1) < 2:
        sys.exit(NO_BLAS)
    globals()[sys.argv[1]]()
