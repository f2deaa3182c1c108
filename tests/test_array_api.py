"""Arrays of other libraries: computed with where they lie, and equal to NumPy's.

scikit-learn's own checks need SCIPY_ARRAY_API=1, or are skipped in silence. SciPy's
functions never see these arrays, so here it is set after their import.
"""

import pickle
import subprocess
import sys
import unittest

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from sk_twolayer import TwoLayerSigmoidClassifier, inspection
from sk_twolayer._arrays import place_of
from sk_twolayer._compat import FOLLOWS_ARRAYS
from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments, extremes
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.on_device import (
    Device,
    DevicePartition,
    moments_and_extremes,
)
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.partition import Partition
from sk_twolayer._start import initial_parameters
from tests.helpers import penalised, quick

if not FOLLOWS_ARRAYS:
    pytest.skip("scikit-learn < 1.9", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
PROBLEMS = ["two classes", "four classes", "three labels"]


@pytest.fixture(autouse=True)
def dispatch(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield


@pytest.fixture(params=["torch", "array_api_strict"])
def xp(request):
    return pytest.importorskip(request.param)


def make_data(problem, n=400, m=6, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m)) * np.arange(1, m + 1) + 5
    A = (X - 5) / np.arange(1, m + 1)
    score = np.sin(2 * A[:, 0]) + A[:, 1] + 0.3 * rng.standard_normal(n)
    if problem == "two classes":
        y = (score > 0).astype(int)
    elif problem == "four classes":
        y = np.digitize(score, [-0.7, 0, 0.7])
    else:
        y = np.column_stack([score > 0, score > 0.5, A[:, 2] > 0]).astype(int)
    return X.astype(dtype), y


def to_numpy(A):
    return np.asarray(A)


def as_numpy(model):
    from sklearn.utils._array_api import move_estimator_to

    return move_estimator_to(model, np, "cpu")


def gap(found, expected):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("off_centre", [0, 1e6])
def test_sums_are_those_of_the_engine(
    xp, problem, weighted, dtype, off_centre, monkeypatch
):
    # Of several blocks, the last of them short.
    monkeypatch.setattr("sk_twolayer._engine.on_device.CPU_BYTES", 2**15)
    X, y = make_data(problem)
    # In float32 centred as it is loaded, on the device too.
    X = (X + off_centre).astype(dtype)
    weight = np.random.default_rng(1).random(len(X)) + 0.5 if weighted else None
    activation = "softmax" if problem == "four classes" else "logistic"
    K = {"two classes": 1, "four classes": 4, "three labels": 3}[problem]
    moments = Moments.of(X, weight)
    scales = moments.standardisation(2.0, X.dtype)
    layout, output = Layout(X.shape[1], 9, K), choose_output(activation, K)
    samples = Block(X, y.astype(np.int8), weight)
    local = Partition(samples, layout, output, standardisation=scales)
    there = samples._replace(X=xp.asarray(X))
    place = place_of(there.X)
    device = DevicePartition(place, there, layout, output, scales)
    expected = penalised(CrossEntropyObjective(local), 2.0)
    objective = penalised(CrossEntropyObjective(device), 2.0)
    drawn = initial_parameters(np.random.RandomState(0), layout, scales)
    theta = 2 * expected.from_parameters(drawn)
    cost, gradient = expected.value_and_gradient(theta)
    found = objective.value_and_gradient(theta)
    limit = 1e-12 if dtype == "float64" else 1e-5
    # What 1e6 deviations of a mean cost, in both.
    limit *= 1e4 if off_centre and dtype == "float64" else 1
    assert found[0] == pytest.approx(cost, rel=limit)
    assert gap(found[1], gradient) < limit
    assert objective.value(theta) == pytest.approx(cost, rel=limit)
    rng = [np.random.RandomState(0), np.random.RandomState(0)]
    batches = zip(
        expected.batches(150, rng[0]), objective.batches(150, rng[1]), strict=True
    )
    for one, other in batches:
        cost, gradient = expected.batch_value_and_gradient(theta, one)
        found = objective.batch_value_and_gradient(theta, other)
        assert found[0] == pytest.approx(cost, rel=limit)
        assert gap(found[1], gradient) < limit
    there, ends = moments_and_extremes(place, there.X, weight)
    assert there.total == moments.total
    np.testing.assert_allclose(there.mean, moments.mean, rtol=1e-13)
    np.testing.assert_allclose(there.deviation, moments.deviation, rtol=1e-9)
    np.testing.assert_array_equal(ends, extremes(X))


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"alpha": 1.0, "class_weight": "balanced"},
        {"alpha": 1.0, "early_stopping": True},
        {"alpha": 1.0, "n_init": 2, "committee": True},
        {"solver": "gd", "alpha": 1.0, "momentum": 0.5},
        {"solver": "adam"},
        {"alpha": "evidence"},
        {"alpha": "ard"},
    ],
    ids=str,
)
def test_a_fit_is_that_of_numpy(xp, problem, options):
    X, y = make_data(problem)
    weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    model = quick(**{"alpha": "auto", "max_iter": 15} | options)
    expected = clone(model).fit(X, y, weight)
    A, b, w = xp.asarray(X), xp.asarray(y), xp.asarray(weight)
    model.fit(A, b, w)
    assert model.n_iter_ == expected.n_iter_
    assert model.loss_ == pytest.approx(expected.loss_, rel=1e-10)
    for name, value in vars(expected).items():
        if isinstance(value, np.ndarray):
            found = getattr(model, name)
            assert type(found) is type(A)
            assert found.device == A.device
            np.testing.assert_allclose(to_numpy(found), value, rtol=1e-7, atol=1e-9)
    for name in METHODS:
        found = getattr(model, name)(A)
        assert type(found) is type(A)
        value = getattr(expected, name)(X)
        np.testing.assert_allclose(to_numpy(found), value, rtol=1e-8, atol=1e-10)
    assert model.score(A, b, w) == pytest.approx(expected.score(X, y, weight))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_predictions_are_those_of_numpy(xp, problem, dtype, monkeypatch):
    monkeypatch.setattr("sk_twolayer._engine.on_device.CPU_BYTES", 2**12)
    X, y = make_data(problem, dtype=dtype)
    model = quick(max_iter=30).fit(X, y)
    A = xp.asarray(X)
    place = place_of(A)
    with pytest.raises(ValueError, match="must use the same namespace"):
        model.predict(A)
    from sklearn.utils._array_api import move_estimator_to

    moved = move_estimator_to(model, place.xp, place.device)
    limit = 1e-12 if dtype == "float64" else 1e-5
    for name in METHODS:
        found, expected = getattr(moved, name)(A), getattr(model, name)(X)
        assert str(found.dtype).endswith(str(expected.dtype))
        assert gap(to_numpy(found), expected) < limit
    with pytest.raises(ValueError, match="must use the same namespace"):
        moved.predict(X)
    np.testing.assert_array_equal(as_numpy(moved).predict(X), model.predict(X))


def test_certain_probabilities_are_finite(xp):
    X, y = make_data("two classes")
    model = quick(max_iter=5).fit(xp.asarray(X), xp.asarray(y))
    far = xp.asarray(np.full((2, 6), 1e9))
    model.W2_ = model.W2_ * 1e6
    assert np.isfinite(to_numpy(model.predict_log_proba(far))).all()
    np.testing.assert_allclose(to_numpy(model.predict_proba(far)).sum(axis=1), 1)


@pytest.mark.parametrize("options", [{}, {"alpha": 1.0}, {"solver": "adam"}])
def test_what_is_sent_and_fetched(xp, options, monkeypatch):
    X, y = make_data("two classes", n=5000)
    sent, fetched, evaluations = [], [], []

    def counted(method, sizes):
        def call(self, A):
            sizes.append(int(np.prod(A.shape)))
            return method(self, A)

        return call

    monkeypatch.setattr(Device, "send", counted(Device.send, sent))
    monkeypatch.setattr(Device, "fetch", counted(Device.fetch, fetched))

    def checked(method):
        def evaluate(self, *arguments):
            before = len(sent), len(fetched)
            found = method(self, *arguments)
            size = self.folding.layout.size
            assert sent[before[0] :] == [size]
            assert fetched[before[1] :] in ([1], [1 + size])
            evaluations.append(1)
            return found

        return evaluate

    for name in ("cost", "cost_and_gradient", "batch_cost_and_gradient"):
        method = getattr(DevicePartition, name)
        monkeypatch.setattr(DevicePartition, name, checked(method))
    quick(**{"alpha": "auto", "max_iter": 10} | options).fit(
        xp.asarray(X), xp.asarray(y)
    )
    assert len(evaluations) > 10
    # Of X only the rows of the search.
    assert max(fetched) < X.size / 2
    assert max(sent) <= len(X)


def test_search_of_many_samples_sees_the_same_few(xp):
    X, y = make_data("four classes", n=6000, m=4)
    expected = quick(alpha="auto", max_iter=5).fit(X, y)
    model = quick(alpha="auto", max_iter=5).fit(xp.asarray(X), xp.asarray(y))
    np.testing.assert_allclose(to_numpy(model.alpha_), expected.alpha_, rtol=1e-6)
    assert model.cv_loss_curve_ == pytest.approx(expected.cv_loss_curve_, rel=1e-9)


def test_validation_samples_and_going_on(xp):
    X, y = make_data("two classes")
    A, b = xp.asarray(X), xp.asarray(y)
    options = {"early_stopping": True, "max_iter": 20}
    expected = quick(**options).fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    model = quick(**options).fit(A[:300, :], b[:300], X_val=A[300:, :], y_val=b[300:])
    assert model.validation_loss_curve_ == pytest.approx(
        expected.validation_loss_curve_, rel=1e-10
    )
    warm = quick(warm_start=True, max_iter=5)
    expected = clone(warm).fit(X, y).fit(X, y)
    warm.fit(A, b).fit(A, b)
    assert warm.loss_ == pytest.approx(expected.loss_, rel=1e-10)
    stream = quick(solver="adam", batch_size=50)
    expected = clone(stream).partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
    stream.partial_fit(A, b, classes=xp.asarray([0, 1])).partial_fit(A, b)
    assert type(stream.W1_) is type(A)
    assert stream.loss_ == pytest.approx(expected.loss_, rel=1e-10)


def test_constraints_and_intervals(xp):
    X, y = make_data("two classes")
    A = xp.asarray(X)
    options = {"monotonic_cst": [0, 1, 0, 0, 0, 0], "max_iter": 20}
    expected = quick(**options).fit(X, y)
    model = quick(**options).fit(A, xp.asarray(y))
    assert gap(to_numpy(model.W1_), expected.W1_) < 1e-7
    both = zip(model.predict_interval(A), expected.predict_interval(X), strict=True)
    for found, value in both:
        assert type(found) is type(A)
        np.testing.assert_allclose(to_numpy(found), value, atol=1e-5)


def test_labels_of_another_library_than_X(xp):
    X, y = make_data("four classes")
    A = xp.asarray(X)
    names = np.array(["north", "east", "south", "west"])[y]
    model = quick(max_iter=9).fit(A, names)
    expected = quick(max_iter=9).fit(X, names)
    assert model.classes_.dtype.kind == "U"
    np.testing.assert_array_equal(model.predict(A), expected.predict(X))
    assert model.score(A, names) == expected.score(X, names)
    model.fit(A, y)
    assert type(model.classes_) is np.ndarray
    assert type(model.predict(A)) is type(A)
    other = quick(max_iter=9).fit(X, xp.asarray(y))
    assert type(other.classes_) is type(A)
    assert type(other.W1_) is type(other.predict(X)) is np.ndarray
    labels = quick(max_iter=9).fit(X, y).predict(X)
    np.testing.assert_array_equal(other.predict(X), labels)
    of_csr = quick(max_iter=9).fit(sparse.csr_array(X), xp.asarray(y))
    assert type(of_csr.W1_) is np.ndarray


def test_what_else_a_model_does(xp):
    X, y = make_data("two classes")
    A, b = xp.asarray(X), xp.asarray(y)
    model, expected = quick(alpha="auto").fit(A, b), quick(alpha="auto").fit(X, y)
    for found in (as_numpy(model), pickle.loads(pickle.dumps(as_numpy(model)))):
        np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X))
        assert all(type(cost) is float for cost in found.loss_curve_)
    np.testing.assert_allclose(
        model.feature_importances_, expected.feature_importances_, rtol=1e-6
    )
    assert model.n_hidden_ == 4
    assert type(model.coefs_[0]) is type(model.intercepts_[0]) is type(A)
    assert inspection.gradient_check(model, A[:9, :], b[:9]).passed
    np.testing.assert_allclose(
        model.to_mlp().predict_proba(X), expected.predict_proba(X), atol=1e-8
    )
    np.testing.assert_allclose(
        to_numpy(model.input_gradient(A)), expected.input_gradient(X), atol=1e-8
    )
    recorder = inspection.Recorder()
    quick(max_iter=3).set_callbacks(recorder).fit(A, b)
    assert type(recorder.frames[0].W1) is np.ndarray
    with sklearn.config_context(array_api_dispatch=False):
        assert type(model.predict(X)) is np.ndarray


def test_evidence_gives_deviations(xp):
    X, y = make_data("four classes")
    A = xp.asarray(X)
    model = quick(alpha="evidence", max_iter=40).fit(A, xp.asarray(y))
    expected = quick(alpha="evidence", max_iter=40).fit(X, y)
    found = model.decision_function(A, return_std=True)
    for one, other in zip(found, expected.decision_function(X, True), strict=True):
        assert type(one) is type(A)
        np.testing.assert_allclose(to_numpy(one), other, rtol=1e-5, atol=1e-7)


def test_bad_input(xp):
    X, y = make_data("two classes")
    A, b = xp.asarray(X), xp.asarray(y)
    with pytest.raises(NotFittedError):
        quick().predict(A)
    model = quick(max_iter=5).fit(A, b)
    before = dict(vars(model))
    bad = np.array(X)
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(xp.asarray(bad), b)
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(xp.asarray(bad))
    with pytest.raises(ValueError, match="features"):
        model.predict(A[:, :3])
    with pytest.raises(ValueError, match=r"no sample with a weight|non-zero"):
        model.fit(A, b, xp.asarray(np.zeros(len(X))))
    assert all(vars(model)[name] is value for name, value in before.items())


def test_tensors_that_are_sparse_or_read_only():
    torch = pytest.importorskip("torch")
    X, y = make_data("two classes")
    A = torch.asarray(X)
    with pytest.raises(ValueError, match=r"layout torch.sparse_coo .*to_dense"):
        quick().fit(A.to_sparse(), y)
    weight = np.ones(len(X))
    weight[0] = 2
    weight.setflags(write=False)
    quick(max_iter=3).fit(A, y, weight)


# PyTorch's, of how scikit-learn calls it.
@pytest.mark.filterwarnings("ignore:torch.asarray. unspecified requires_grad")
@pytest.mark.parametrize("options", [{}, {"alpha": "auto"}, {"solver": "adam"}])
def test_tensors_that_require_grad(options):
    """`fit` has no gradient to give; predictions have theirs where torch makes them."""
    torch = pytest.importorskip("torch")
    X, y = make_data("two classes")
    A, b, w = torch.asarray(X), torch.asarray(y), torch.ones(len(y))
    tracked = A.clone().requires_grad_()
    model = quick(max_iter=3, **options).fit(A, b)
    before = dict(vars(model))
    data = {"X": A, "y": b, "sample_weight": w}
    for name, values in data.items():
        wrong = {name: (1.0 * values).requires_grad_()}
        with pytest.raises(ValueError, match=r"requires grad .*detach"):
            model.fit(**data | wrong)
        with (
            sklearn.config_context(array_api_dispatch=False),
            pytest.raises(ValueError, match=r"requires grad .*detach"),
        ):
            model.fit(**data | wrong)
    assert all(vars(model)[name] is value for name, value in before.items())
    with pytest.raises(ValueError, match=r"requires grad .*detach"):
        model.input_gradient(tracked)
    model.predict_proba(tracked)[:, 1].sum().backward()
    expected = to_numpy(model.input_gradient(A))
    np.testing.assert_allclose(to_numpy(tracked.grad), expected, atol=1e-9)


def test_searches_and_pipelines():
    torch = pytest.importorskip("torch")
    X, y = load_breast_cancer(return_X_y=True)
    A, b = torch.asarray(X), torch.asarray(y)
    model = make_pipeline(StandardScaler(), quick(max_iter=10))
    expected = cross_val_score(model, X, y, cv=3, scoring="neg_log_loss")
    found = cross_val_score(model, A, b, cv=3, scoring="neg_log_loss")
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert inspection.trace(model.fit(A, b), A[:5], b[:5])["X"].values.shape == (30, 5)


def test_no_library_is_imported():
    code = (
        "import sys, numpy as np, sklearn\n"
        "from sk_twolayer import TwoLayerSigmoidClassifier\n"
        "sklearn.set_config(array_api_dispatch=True)\n"
        "X = np.random.default_rng(0).normal(size=(30, 2))\n"
        "model = TwoLayerSigmoidClassifier(2, random_state=0).fit(X, X[:, 0] > 0)\n"
        "assert type(model.predict(X)) is np.ndarray\n"
        "assert not {'torch', 'cupy', 'array_api_strict'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def checks(estimator):
    for check in estimator_checks._yield_array_api_checks(estimator):
        yield pytest.param(estimator, check, id=f"{estimator}-{check.keywords}")
    for namespace, device in (("torch", "cpu"), ("array_api_strict", "CPU_DEVICE")):
        for weighted in (False, True):
            options = {"check_sample_weight": weighted, "check_values": True}
            place = {"array_namespace": namespace, "device_name": device}
            yield pytest.param(
                estimator,
                lambda name, estimator, options=options, place=place: (
                    estimator_checks.check_array_api_input(
                        name, estimator, dtype_name="float64", **options, **place
                    )
                ),
                id=f"{estimator}-values-{namespace}-{weighted}",
            )


@pytest.mark.parametrize(
    "estimator, check",
    [
        case
        for options in (
            {},
            {"alpha": 1.0},
            {"alpha": "evidence"},
            {"solver": "adam"},
        )
        for case in checks(TwoLayerSigmoidClassifier(2, random_state=0, **options))
    ],
)
def test_checks_of_scikit_learn(estimator, check):
    assert estimator.__sklearn_tags__().array_api_support
    keywords = getattr(check, "keywords", {})
    if "cuda" in str(keywords):
        # scikit-learn asks only whether PyTorch was built for it.
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no GPU")
    with sklearn.config_context(array_api_dispatch=False):
        try:
            check(type(estimator).__name__, estimator)
        except unittest.SkipTest as reason:
            pytest.skip(str(reason))
