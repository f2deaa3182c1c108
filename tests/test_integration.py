"""Weights, metadata routing, callbacks and the HTML repr: the ways of scikit-learn."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.ensemble import AdaBoostClassifier
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

from sk_twolayer import TwoLayerSigmoidClassifier
from tests.helpers import quick

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
has_callbacks = parse_version(sklearn.__version__) >= parse_version("1.9")
SOLVERS = ["lbfgs", "gd", "adam"]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loader", [load_breast_cancer, load_iris])
def test_weight_0_is_leaving_out_and_2_is_repeating(solver, loader):
    X, y = loader(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    # One batch: "adam" and the weights then see the same samples in each step. So few
    # iterations that L-BFGS, not at its end yet, has not made rounding larger.
    options = {"solver": solver, "batch_size": 2000, "max_iter": 30, "tol": 1e-7}
    weighted = quick(**options).fit(X, y, sample_weight=weight)
    repeated = quick(**options).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=0, atol=1e-6
    )
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
def test_class_weight_multiplies_sample_weight(data, solver):
    X, y = data
    y = np.where(y == 1, "b", "a")
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    options = {"solver": solver, "max_iter": 20}
    product = weight * np.where(y == "a", 3.0, 0.5)
    by_class = quick(**options, class_weight={"a": 3.0, "b": 0.5})
    by_class.fit(X, y, sample_weight=weight)
    by_sample = quick(**options).fit(X, y, sample_weight=product)
    np.testing.assert_allclose(by_class.W1_, by_sample.W1_, rtol=1e-9, atol=1e-12)


def test_balanced_is_n_over_k_count(data):
    X, y = data
    counts = np.bincount(y)
    given = {c: len(y) / (2 * counts[c]) for c in (0, 1)}
    balanced = quick(class_weight="balanced").fit(X, y)
    expected = quick(class_weight=given).fit(X, y)
    np.testing.assert_allclose(balanced.W1_, expected.W1_, rtol=1e-9)
    Y = np.column_stack([y, 1 - y])
    quick(class_weight="balanced", max_iter=5).fit(X, Y)
    quick(class_weight=[given, given], max_iter=5).fit(X, Y)


def test_bad_class_weights(data):
    X, y = data
    with pytest.raises(ValueError, match="class_weight"):
        quick(class_weight={0: -1.0, 1: 1.0}).fit(X, y)
    with pytest.raises(ValueError, match="are not in class_weight"):
        quick(class_weight={7: 1.0}).fit(X, y)
    with pytest.raises(
        ValueError, match=r"no sample with a weight above 0|at least one non-zero"
    ):
        quick().fit(X, y, np.zeros(len(X)))


@pytest.mark.parametrize(
    "weight, message",
    [
        ([1.0, 2.0], "sample_weight.shape"),
        (np.full(569, np.nan), "NaN"),
        (np.full(569, np.inf), "infinity"),
        (np.full(569, -1.0), "[Nn]egative"),
    ],
)
def test_bad_sample_weights(data, weight, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(*data, sample_weight=weight)


@pytest.mark.parametrize("size", [1e-300, 1 / 569, 0.3, 3.5, 1e6 + 0.1])
@pytest.mark.parametrize("alpha", ["auto", "evidence"])
def test_equal_weights_that_are_no_counts_are_no_weights(data, size, alpha):
    X, y = data
    options = {"alpha": alpha, "tol": 1e-7}
    weighted = quick(**options).fit(X, y, np.full(len(X), size))
    expected = quick(**options).fit(X, y)
    if alpha == "evidence":
        log_evidence = pytest.approx(expected.log_evidence_, rel=1e-4)
        assert weighted.log_evidence_ == log_evidence
    probabilities = weighted.predict_proba(X), expected.predict_proba(X)
    np.testing.assert_allclose(*probabilities, atol=1e-3)


def test_weights_far_from_counts_sum_to_kishs_number(data):
    X, y = data
    weight = np.random.default_rng(0).exponential(size=len(X))
    weight[::7] = 0
    kish = weight.sum() ** 2 / (weight @ weight)
    expected = quick().fit(X, y, weight * kish / weight.sum())
    for size in (1 / weight.sum(), 1e-300, 1e6):
        found = quick().fit(X, y, weight * size)
        np.testing.assert_allclose(found.W1_, expected.W1_, rtol=1e-6, atol=1e-9)


def test_weights_near_counts_are_counts(data):
    """As in LogisticRegression, with which a split row says the same as a whole one."""
    X, y = data
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    model = quick().fit(X, y, weight)
    penalty = (np.sum(model.W1_**2) + np.sum(model.W2_**2)) / (2 * weight.sum())
    cost = log_loss(y, model.predict_proba(X), sample_weight=weight) + penalty
    assert model.loss_ == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize(
    "class_weight", [{0: 1 / 212, 1: 1 / 357}, {0: 0.1, 1: 0.2}, {0: 2, 1: 9}]
)
def test_counts_with_class_weights_are_repeated_rows(data, class_weight):
    X, y = data
    weight = np.random.default_rng(0).integers(0, 40, len(X))
    model = quick(class_weight=class_weight, tol=1e-7)
    repeated = clone(model).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    weighted = model.fit(X, y, weight)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-5)
    assert weighted.score(X, y) > 0.95


def test_counts_that_rounding_left_are_counts(data):
    X, y = data
    counts = np.full(len(X), 0.07 * 100)
    assert counts[0] != 7
    found = quick().fit(X, y, counts)
    expected = quick().fit(X, y, np.full(len(X), 7))
    np.testing.assert_allclose(found.W1_, expected.W1_, atol=1e-5)


def test_adaboost_works_out_of_the_box():
    X, y = load_iris(return_X_y=True)
    boosted = AdaBoostClassifier(
        TwoLayerSigmoidClassifier(random_state=0), n_estimators=5
    )
    assert boosted.fit(X, y).score(X, y) > 0.95


def test_a_surveys_weights_are_not_a_population_of_samples():
    """Of one in forty, drawn with unequal probabilities, weighted by their inverse."""
    X, y = make_classification(
        20_000, 12, n_informative=5, flip_y=0.1, class_sep=0.8, random_state=0
    )
    probability = np.exp(0.3 * (X[:, 0] - X[:, 1]))
    probability *= 500 / probability.sum()
    drawn = np.random.default_rng(0).random(len(X)) < probability
    weight = 1 / probability[drawn]
    model = TwoLayerSigmoidClassifier(random_state=0)
    loss = log_loss(y, model.fit(X[drawn], y[drawn], weight).predict_proba(X))
    message = r"497 samples count as 79027\..*_weight.sum"
    with pytest.warns(UserWarning, match=message) as caught:
        model.set_params(max_iter=200).fit(X[drawn], y[drawn], np.ceil(4 * weight))
    # It points at the line above, and not into scikit-learn.
    of_counts = [each for each in caught if "count as" in str(each.message)]
    assert [each.filename for each in of_counts] == [__file__]
    # The penalty is too weak for so many; what is left out has no copies, and limits that.
    assert loss < 0.95 * log_loss(y, model.predict_proba(X))


def test_partial_fit_takes_weights_for_counts_and_says_so(data):
    X, y = data
    model = quick(solver="adam")
    with pytest.warns(UserWarning, match="these 569 samples sum to 1. partial_fit"):
        model.partial_fit(X, y, [0, 1], np.full(len(X), 1 / len(X)))
    before = model.W1_
    model.partial_fit(X, y, sample_weight=np.full(len(X), 1 / len(X)))
    assert not np.array_equal(model.W1_, before)


def test_sample_weight_is_routed(data):
    X, y = data
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick(max_iter=30).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), model
        )
        pipeline.fit(X, y, sample_weight=weight)
        scaled = pipeline[0].transform(X)
        expected = quick(max_iter=30).fit(scaled, y, sample_weight=weight)
        np.testing.assert_array_equal(pipeline[-1].W1_, expected.W1_)
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        grid = {"twolayersigmoidclassifier__alpha": [1, 3]}
        search = GridSearchCV(pipeline, grid, scoring=scorer)
        search.fit(X, y, sample_weight=weight)
        plain = clone(search).fit(X, y, sample_weight=np.ones(len(X)))
        assert search.best_score_ != plain.best_score_
        result = cross_validate(
            pipeline, X, y, scoring=scorer, params={"sample_weight": weight}
        )
        assert len(result["test_score"]) == 5


def test_html_repr_links_to_the_docs(data):
    html = estimator_html_repr(quick().fit(*data))
    assert "TwoLayerSigmoidClassifier" in html and "n_hidden" in html
    assert "sk-twolayer.readthedocs.io" in html
    assert "#sk_twolayer.TwoLayerSigmoidClassifier" in html


@pytest.mark.skipif(not has_callbacks, reason="scikit-learn < 1.9 has no callbacks")
class TestCallbacks:
    def recorder(self, stop_after=None):
        class Recorder:
            """Counts hooks; asks to stop after some iterations."""

            max_propagation_depth = None

            def __init__(self):
                self.begun, self.ended, self.losses = [], [], []
                self.set_up = self.torn_down = 0

            def setup(self, estimator, context):
                self.set_up += 1

            def teardown(self, estimator, context):
                self.torn_down += 1

            def on_fit_task_begin(self, estimator, context):
                self.begun.append(context.task_name)

            def on_fit_task_end(
                self, estimator, context, *, X=None, y=None, fitted_estimator=None
            ):
                self.ended.append(context.task_name)
                if context.task_name == "iteration" and fitted_estimator is not None:
                    proba = fitted_estimator.predict_proba(X)
                    self.losses.append(log_loss(y, proba))
                    return stop_after is not None and len(self.losses) >= stop_after
                return False

        return Recorder()

    @pytest.mark.parametrize("solver", SOLVERS)
    def test_hooks_see_each_iteration_as_a_fitted_model(self, data, solver):
        X, y = data
        recorder = self.recorder()
        model = quick(solver=solver, max_iter=12, learning_rate=0.05, alpha=0)
        model.set_callbacks(recorder).fit(X, y)
        assert len(recorder.losses) == model.n_iter_
        if solver != "adam":
            np.testing.assert_allclose(recorder.losses, model.loss_curve_[1:])
        assert sorted(recorder.begun) == sorted(recorder.ended)
        assert recorder.set_up == recorder.torn_down == 1

    @pytest.mark.parametrize("solver", SOLVERS)
    def test_a_callback_can_stop_training(self, data, solver, recwarn):
        X, y = data
        model = quick(solver=solver).set_callbacks(self.recorder(stop_after=3))
        assert model.fit(X, y).n_iter_ == 3
        assert not [w for w in recwarn if "max_iter" in str(w.message)]

    def test_hooks_see_the_evidence(self, data):
        recorder, seen = self.recorder(), []

        def look(estimator, context, *, fitted_estimator=None):
            if context.task_name == "iteration" and fitted_estimator is not None:
                names = ("alpha_", "log_evidence_", "n_effective_parameters_")
                seen.append([getattr(fitted_estimator, n, None) for n in names])

        recorder.on_fit_task_end = look
        model = quick(alpha="evidence").set_callbacks(recorder).fit(*data)
        assert len(seen) == model.n_iter_
        assert seen[0] == [None] * 3
        found = [log_evidence for _, log_evidence, _ in seen if log_evidence]
        assert set(found) <= set(model.log_evidence_curve_) and len(set(found)) > 1
        # All but the evidence of the last round, after which nothing is called.
        assert seen[-1][1] in model.log_evidence_curve_[:-1]
        np.testing.assert_array_equal(seen[-1][0], model.alpha_curve_[-2])

    def test_a_callback_can_stop_the_search(self, data, recwarn):
        model = quick(alpha="evidence").set_callbacks(self.recorder(stop_after=60))
        assert model.fit(*data).n_iter_ == 60
        assert model.log_evidence_ in model.log_evidence_curve_
        assert not [w for w in recwarn if "max_iter" in str(w.message)]

    @pytest.mark.parametrize("stop_after", [3, 20, np.inf])
    def test_a_callback_can_stop_a_fit_whose_alpha_was_searched(self, stop_after):
        """It goes from precision to precision: its hooks are one row, and end it."""
        X, y = load_iris(return_X_y=True)
        recorder = self.recorder(stop_after)
        model = quick(alpha="auto").set_callbacks(recorder).fit(X, y)
        assert len(recorder.losses) == model.n_iter_ <= stop_after
        # Where one part ends the next one begins: that is no iteration.
        assert np.diff(recorder.losses).all()
        assert sorted(recorder.begun) == sorted(recorder.ended)

    def test_several_starts_are_subtasks(self, data):
        recorder = self.recorder()
        quick(n_init=3, max_iter=4).set_callbacks(recorder).fit(*data)
        assert recorder.begun.count("start") == recorder.ended.count("start") == 3
        assert len(recorder.losses) == 12

    def test_teardown_follows_an_error(self, data):
        recorder = self.recorder()
        model = quick(solver="gd", learning_rate=1e200, alpha=1e3)
        recorder.on_fit_task_end = lambda estimator, context, **_: False
        with pytest.raises(ValueError, match="non-finite"):
            model.set_callbacks(recorder).fit(*data)
        assert recorder.torn_down == 1
        assert not hasattr(model, "W1_")
        assert not hasattr(model, "_callback_fit_ctx")

    def test_an_error_in_a_callback_leaves_the_model(self, data):
        model = quick(max_iter=3).fit(*data)
        before = model.W1_
        recorder = self.recorder()

        def fail(estimator, context, **_):
            raise RuntimeError("in a callback")

        recorder.on_fit_task_end = fail
        with pytest.raises(RuntimeError, match="in a callback"):
            model.set_callbacks(recorder).fit(*data)
        assert model.W1_ is before

    def test_progress_bar_and_scoring_monitor(self, data):
        pytest.importorskip("rich")
        from sklearn.callback import ProgressBar, ScoringMonitor

        X, y = data
        monitor = ScoringMonitor(scoring="neg_log_loss")
        model = quick(max_iter=5, alpha=0).set_callbacks(ProgressBar(), monitor)
        model.fit(X, y)
        scores = [
            row["neg_log_loss"]
            for row in monitor.get_logs().data
            if row["task_name"] == "iteration" and "neg_log_loss" in row
        ]
        np.testing.assert_allclose(scores, -np.array(model.loss_curve_[1:]))
        inner = make_pipeline(StandardScaler(), quick(max_iter=3))
        inner.set_callbacks(ProgressBar())
        inner.fit(X, y)
        search = GridSearchCV(
            make_pipeline(StandardScaler(), quick(max_iter=3)),
            {"twolayersigmoidclassifier__alpha": [1, 2]},
            cv=2,
        )
        search.set_callbacks(ProgressBar()).fit(X, y)
        assert search.best_score_ > 0.8


def test_no_callbacks_no_trace(data):
    model = quick(max_iter=3).fit(*data)
    assert not [name for name in vars(model) if "callback" in name]
