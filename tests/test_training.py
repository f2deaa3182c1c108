"""Solvers, batches, early stopping, starts, partial_fit and Ctrl-C."""

import re
import threading
import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from sk_twolayer import _training, network
from sk_twolayer._engine import threads as _threads
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._solvers import (
    COST_UNIT,
    GRADIENT_UNIT,
    Adam,
    Momentum,
    full_batch,
    lbfgs,
    mini_batch,
)
from tests.helpers import before_each_block, interrupt_at, make_objective, quick

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def weights(model):
    return np.concatenate([np.ravel(c) for c in (*model.coefs_, *model.intercepts_)])


def test_momentum_is_polyaks():
    theta, optimizer = np.array([1.0, -2.0]), Momentum(0.1, 0.5)
    step = np.zeros(2)
    expected = theta.copy()
    for gradient in np.random.default_rng(0).normal(size=(5, 2)):
        step = 0.5 * step - 0.1 * gradient
        expected = expected + step
        optimizer.update(theta, gradient)
    np.testing.assert_allclose(theta, expected, rtol=1e-14)


def test_adam_is_kingma_and_bas_algorithm():
    theta, optimizer = np.array([1.0, -2.0, 3.0]), Adam(0.01)
    expected, first, second = theta.copy(), np.zeros(3), np.zeros(3)
    gradients = np.random.default_rng(0).normal(size=(20, 3)) * [1, 1e-3, 1e3]
    for t, g in enumerate(gradients, start=1):
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g**2
        corrected = first / (1 - 0.9**t), second / (1 - 0.999**t)
        expected = expected - 0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
        optimizer.update(theta, g)
    np.testing.assert_allclose(theta, expected, rtol=1e-12)


def test_batches_of_gd_are_the_equations(data):
    """One epoch by hand, in the order that the random state gives."""
    X, y = data
    start = quick(max_iter=1).fit(X, y)
    model = quick(
        solver="gd", batch_size=100, learning_rate=0.2, max_iter=1, alpha=2.0
    ).fit(X, y, coef_init=start.coefs_, intercept_init=start.intercepts_)
    rng = np.random.RandomState(0)
    m, k = X.shape[1], 4
    for size in (k * m, k, k):  # the start that `fit` draws and does not use
        rng.uniform(size=size)
    order = np.random.RandomState(rng.randint(2**31 - 1)).permutation(len(X))
    parameters = network.Parameters(start.W1_, start.b1_, start.W2_, start.b2_)
    for first in range(0, len(X), 100):
        rows = order[first : first + 100]
        activations = network.forward(X[rows].T, *parameters)
        g = network.backward(X[rows].T, y[None, rows], parameters.W2, activations)
        g = g._replace(
            dW1=g.dW1 + 2 / len(X) * parameters.W1,
            dW2=g.dW2 + 2 / len(X) * parameters.W2,
        )
        parameters = network.gradient_descent_step(parameters, g, 0.2)
    np.testing.assert_allclose(model.W1_, parameters.W1, rtol=1e-9)
    np.testing.assert_allclose(model.b2_, parameters.b2, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_step_of_adam_allocates_no_arrays(dtype):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(4000, 30)).astype(dtype)
    y = rng.randint(0, 2, 4000).astype(np.int8)
    objective = make_objective(
        X,
        y,
        64,
        1,
        choose_output("logistic", 1),
        standardisation=Standardisation(np.zeros(30), np.ones(30)),
    )
    theta, optimizer = rng.normal(size=objective.size), Adam(1e-3)
    batches = list(objective.batches(200, rng))
    for batch in batches[:2]:
        optimizer.update(theta, objective.batch_value_and_gradient(theta, batch)[1])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for batch in batches[2:]:
        optimizer.update(theta, objective.batch_value_and_gradient(theta, batch)[1])
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    # T has 200 x 64 numbers, theta 2049. What is left are views and, for float32,
    # the buffer in which NumPy casts the sum of a gradient.
    assert peak < (4_000 if dtype == np.float64 else 20_000)


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "gd"])
def test_early_stopping_returns_the_best_validated_weights(data, solver):
    X, y = data
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(len(y)) < 0.2, 1 - y, y)
    model = quick(
        n_hidden=32,
        solver=solver,
        alpha=0,
        early_stopping=True,
        validation_fraction=0.3,
        learning_rate=5.0 if solver == "gd" else "auto" if solver != "adam" else 0.02,
        batch_size=50 if solver == "adam" else "auto",
        max_iter=400,
    ).fit(X, noisy)
    curve = model.validation_loss_curve_
    assert len(curve) == model.n_iter_ + 1 == len(model.loss_curve_)
    assert model.n_iter_ < 400
    # The curve turned up again before training stopped.
    assert np.argmin(curve) < len(curve) - 1
    assert curve[-1] > min(curve)
    from sklearn.model_selection import train_test_split

    # The same split, and on it the cross-entropy of the returned weights.
    _, X_held, _, y_held = train_test_split(
        X, noisy, test_size=0.3, stratify=noisy, random_state=np.random.RandomState(0)
    )
    held = log_loss(y_held, model.predict_proba(X_held))
    assert held == pytest.approx(min(curve), rel=1e-9)


def test_early_stopping_with_sample_weights_and_multilabel(data):
    X, y = data
    Y = np.column_stack([y, X[:, 0] > 0])
    model = quick(early_stopping=True).fit(X, Y, sample_weight=np.ones(len(X)))
    assert len(model.validation_loss_curve_) == model.n_iter_ + 1
    plain = quick().fit(X, y)
    assert not hasattr(plain, "validation_loss_curve_")
    model.set_params(early_stopping=False).fit(X, Y)
    assert not hasattr(model, "validation_loss_curve_")


def test_too_few_samples_to_split_is_a_clear_error(data):
    X, y = data
    with pytest.raises(ValueError, match=r"validation_fraction=0\.1 can't split"):
        quick(early_stopping=True).fit(X[14:24], y[14:24])


def test_several_starts_keep_the_best(data):
    X, y = data
    # A seed whose first start is not the best of five.
    options = {"max_iter": 15, "alpha": 0.01, "random_state": 1}
    one, five = quick(**options).fit(X, y), quick(**options, n_init=5).fit(X, y)
    assert five.loss_ < one.loss_
    again = quick(**options, n_init=5).fit(X, y)
    np.testing.assert_array_equal(again.W1_, five.W1_)


@pytest.mark.parametrize("alpha", [1.0, "evidence"])
def test_starts_in_threads_give_the_same(data, monkeypatch, alpha):
    """Also a committee, which the evidence makes of them."""
    X, y = data
    options = {"max_iter": 15, "n_init": 4, "alpha": alpha}
    original, threads = _training._run, set()

    def run(*arguments):
        threads.add(threading.current_thread())
        return original(*arguments)

    monkeypatch.setattr(_training, "_run", run)
    found = []
    for pays, n_jobs in [(True, 2), (False, 2), (True, 1)]:
        monkeypatch.setattr(_threads, "fits_in_threads", lambda work, pays=pays: pays)
        threads.clear()
        found.append(quick(**options, n_jobs=n_jobs).fit(X, y))
        assert (threads == {threading.main_thread()}) == (not pays or n_jobs == 1)
    expected = found.pop()
    for model in found:
        np.testing.assert_array_equal(model.W1_, expected.W1_)
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("solver", ["lbfgs", "gd", "adam"])
def test_warm_start_goes_on(data, solver):
    X, y = data
    model = quick(solver=solver, max_iter=5, warm_start=True).fit(X, y)
    first = model.loss_curve_
    model.fit(X, y)
    assert model.loss_curve_[0] == pytest.approx(
        first[-1], rel=1e-9 if solver != "adam" else 0.2
    )
    assert model.loss_ < first[-1]


def test_warm_start_refuses_another_shape_or_other_classes(data):
    X, y = data
    model = quick(warm_start=True, max_iter=5).fit(X, y)
    before = model.W1_
    with pytest.raises(ValueError, match=r"W1 has shape \(4, 30\), but n_hidden=5"):
        model.set_params(n_hidden=5).fit(X, y)
    model.set_params(n_hidden=4)
    with pytest.raises(ValueError, match=r"W1 has shape.*7 features"):
        model.fit(X[:, :7], y)
    with pytest.raises(ValueError, match="warm_start=True needs the classes"):
        model.fit(X, y + 1)
    assert model.W1_ is before
    assert model.n_features_in_ == 30


def test_a_fit_is_reproducible_from_given_weights(data):
    X, y = data
    given = quick(max_iter=5, random_state=3).fit(X, y)
    initial = {"coef_init": given.coefs_, "intercept_init": given.intercepts_}
    one = quick(max_iter=5, random_state=1).fit(X, y, **initial)
    two = quick(max_iter=5, random_state=2).fit(X, y, **initial)
    np.testing.assert_array_equal(weights(one), weights(two))
    assert one.loss_curve_[0] == pytest.approx(given.loss_, rel=1e-12)


def test_bad_initial_weights_are_named(data):
    X, y = data
    good = quick(max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="give both"):
        quick().fit(X, y, coef_init=good.coefs_)
    with pytest.raises(ValueError, match=r"W1 has shape \(5, 30\)"):
        quick().fit(
            X,
            y,
            coef_init=[np.zeros((30, 5)), good.coefs_[1]],
            intercept_init=good.intercepts_,
        )
    with pytest.raises(ValueError, match="b2 has NaN"):
        quick().fit(
            X,
            y,
            coef_init=good.coefs_,
            intercept_init=[good.intercepts_[0], [np.nan]],
        )


@pytest.mark.parametrize("solver", ["gd", "adam"])
@pytest.mark.parametrize("loader", [load_breast_cancer, load_iris])
def test_partial_fit_learns_out_of_core(loader, solver):
    X, y = loader(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    names = np.array(["c", "a", "b"])[y]
    model = quick(
        n_hidden=8, solver=solver, learning_rate=0.02, batch_size=10, momentum=0.9
    )
    order = np.argsort(y, kind="stable")  # the first chunk has one class only
    for epoch in range(60):
        if epoch:
            order = np.random.default_rng(epoch).permutation(len(y))
        for first in range(0, len(y), 50):
            rows = order[first : first + 50]
            model.partial_fit(X[rows], names[rows], classes=np.unique(names)[::-1])
    assert model.score(X, names) > 0.93
    assert list(model.classes_) == sorted(set(names))
    assert model.n_iter_ == len(model.loss_curve_) > 60


def test_partial_fit_checks_its_input(data):
    X, y = data
    model = quick(solver="adam")
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    assert not hasattr(model, "n_features_in_")
    model.partial_fit(X, y, classes=[0, 1])
    before = dict(vars(model))
    with pytest.raises(ValueError, match=r"not in classes=.*\[2\]"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="not the same as on the last call"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :5], y)
    with pytest.raises(ValueError, match="'balanced' is not supported"):
        clone(model).set_params(class_weight="balanced").partial_fit(X, y, [0, 1])
    with pytest.raises(ValueError, match="early_stopping"):
        clone(model).set_params(early_stopping=True).partial_fit(X, y, [0, 1])
    with pytest.raises(ValueError, match="fewer than two classes"):
        clone(model).partial_fit(X, np.zeros(len(X)), classes=[0])
    assert vars(model) == before
    assert not hasattr(quick(), "partial_fit")
    with pytest.raises(AttributeError) as error:
        quick().partial_fit(X, y)
    assert "solver='gd' or solver='adam'" in str(error.value.__cause__)


def test_partial_fit_of_labels(data):
    X, y = data
    Y = np.column_stack([y, X[:, 0] > 0])
    model = quick(solver="adam", learning_rate=0.05)
    for _ in range(30):
        model.partial_fit(X, Y, classes=[0, 1])
    assert model.predict(X).shape == Y.shape
    assert (model.predict(X) == Y).mean() > 0.9
    with pytest.raises(ValueError, match="columns"):
        model.partial_fit(X, np.column_stack([Y, y]))


@pytest.mark.parametrize("solver", ["lbfgs", "gd", "adam"])
def test_verbose_prints_one_aligned_line_an_iteration(data, solver, capsys):
    X, y = data
    quick(solver=solver, max_iter=3, verbose=True, early_stopping=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    pattern = (
        rf"\[{solver}\] iteration +\d+  cost +[\d.]+  gradient +(nan|[\d.e+-]+)"
        r"  validation +[\d.]+  +[\d.]+ s"
    )
    assert all(re.fullmatch(pattern, line) for line in lines)
    assert len({len(line) for line in lines}) == 1
    quick(max_iter=3).fit(X, y)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("solver", ["lbfgs", "gd", "adam"])
def test_ctrl_c_keeps_the_best_weights(data, solver, monkeypatch):
    X, y = data
    interrupt_at(monkeypatch, 20)
    model = quick(solver=solver, learning_rate=0.05)
    with pytest.warns(ConvergenceWarning, match="interrupted after"):
        model.fit(X, y)
    assert model.loss_ < model.loss_curve_[0]
    assert model.score(X, y) > 0.6
    assert 0 < model.n_iter_ < 20


def test_ctrl_c_before_the_first_iteration_is_passed_on(data, monkeypatch):
    X, y = data
    model = quick(max_iter=5).fit(X, y)
    before = dict(vars(model))

    def interrupt():
        raise KeyboardInterrupt

    before_each_block(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert vars(model) == before


def test_diverging_descent_is_an_error_that_names_the_rate(data):
    X, y = data
    for solver in ("gd", "adam"):
        model = quick(solver=solver, learning_rate=1e200, alpha=1e3)
        with pytest.raises(ValueError, match="lower learning_rate=1e"):
            model.fit(X, y)
        with pytest.raises(ValueError, match="lower learning_rate=1e"):
            for _ in range(5):
                model.partial_fit(X, y, [0, 1])


def test_reports_follow_lbfgs_accepted_points(data):
    """The gradient printed is that at the point whose cost is printed."""
    X, y = data
    seen = []

    def report(theta, cost, steepest):
        seen.append((theta.copy(), cost, steepest))
        return False

    objective = make_objective(
        X, y.astype(np.int8), 4, 1, choose_output("logistic", 1), alpha=1.0
    )
    start = np.random.default_rng(0).normal(size=objective.size)
    tol = 1e-5
    solution = lbfgs(objective, start, max_iter=30, tol=tol, report=report)
    assert [cost for _, cost, _ in seen] == solution.history
    for theta, cost, steepest in seen:
        value, gradient = objective.value_and_gradient(theta)
        # As far as L-BFGS rounds them.
        assert value == pytest.approx(cost, rel=0, abs=tol**2 * COST_UNIT)
        largest = np.abs(gradient).max()
        assert largest == pytest.approx(steepest, rel=0, abs=tol * GRADIENT_UNIT)
    assert np.all(np.diff(solution.history) < 0)


def test_mini_batch_visits_every_sample_once_an_epoch(data):
    X, y = data
    objective = make_objective(X, y.astype(np.int8), 4, 1, choose_output("logistic", 1))
    rows = []

    class Recorder:
        def update(self, theta, gradient):
            pass

    original = objective.batch_value_and_gradient

    def spy(theta, batch):
        rows.append(batch[0].X[:, :-1].copy())
        return original(theta, batch)

    objective.batch_value_and_gradient = spy
    mini_batch(
        objective,
        np.zeros(objective.size),
        Recorder(),
        batch_size=100,
        rng=np.random.RandomState(0),
        max_iter=1,
        report=lambda *_: False,
    )
    assert [len(r) for r in rows] == [100] * 5 + [69]
    seen = np.vstack(rows)
    np.testing.assert_array_equal(seen[np.lexsort(seen.T)], X[np.lexsort(X.T)])


class Bowl:
    """|theta - 1|^2 / 2, an objective whose descent can be done by hand."""

    resolution = 1e-16
    bounds = None

    def value(self, theta):
        return 0.5 * float(np.sum((theta - 1) ** 2))

    def value_and_gradient(self, theta):
        return self.value(theta), theta - 1

    def batches(self, batch_size, rng):
        yield from [("a", 0.25), ("b", 0.75)]

    def batch_value_and_gradient(self, theta, batch):
        return self.value(theta), theta - 1


def never(theta, cost, steepest):
    return False


def after(calls):
    """A report that asks to stop at its n-th call."""
    count = iter(range(1, 10**6))
    return lambda *_: next(count) == calls


def test_lbfgs_says_how_it_ended():
    start = np.array([3.0, -4.0])
    done = lbfgs(Bowl(), start, max_iter=50, tol=1e-8, report=never)
    assert done.converged is True
    np.testing.assert_allclose(done.theta, 1, atol=1e-8)
    assert done.history[0] == pytest.approx(Bowl().value(start), rel=1e-12)
    assert lbfgs(Bowl(), start, max_iter=1, tol=1e-8, report=never).converged is False
    stopped = lbfgs(Bowl(), start, max_iter=50, tol=0, report=after(2))
    assert stopped.converged is True and len(stopped.history) == 2
    already = lbfgs(Bowl(), np.ones(2), max_iter=50, tol=1e-8, report=never)
    assert already.history == [0.0] and already.converged


def test_full_batch_says_how_it_ended():
    start = np.array([3])
    done = full_batch(Bowl(), start, Momentum(0.5), max_iter=3, tol=1e-9, report=never)
    assert done.history == [2.0, 0.5, 0.125, 0.03125]
    assert done.converged is False and done.theta == [1.25]
    assert start == [3.0]
    exact = full_batch(Bowl(), start, Momentum(1.0), max_iter=9, tol=0, report=never)
    assert exact.converged is True and len(exact.history) == 2
    near = full_batch(Bowl(), start, Momentum(0.5), max_iter=9, tol=0.5, report=never)
    assert near.converged is True and len(near.history) == 3
    stopped = full_batch(
        Bowl(), start, Momentum(0.5), max_iter=9, tol=0, report=after(3)
    )
    assert stopped.converged is True and len(stopped.history) == 3


def test_mini_batch_says_how_it_ended():
    seen = []

    def report(theta, cost, steepest):
        seen.append((cost, steepest))
        return len(seen) == 3

    options = {"batch_size": 1, "rng": None}
    start = np.array([3])
    done = mini_batch(
        Bowl(), start, Momentum(0.5), max_iter=9, report=report, **options
    )
    # Two steps an epoch, from 3 to 2 to 1.5; the costs are weighted by the shares.
    assert done.history[:2] == [2.0, 0.25 * 2 + 0.75 * 0.5]
    assert seen[0][0] == 2.0 and np.isnan(seen[0][1]) and seen[1][1] == 1.0
    assert done.converged is True and len(done.history) == 3
    assert done.theta == [1.125]
    short = mini_batch(
        Bowl(), start, Momentum(0.5), max_iter=2, report=never, **options
    )
    assert short.converged is False and len(short.history) == 3


def test_an_objective_has_no_penalty_unless_asked(data):
    X, y = data
    arguments = (X, y.astype(np.int8), 4, 1, choose_output("logistic", 1))
    theta = np.random.default_rng(0).normal(size=make_objective(*arguments).size)
    plain = make_objective(*arguments).value(theta)
    assert plain == make_objective(*arguments, alpha=0.0).value(theta)
    assert plain < make_objective(*arguments, alpha=1.0).value(theta)


def test_alpha_shrinks_the_weights(data):
    sizes = [
        np.abs(weights(quick(alpha=a).fit(*data))[:124]).sum() for a in (0.1, 1, 10)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_n_iter_no_change_of_infinity_goes_on(data):
    options = {"solver": "adam", "tol": 1e9, "max_iter": 8}
    assert quick(**options, n_iter_no_change=3).fit(*data).n_iter_ == 3
    assert quick(**options, n_iter_no_change=np.inf).fit(*data).n_iter_ == 8
    with pytest.raises(ValueError, match="'n_iter_no_change' parameter"):
        quick(n_iter_no_change=2.5).fit(*data)


def test_early_stopping_takes_names_of_classes_and_features(data, recwarn):
    import pandas as pd

    X, y = data
    frame = pd.DataFrame(X).rename(columns=str)
    names = np.array(["malignant", "benign"], dtype=object)[y]
    model = quick(early_stopping=True).fit(frame, names)
    assert model.score(frame, names) > 0.9
    assert not [w for w in recwarn if "feature names" in str(w.message)]


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_warm_start_with_early_stopping_begins_new_curves(data, solver):
    model = quick(solver=solver, early_stopping=True, warm_start=True, max_iter=6)
    for _ in range(2):
        model.fit(*data)
        assert len(model.validation_loss_curve_) == model.n_iter_ + 1 <= 7


def test_partial_fit_goes_on_after_fit(data):
    X, y = data
    model = quick(solver="adam", max_iter=30, learning_rate=0.01).fit(X, y)
    before = model.loss_
    for _ in range(20):
        model.partial_fit(X, y)
    assert model.loss_ < before


def test_classifier_dtypes(data):
    X, y = data
    both = [
        quick(max_iter=20).fit(X.astype(t), y).predict_proba(X.astype(t))
        for t in (np.float32, np.float64)
    ]
    assert [p.dtype for p in both] == [np.float32, np.float64]
    np.testing.assert_allclose(both[0], both[1], rtol=0, atol=5e-2)


def test_partial_fit_after_changes(data):
    """Another rate, solver or fit in between: the steps' state goes on or begins anew."""
    X, y = data
    model = quick(solver="adam", learning_rate=0.01)
    model.partial_fit(X, y, [0, 1]).partial_fit(X, y)
    before = model.W1_
    model.set_params(learning_rate=1e-12).partial_fit(X, y)
    np.testing.assert_allclose(model.W1_, before, rtol=0, atol=1e-9)
    model.set_params(solver="gd", momentum=0.5, learning_rate=0.1).partial_fit(X, y)
    model.partial_fit(X, y)
    model.set_params(n_hidden=7)
    with pytest.raises(ValueError, match="n_hidden=7, but the network so far has 4"):
        model.partial_fit(X, y)
    model.set_params(solver="adam", max_iter=5).fit(X, y).partial_fit(X, y)
    assert model.W1_.shape == (7, 30)


def test_a_failed_partial_fit_leaves_the_steps_state(data):
    X, y = data
    model = quick(solver="adam", learning_rate=0.01).partial_fit(X, y, [0, 1])
    twin = quick(solver="adam", learning_rate=0.01).partial_fit(X, y, [0, 1])
    with pytest.raises(ValueError, match="non-finite"):
        model.set_params(learning_rate=1e300, alpha=1e10).partial_fit(X, y)
    model.set_params(learning_rate=0.01, alpha=1.0).partial_fit(X[:100], y[:100])
    twin.partial_fit(X[:100], y[:100])
    # Only the order of the batch may differ, since the failed call drew one too.
    np.testing.assert_allclose(model.W1_, twin.W1_, rtol=0, atol=1e-9)


def test_the_warning_points_at_the_callers_line(data):
    with pytest.warns(ConvergenceWarning, match="max_iter=2") as caught:
        quick(max_iter=2).fit(*data)
    assert caught[0].filename == __file__


def test_partial_fit_wants_the_kind_of_y_it_began_with(data):
    """Classes and labels have other outputs: neither can go on with the other's."""
    X, y = data
    Y = np.column_stack([y, 1 - y])
    for first, then in ((Y, y), (y, Y)):
        model = quick(solver="adam").partial_fit(X, first, [0, 1])
        before = model.W2_
        with pytest.raises(ValueError, match="y as in the first call"):
            model.partial_fit(X, then)
        assert model.W2_ is before


def test_partial_fit_goes_on_with_the_last_step(data):
    """With momentum the second call's step has a part of the first one's in it."""
    X, y = data
    options = {"solver": "gd", "learning_rate": 0.1}
    with_it = quick(**options, momentum=0.5).partial_fit(X, y, [0, 1])
    without = quick(**options).partial_fit(X, y, [0, 1])
    np.testing.assert_array_equal(with_it.W1_, without.W1_)
    start = without.W1_
    first_step = with_it._optimizer._step[: 30 * 4].reshape(30, 4).T
    with_it.partial_fit(X, y)
    without.partial_fit(X, y)
    expected = without.W1_ + 0.5 * first_step
    np.testing.assert_allclose(with_it.W1_, expected, rtol=0, atol=1e-12)
    assert np.abs(with_it.W1_ - start).max() > 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_descent_predicts_or_says_that_it_cannot():
    """W1, b1 and the means may be finite, and b1 + W1 mean, by which it predicts, not."""
    values, rng = [0, 1, -1, 0.5, 1e-300, 1e300, 1e200, 1e154], np.random.default_rng(0)
    refused = 0
    for seed in range(40):
        X, y = rng.choice(values, size=(26, 3)), rng.integers(0, 2, 26)
        model = quick(n_hidden=1, solver="gd", alpha="auto", max_iter=6)
        try:
            model.set_params(random_state=seed).fit(X, y)
        except ValueError as error:
            assert "ended in non-finite weights" in str(error)
            refused += 1
        else:
            assert np.isfinite(model.predict_proba(X)).all()
    assert refused


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_where_training_ends_follows_the_rarest_class(alpha):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(20_000, 5)), np.arange(20_000) < 20
    X[y] += 2.5
    X[:10] *= -1
    model = quick(n_hidden=10, alpha=alpha).fit(X, y)
    assert model.predict_proba(X)[:, 1].sum() == pytest.approx(20, rel=0.02)


def test_a_rare_class_that_is_not_held_out_is_named():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(2000, 3)), np.arange(2000) < 3
    with pytest.warns(UserWarning, match="holds out 200 samples, and of a rare class"):
        quick(early_stopping=True, max_iter=5).fit(X, y)


def test_a_warning_names_tol_as_it_was_given():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(2000, 3)), np.arange(2000) < 5
    with pytest.warns(ConvergenceWarning, match="below tol=1e-05"):
        quick(tol=1e-5, max_iter=1).fit(X, y)
