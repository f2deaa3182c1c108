"""The classifier on Dask collections: equal to one machine's, and hard to stop."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer._engine.threads import count_threads
from sk_twolayer._evidence.curvature import Curvature
from sk_twolayer._evidence.laplace import sketch
from sk_twolayer._labels import encode_labels
from sk_twolayer._lots import MOST_SAMPLES
from sk_twolayer._samples import Samples

da = pytest.importorskip("dask.array", reason="needs the extra 'dask'")
distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
dd = pytest.importorskip("dask.dataframe", reason="needs the extra 'dask'")
pd = pytest.importorskip("pandas")
_dask = pytest.importorskip("sk_twolayer.dask")
Dask = _dask.DaskTwoLayerSigmoidClassifier

pytestmark = [
    # What Dask says of itself, and of sockets that it leaves to be closed.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Sending large graph"),
]


@pytest.fixture(autouse=True)
def no_hang():
    """Whatever waits for minutes fails."""

    def fail(*_):
        raise TimeoutError("This test took more than three minutes.")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(180)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@contextmanager
def cluster_of(n_workers, processes=False, threads=1, **options):
    with (
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads,
            processes=processes,
            host="127.0.0.1" if processes else None,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            **options,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    with cluster_of(2, threads=2) as client:
        yield client


@pytest.fixture(scope="module")
def processes():
    with cluster_of(2, processes=True) as client:
        yield client


def problem(kind="two", n=900, dtype=np.float64):
    if kind == "labels":
        X, y = make_multilabel_classification(n, 6, n_classes=3, random_state=0)
    else:
        n_classes = 3 if kind == "three" else 2
        X, y = make_classification(
            n, 6, n_informative=5, n_redundant=0, n_classes=n_classes, random_state=0
        )
    if kind == "text":
        y = np.array(["no", "yes"])[y]
    return (X * np.arange(1, 7) + 20).astype(dtype), y


def in_blocks(A, rows=200):
    return da.from_array(A, chunks=(rows, *A.shape[1:]))


def options(**more):
    return {
        "n_hidden": 3,
        "alpha": 20.0,
        "random_state": 0,
        "max_iter": 400,
        "tol": 1e-6,
    } | more


# ---- equal to one machine


@pytest.mark.parametrize("form", ["dense", "sparse", "float32", "many"])
@pytest.mark.parametrize("kind", ["two", "three", "labels"])
def test_the_objective_is_that_of_one_machine(monkeypatch, client, kind, form):
    if form == "many":
        # So many that samples are not kept.
        monkeypatch.setattr("sk_twolayer._engine.blocks.KEPT_BYTES", 0)
        monkeypatch.setattr(_dask, "KEPT_BYTES", 0)
    X, y = problem(kind, dtype=np.float32 if form == "float32" else np.float64)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    blocks = in_blocks(X)
    if form == "sparse":
        X = sparse.csr_array(X)
        blocks = blocks.map_blocks(sparse.csr_array)
    model = Dask(class_weight="balanced")
    samples, _ = model._samples(blocks, in_blocks(y), in_blocks(weight))
    local, _ = TwoLayerSigmoidClassifier(class_weight="balanced")._samples(X, y, weight)
    assert samples.n == local.n and samples.total == pytest.approx(local.total)
    np.testing.assert_allclose(samples.class_counts(), local.class_counts(), rtol=1e-12)
    moments, expected = samples.robust_moments(), local.robust_moments()
    np.testing.assert_allclose(moments.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(moments.deviation, expected.deviation, rtol=1e-12)
    scales = expected.standardisation(1.0, local.dtype)
    distributed, alone = (s.objective(4, scales) for s in (samples, local))
    rng = np.random.default_rng(1)
    for size in (0.1, 1.0):
        theta = size * rng.normal(size=alone.size)
        for objective in (distributed, alone):
            objective.set_precision(np.ones(alone.size))
        cost, gradient = distributed.value_and_gradient(theta)
        expected_cost, expected = alone.value_and_gradient(theta)
        rtol = 1e-5 if form == "float32" else 1e-12
        assert cost == pytest.approx(expected_cost, rel=rtol)
        assert distributed.value(theta) == pytest.approx(cost, rel=1e-15)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, rtol=rtol, atol=rtol * largest)


@pytest.mark.parametrize(
    "kind, more",
    [
        ("text", {}),
        ("three", {"class_weight": "balanced"}),
        ("labels", {"class_weight": "balanced"}),
        ("two", {"solver": "gd", "max_iter": 10}),
        ("two", {"n_init": 2, "committee": True}),
    ],
)
def test_a_fit_is_that_of_one_machine(client, kind, more):
    X, y = problem(kind, n=600)
    local = TwoLayerSigmoidClassifier(**options(**more)).fit(X, y)
    model = Dask(**options(**more)).fit(in_blocks(X), in_blocks(y))
    assert model.loss_ == pytest.approx(local.loss_, rel=1e-10)
    np.testing.assert_array_equal(model.classes_, local.classes_)
    assert model.classes_.dtype == local.classes_.dtype
    found, expected = model.predict_proba(X), local.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert model.n_features_in_ == 6 and vars(model).keys() - vars(local).keys() == {
        "client"
    }


@pytest.mark.parametrize("scale", ["counts", "relative"])
def test_weights_are_read_as_on_one_machine(client, scale):
    X, y = problem(n=600)
    rng = np.random.default_rng(0)
    # Whole blocks weigh nothing, and some rows of others.
    weight = rng.integers(0, 3, len(y)).astype(float)
    weight[:200] = 0
    if scale == "relative":
        weight *= rng.uniform(1e-5, 1e-4, len(y))
    local = TwoLayerSigmoidClassifier(**options()).fit(X, y, weight)
    model = Dask(**options()).fit(in_blocks(X), in_blocks(y), in_blocks(weight))
    assert model.loss_ == pytest.approx(local.loss_, rel=1e-10)
    assert model._moments[0] == pytest.approx(local._moments[0], rel=1e-12)


def test_data_frames_of_unknown_length_with_empty_partitions(client):
    X, y = problem("text", n=600)
    names = [f"f{i}" for i in range(6)]
    frame = pd.DataFrame(X, columns=names).assign(y=y)
    table = dd.from_pandas(frame, npartitions=3)
    table = dd.concat([table[table.f0 > -1e9], table[table.f0 > 1e9]])
    local = TwoLayerSigmoidClassifier(**options()).fit(frame[names], frame["y"])
    model = Dask(**options()).fit(table[names], table["y"])
    assert model.loss_ == pytest.approx(local.loss_, rel=1e-10)
    np.testing.assert_array_equal(model.feature_names_in_, names)
    lazy = model.predict_proba(table[names])
    np.testing.assert_allclose(lazy, local.predict_proba(frame[names]), atol=1e-6)
    labels = model.predict(table[names])
    assert labels.dtype == local.predict(frame[names]).dtype
    np.testing.assert_array_equal(labels, local.predict(frame[names]))
    score = model.score(table[names], table["y"])
    assert score == pytest.approx(local.score(frame[names], frame["y"]))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[names[::-1]])


@pytest.mark.parametrize("equal", [False, True])
def test_the_few_of_a_search_are_those_of_one_machine(client, equal):
    X, y = problem(n=6000)
    if equal:
        X = np.round(X / 1000)
    local = Samples(X, encode_labels(y), None)
    expected, position = local.few(np.ones(6))
    assert len(position) < 2 * MOST_SAMPLES
    for rows in (700, 6000):
        samples, _ = Dask()._samples(in_blocks(X, rows), in_blocks(y, rows), None)
        found, places = samples.few(np.ones(6))
        order, by = (
            np.lexsort((places, *found.X.T)),
            np.lexsort((position, *expected.X.T)),
        )
        np.testing.assert_array_equal(found.X[order], expected.X[by])
        assert found.objective(2, None).total == expected.objective(2, None).total


def test_alpha_is_chosen_as_on_one_machine(client):
    X, y = problem(n=300)
    given = options(alpha="auto", max_iter=30, n_hidden=2)
    local = TwoLayerSigmoidClassifier(**given).fit(X, y)
    model = Dask(**given).fit(in_blocks(X, 100), in_blocks(y, 100))
    np.testing.assert_allclose(model.alpha_, local.alpha_, rtol=1e-6)
    np.testing.assert_allclose(model.cv_loss_curve_, local.cv_loss_curve_, rtol=1e-6)
    assert model.loss_ == pytest.approx(local.loss_, rel=1e-8)


def test_the_curvature_is_that_of_one_machine(client):
    X, y = problem(n=600)
    samples, _ = Dask()._samples(in_blocks(X), in_blocks(y), None)
    local = Samples(X, encode_labels(y), None)
    scales = local.moments().standardisation(0.0, local.dtype)
    both = [s.objective(3, scales) for s in (samples, local)]
    theta = np.random.default_rng(0).normal(size=both[0].size)
    V = np.eye(len(theta))[:, :2]
    for compute in (
        lambda o: Curvature(o).matrix(theta, Curvature(o)._curvature_roots),
        lambda o: sketch(o, theta, V, None)[0],
        lambda o: sketch(o, theta, V, None)[1],
    ):
        found, expected = (compute(objective) for objective in both)
        atol = 1e-12 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=atol)

    def add(block, T, Z2, rows):
        rows.append(Z2.copy())

    thinned = [
        np.concatenate(
            [Z2 for few in o.thinned(7).visit(theta, list, add) for Z2 in few]
        )
        for o in both
    ]
    np.testing.assert_allclose(*map(np.sort, map(np.ravel, thinned)), rtol=1e-10)


def test_a_fit_by_the_evidence(client):
    X, y = problem(n=600)
    given = options(alpha="evidence", max_iter=100)
    local = TwoLayerSigmoidClassifier(**given).fit(X, y)
    model = Dask(**given).fit(in_blocks(X), in_blocks(y))
    assert model.log_evidence_ == pytest.approx(local.log_evidence_, abs=1)


def test_uncertainty_is_lazy_and_that_of_one_machine(client):
    X, y = problem(n=1300)
    # The covariance is of every third sample, wherever that lies.
    local = TwoLayerSigmoidClassifier(**options()).fit(X, y)
    model = Dask(**options()).fit(in_blocks(X, 190), in_blocks(y, 190))
    for method, given in (
        ("decision_function", {"return_std": True}),
        ("predict_interval", {"level": 0.8}),
    ):
        lazy = getattr(model, method)(in_blocks(X), **given)
        same = getattr(model.to_local(), method)(X, **given)
        expected = getattr(local, method)(X, **given)
        for i in range(2):
            assert isinstance(lazy[i], da.Array)
            np.testing.assert_array_equal(lazy[i], same[i])
            np.testing.assert_allclose(same[i], expected[i], rtol=1e-4, atol=1e-5)


def test_constraints_hold_as_on_one_machine(client):
    X, y = problem(n=600)
    given = options(monotonic_cst=[1, 0, -1, 0, 0, 0])
    local = TwoLayerSigmoidClassifier(**given).fit(X, y)
    model = Dask(**given).fit(in_blocks(X), in_blocks(y))
    assert model.loss_ == pytest.approx(local.loss_, rel=1e-10)
    assert (model.W2_ >= 0).all() and (model.W1_[:, 0] >= 0).all()


def test_early_stopping_follows_samples_of_each_block(client):
    X, y = problem("three", n=900)
    model = Dask(**options(early_stopping=True, max_iter=20))
    model.fit(in_blocks(X), in_blocks(y))
    assert len(model.validation_loss_curve_) == len(model.loss_curve_)
    assert model._moments[0] == pytest.approx(810, abs=5)
    model.fit(in_blocks(X), in_blocks(y), X_val=X[:50], y_val=y[:50])
    assert model._moments[0] == 900


def test_partial_fit_takes_a_collection_block_by_block(client):
    X, y = problem(n=600)
    given = options(solver="adam", alpha=0.3)
    local = TwoLayerSigmoidClassifier(**given)
    for start in range(0, 600, 200):
        rows = slice(start, start + 200)
        local.partial_fit(X[rows], y[rows], classes=[0, 1])
    model = Dask(**given).partial_fit(in_blocks(X), in_blocks(y), classes=[0, 1])
    np.testing.assert_array_equal(model.W1_, local.W1_)


# ---- the same bits


def history(client, dtype, alpha):
    # More than a thousand are thinned for the moderation.
    X, y = problem(n=1100, dtype=dtype)
    # Of the evidence several rounds.
    most = 400 if alpha == "ard" else 12
    model = Dask(**options(alpha=alpha, max_iter=most), client=client)
    model.fit(in_blocks(X), in_blocks(y))
    found = model.W1_, np.asarray(model.alpha_), model.predict_proba(X)
    return model.loss_curve_, found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "dtype, alpha",
    [(np.float32, 1.0), (np.float64, 1.0), (np.float64, "auto"), (np.float64, "ard")],
)
def test_the_same_bits_on_any_number_of_workers_and_threads(monkeypatch, dtype, alpha):
    monkeypatch.setattr("sk_twolayer._engine.partition.PIECE_ROWS", 64)
    found = []
    for n_workers, threads in [(1, 1), (2, 1), (3, 2)]:
        with cluster_of(n_workers, threads=threads) as client:
            found.append(history(client, dtype, alpha))
    for curve, arrays in found[1:]:
        assert curve == found[0][0]
        for array, expected in zip(arrays, found[0][1], strict=True):
            np.testing.assert_array_equal(array, expected)


# ---- what an evaluation costs


def tasks_of(client):
    """Tasks that the scheduler holds, and evaluations that it has seen."""

    def count(dask_scheduler):
        prefix = dask_scheduler.task_prefixes.get("answer")
        seen = 0 if prefix is None else prefix.state_counts["memory"]
        return len(dask_scheduler.tasks), seen

    return client.run_on_scheduler(count)


def held_by(client):
    """How many results the client has on workers, by their kind."""

    def count(dask_scheduler):
        wanted = [t for t in dask_scheduler.tasks.values() if t.who_wants]
        return dict(Counter(task.prefix.name for task in wanted))

    return client.run_on_scheduler(count)


def wait_for(condition):
    for _ in range(200):
        if condition():
            return True
        # Futures in a cycle are let go by the collector alone.
        gc.collect()
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("look", [5.0, 0.001])
def test_an_evaluation_is_a_task_a_worker_and_leaves_nothing(monkeypatch, client, look):
    # Also where the client looked for workers meanwhile, many times.
    monkeypatch.setattr(_dask, "LOOK", look)
    X, y = problem(n=2000)
    gc.collect()
    gc.disable()
    try:
        samples, _ = Dask()._samples(in_blocks(X, 100), in_blocks(y, 100), None)
        objective = samples.objective(3, None)
        theta = np.zeros(objective.size)
        objective.value_and_gradient(theta)
        assert wait_for(lambda: held_by(client) == {"make_part": 2})
    finally:
        gc.enable()
    assert wait_for(lambda: tasks_of(client)[1] >= 2)
    tasks, seen = tasks_of(client)
    for _ in range(200):
        objective.value_and_gradient(theta)
    # Of 400 tasks the scheduler may be about to forget the last.
    assert wait_for(lambda: tasks_of(client)[0] <= tasks + 8)
    assert tasks_of(client)[1] - seen == 400
    del samples, objective
    assert wait_for(lambda: held_by(client) == {})


def test_a_part_has_its_size_and_travels_as_a_recipe(client):
    X, y = problem(n=2000)
    samples, _ = Dask()._samples(in_blocks(X, 500), in_blocks(y, 500), None)
    objective = samples.objective(3, None)
    part = objective.partition._parts[0].result()
    assert X.nbytes / 4 <= sys.getsizeof(part) < X.nbytes
    again = pickle.loads(pickle.dumps(part))
    theta = np.random.default_rng(0).normal(size=objective.size)
    np.testing.assert_array_equal(
        again.exact_gradient(theta).rounded(), part.exact_gradient(theta).rounded()
    )
    # What is sent along holds no samples.
    assert len(pickle.dumps(objective.folding)) < 2000


# ---- faults


def kill_during(monkeypatch, client, evaluations):
    """Kills a worker shortly after each of these evaluations has begun."""
    calls = {"n": 0}

    def cost_and_gradient(self, *arguments, original=_dask.DaskSums.cost_and_gradient):
        calls["n"] += 1
        if calls["n"] in evaluations:
            pids = client.run(os.getpid)
            pid = pids[sorted(pids)[calls["n"] % len(pids)]]
            threading.Timer(0.005, os.kill, (pid, signal.SIGKILL)).start()
        return original(self, *arguments)

    monkeypatch.setattr(_dask.DaskSums, "cost_and_gradient", cost_and_gradient)


def pause_during(monkeypatch, client, evaluation):
    """Pauses all workers, as those do that are short of memory, before an evaluation."""
    calls = {"n": 0}

    def pause(dask_worker):
        dask_worker.status = distributed.Status.paused

    def cost_and_gradient(self, *arguments, original=_dask.DaskSums.cost_and_gradient):
        calls["n"] += 1
        if calls["n"] == evaluation:
            client.run(pause)
        return original(self, *arguments)

    monkeypatch.setattr(_dask.DaskSums, "cost_and_gradient", cost_and_gradient)


def test_killed_workers_change_no_bit_and_parts_move_back(monkeypatch, processes):
    client = processes
    X, y = problem(n=20_000)
    model = Dask(**options(alpha=1.0, max_iter=40, tol=0.0), client=client)
    given = in_blocks(X, 2500), in_blocks(y, 2500)
    undisturbed = model.fit(*given).loss_curve_
    places = []

    def spread(self, found, original=_dask.DaskSums._spread):
        places.append(found)
        # As long as the fit goes on a worker that was killed comes back.
        if len(places) < 60 and len(set(found)) < 2:
            wait_for(lambda: len(client.nthreads()) == 2)
        original(self, found)

    monkeypatch.setattr(_dask.DaskSums, "_spread", spread)
    kill_during(monkeypatch, client, {8, 21})
    again = clone(model).fit(*given)
    assert again.loss_curve_ == undisturbed
    assert any(len(set(found)) == 1 for found in places)
    assert len(set(places[-1])) == 2


def test_data_that_nobody_can_make_again_is_one_clear_error(monkeypatch, processes):
    client = processes
    assert wait_for(lambda: len(client.nthreads()) == 2)
    X, y = problem(n=2000)
    model = Dask(**options(), client=client).fit(in_blocks(X, 500), in_blocks(y, 500))
    before = model.loss_curve_
    scattered = [
        da.concatenate(
            [
                da.from_delayed(future, (500, *A.shape[1:]), dtype=A.dtype)
                for future in client.scatter(np.split(A, 4))
            ]
        )
        for A in (X, y)
    ]
    kill_during(monkeypatch, client, {3, 4, 5})
    with pytest.raises(RuntimeError, match="nothing can make them again"):
        model.fit(*scattered)
    assert model.loss_curve_ is before


@pytest.mark.parametrize("n_workers", [0, 2])
def test_where_no_worker_goes_on_there_is_an_error(monkeypatch, n_workers):
    monkeypatch.setattr(_dask, "LOOK", 0.1)
    monkeypatch.setattr(_dask, "PATIENCE", 0.5)
    X, y = problem(n=600)
    with cluster_of(n_workers) as client:
        model = Dask(**options(), client=client)
        if n_workers:
            model.fit(in_blocks(X), in_blocks(y))
            pause_during(monkeypatch, client, evaluation=5)
        before = dict(vars(model))
        found = f"{n_workers} workers, of which {n_workers} are paused"
        with pytest.raises(RuntimeError, match=found):
            model.fit(in_blocks(X), in_blocks(y))
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is before[name] for name in before)


def test_work_that_takes_long_is_waited_for(monkeypatch, client):
    monkeypatch.setattr(_dask, "LOOK", 0.1)
    monkeypatch.setattr(_dask, "PATIENCE", 0.5)
    X, y = problem(n=600)

    def slow(block):
        time.sleep(1.5)
        return block

    Dask(**options(max_iter=1)).fit(in_blocks(X).map_blocks(slow), in_blocks(y))


def test_ctrl_c_keeps_the_best_weights_and_leaves_no_task(monkeypatch, client):
    X, y = problem(n=600)
    calls = {"n": 0}

    def over(self, *arguments, original=_dask._Cluster.over):
        calls["n"] += 1
        found = original(self, *arguments)
        if calls["n"] == 20:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(_dask._Cluster, "over", over)
    model = Dask(**options(tol=0.0, max_iter=100))
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model.fit(in_blocks(X), in_blocks(y))
    assert 2 < len(model.loss_curve_) < 20
    assert model.loss_ == min(model.loss_curve_)
    assert wait_for(lambda: tasks_of(client)[0] == 0)


CHILD = """
import os, signal, sys, threading, warnings

import dask.array as da
from distributed import Client, LocalCluster
from sklearn.datasets import make_classification

from sk_twolayer import dask as ours


def fit(client, end):
    calls = {"n": 0}
    original = ours.DaskSums.cost_and_gradient

    def cost_and_gradient(*arguments):
        calls["n"] += 1
        if calls["n"] == 20:
            threading.Timer(0.002, end).start()
        return original(*arguments)

    ours.DaskSums.cost_and_gradient = cost_and_gradient
    X, y = make_classification(20_000, 6, random_state=0)
    model = ours.DaskTwoLayerSigmoidClassifier(
        10, alpha=0.1, max_iter=10_000, tol=0.0, random_state=0, client=client
    )
    return model.fit(da.from_array(X, (500, 6)), da.from_array(y, 500)), X, y


def alone(end):
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster) as client,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        model, X, y = fit(client, end)
        print([w.message for w in caught if "interrupted" in str(w.message)])
    assert model.loss_ == min(model.loss_curve_) and len(model.loss_curve_) < 1000
    assert model.score(X, y) > 0.7
    model.predict_interval(X[:5])
    print("kept")


if __name__ == "__main__":
    kind, *address = sys.argv[1:]
    if kind == "client":
        alone(lambda: os.kill(os.getpid(), signal.SIGINT))
    if kind == "terminal":
        alone(lambda: os.killpg(os.getpgrp(), signal.SIGINT))
    if kind == "killed":
        fit(Client(*address), lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


def run_child(tmp_path, *arguments):
    """What a program in a session of its own ends with, and prints."""
    path = tmp_path / "child.py"
    path.write_text(CHILD)
    child = subprocess.Popen(
        [sys.executable, path, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        found, _ = child.communicate(timeout=150)
    finally:
        child.kill()
    return child.returncode, found


# Of a terminal it reaches the workers of a cluster on this machine too, which end.
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs groups of processes")
@pytest.mark.parametrize("kind", ["client", "terminal"])
def test_sigint_keeps_the_best_weights(tmp_path, kind):
    _, found = run_child(tmp_path, kind)
    assert "Training was interrupted" in found and "\nkept" in found, found


def test_a_client_that_is_killed_leaves_nothing_at_the_scheduler(processes, tmp_path):
    gc.collect()
    assert wait_for(lambda: tasks_of(processes)[0] == 0)
    address = processes.scheduler.address
    code, found = run_child(tmp_path, "killed", address)
    assert code == -signal.SIGKILL, found
    assert tasks_of(processes)[1] > 0
    assert wait_for(lambda: tasks_of(processes)[0] == 0)


def test_a_client_that_is_closed_is_one_clear_error(monkeypatch):
    X, y = problem(n=600)
    calls = {"n": 0}
    with cluster_of(2) as client:
        model = Dask(**options(), client=client).fit(in_blocks(X), in_blocks(y))
        before = model.loss_curve_

        def results(self, futures, original=_dask._Cluster.results):
            calls["n"] += 1
            if calls["n"] == 12:
                client.close()
            return original(self, futures)

        monkeypatch.setattr(_dask._Cluster, "results", results)
        with pytest.raises(RuntimeError, match="client was closed"):
            model.fit(in_blocks(X), in_blocks(y))
        assert model.loss_curve_ is before


def test_an_exception_of_a_block_is_the_callers(client):
    X, y = problem(n=600)
    model = Dask(**options(max_iter=5)).fit(in_blocks(X), in_blocks(y))
    before = model.W1_

    def read(block, block_id=(0, 0)):
        if block_id[0] == 2:
            raise OSError("the third file is gone")
        return block

    with pytest.raises(OSError, match="the third file is gone"):
        model.fit(in_blocks(X).map_blocks(read, meta=X[:0]), in_blocks(y))
    assert model.W1_ is before
    assert wait_for(lambda: held_by(client) == {})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_error_in_a_block_is_the_callers(client, bad):
    X, y = problem(n=600)
    model = Dask(**options(max_iter=5)).fit(in_blocks(X), in_blocks(y))
    before = model.W1_
    X = X.copy()
    X[450, 2] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        model.fit(in_blocks(X), in_blocks(y))
    assert model.W1_ is before


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda X, y: (X, y[:-1]), "X has 600 rows, and y 599"),
        (lambda X, y: (X[X[:, 0] > -1e9], y.rechunk(300)), "3 partitions, and y 2"),
        (lambda X, y: (X[X[:, 0] > -1e9], y.rechunk(((100, 300, 200),))), "block of X"),
        (lambda X, y: (X[X[:, 0] > -1e9], np.asarray(y)), "must be a Dask"),
        (lambda X, y: (X, y + 0.5), "Unknown label type"),
        (lambda X, y: (X[:, 0], y), "two dimensions"),
        (lambda X, y: (X[:0], y[:0]), "no rows"),
        (
            lambda X, y: (
                X.map_blocks(
                    lambda b, block_id=(0,): sparse.csr_array(b) if block_id[0] else b
                ),
                y,
            ),
            "sparse and others dense",
        ),
        (
            lambda X, y: (
                X,
                y.map_blocks(
                    lambda b, block_id=(0,): b.astype(str) if block_id[0] else b
                ),
            ),
            "one type",
        ),
    ],
)
def test_bad_collections_are_clear_errors(client, change, message):
    X, y = problem(n=600)
    with pytest.raises(ValueError, match=message):
        Dask(**options()).fit(*change(in_blocks(X), in_blocks(y)))


def test_batches_are_refused(client):
    X, y = problem(n=600)
    with pytest.raises(ValueError, match="partial_fit, which takes a collection"):
        Dask(**options(solver="adam")).fit(in_blocks(X), in_blocks(y))


def test_without_a_cluster_there_is_an_error():
    code = (
        "import dask.array as da\n"
        "from sk_twolayer.dask import DaskTwoLayerSigmoidClassifier as D\n"
        "X = da.ones((4, 2))\n"
        "try:\n    D().fit(X, X[:, 0])\n"
        "except ValueError as error:\n    print(error)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "no Dask cluster" in found.stdout, found.stderr


# ---- predictions and the estimator


@pytest.mark.parametrize("kind", ["two", "three", "labels"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_predictions_are_lazy(client, kind, dtype):
    X, y = problem(kind, n=600, dtype=dtype)
    model = Dask(**options(max_iter=5)).fit(X, y)
    local = model.to_local()
    # Of two columns of blocks.
    blocks = da.from_array(X, chunks=(200, 4))
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        lazy, expected = getattr(model, method)(blocks), getattr(local, method)(X)
        assert isinstance(lazy, da.Array) and lazy.chunks[0] == (200, 200, 200)
        assert lazy.shape == expected.shape and lazy.dtype == expected.dtype
        np.testing.assert_array_equal(lazy, expected)
    assert model.score(blocks, in_blocks(y)) == pytest.approx(local.score(X, y))
    with pytest.raises(ValueError, match="features"):
        model.predict(blocks[:, :3])


def test_a_score_counts_weights(client):
    X, y = problem(n=600)
    model = Dask(**options(max_iter=5)).fit(X, y)
    weight = np.random.default_rng(0).integers(0, 3, 600)
    weight[:200] = 0
    found = model.score(in_blocks(X), in_blocks(y), in_blocks(weight))
    assert found == pytest.approx(model.score(X, y, weight))


def test_parameters_are_those_of_the_plain_class_and_a_client():
    more = Dask().get_params().keys() - TwoLayerSigmoidClassifier().get_params().keys()
    assert more == {"client"}


def test_a_model_is_saved_without_dask(client):
    X, y = problem(n=600)
    model = Dask(**options(max_iter=5, n_init=2, committee=True), client=client)
    model.fit(in_blocks(X), in_blocks(y))
    assert clone(model).client is client
    assert pickle.loads(pickle.dumps(model)).client is None
    local = model.to_local()
    assert type(local) is TwoLayerSigmoidClassifier
    saved = pickle.dumps(local)
    assert b"dask" not in saved.lower()
    again = pickle.loads(saved)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("kind", ["array", "frame", "sparse"])
def test_the_plain_class_gathers_a_collection(monkeypatch, client, kind):
    X, y = problem(n=600)
    local = TwoLayerSigmoidClassifier(**options(max_iter=5)).fit(X, y)
    given = in_blocks(X), in_blocks(y)
    if kind == "frame":
        given = [dd.from_dask_array(each) for each in given]
    if kind == "sparse":
        given = given[0].map_blocks(sparse.csr_array), given[1]
    model = clone(local).fit(*given)
    np.testing.assert_allclose(model.W1_, local.W1_, rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(given[0]), model.predict_proba(X))
    if kind != "sparse":
        monkeypatch.setattr("sk_twolayer._arrays.LARGE", 20_000)
        with pytest.warns(UserWarning, match=r"0\.0 GB .*DaskTwoLayerSigmoid"):
            clone(local).fit(*given)


def test_nothing_else_imports_dask():
    code = (
        "import sys, sk_twolayer, sk_twolayer.inspection\n"
        "print(sorted({'dask', 'distributed'} & sys.modules.keys()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == "[]", found.stderr


def test_a_search_over_a_cluster(processes):
    """joblib's backend: each fit on one worker, of the plain class."""
    assert wait_for(lambda: len(processes.nthreads()) == 2)
    X, y = problem(n=600)
    search = GridSearchCV(
        TwoLayerSigmoidClassifier(3, random_state=0, max_iter=20, n_jobs=-1),
        {"alpha": [0.1, 1.0, 10.0]},
        cv=2,
    )
    expected = clone(search).fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        found = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, expected)


def threads_of(model, X, y):
    """A score that is the number of threads that a fit would use."""
    return count_threads(-1, 1e12)


@pytest.mark.parametrize("with_processes", [False, True])
def test_a_fit_of_a_search_has_its_share_of_a_workers_threads(with_processes):
    X, y = problem(n=200)
    search = GridSearchCV(
        TwoLayerSigmoidClassifier(2, alpha=0.1, tol=1e-3),
        {"random_state": range(4)},
        scoring=threads_of,
        cv=2,
        refit=False,
    )
    # Two fits at once on a worker of two threads, which BLAS has too in this process.
    with (
        cluster_of(1, processes=with_processes, threads=2),
        threadpool_limits(2),
        joblib.parallel_config("dask"),
    ):
        found = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, 1)


def test_an_encrypted_cluster_of_command_lines(tmp_path):
    """As on several machines: a scheduler, workers, and certificates of one's own."""
    pytest.importorskip("cryptography")
    secret = distributed.Security.temporary()
    files = {"ca-file": secret.tls_ca_file}
    files |= {"cert": secret.tls_client_cert, "key": secret.tls_client_key}
    given = ["--no-dashboard", "--protocol", "tls", "--host", "127.0.0.1"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        given += [f"--tls-{name}", str(tmp_path / name)]
    where = tmp_path / "scheduler.json"
    place = ["--scheduler-file", str(where)]
    lines = [["scheduler", "--port", "0"], *[["worker", "--nthreads", "1"]] * 2]
    started = []
    try:
        for line in lines:
            command = [sys.executable, "-m", "dask", *line, *given, *place]
            started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            assert wait_for(where.exists)
        names = {f"tls_{n.replace('-', '_')}": str(tmp_path / n) for n in files}
        names = {
            n if "ca" in n else n.replace("tls", "tls_client"): f
            for n, f in names.items()
        }
        security = distributed.Security(require_encryption=True, **names)
        X, y = problem(n=600)
        with distributed.Client(scheduler_file=str(where), security=security) as client:
            client.wait_for_workers(2, timeout=60)
            assert all(address.startswith("tls://") for address in client.nthreads())
            model = Dask(**options(), client=client).fit(in_blocks(X), in_blocks(y))
            lazy = model.predict_proba(in_blocks(X)).compute()
        local = TwoLayerSigmoidClassifier(**options()).fit(X, y)
        assert model.loss_ == pytest.approx(local.loss_, rel=1e-10)
        np.testing.assert_allclose(lazy, local.predict_proba(X), atol=1e-6)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)
