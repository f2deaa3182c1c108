"""ONNX: options, committees, empty batches, and inside meta-estimators."""

import inspect

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from tests.helpers import quick

skl2onnx = pytest.importorskip("skl2onnx")
runtime = pytest.importorskip("onnxruntime")
import sk_twolayer.onnx  # noqa: F401

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    # skl2onnx's own, of numpy and of options it ignores.
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore:Option zipmap is ignored:UserWarning",
)

X, y = load_iris(return_X_y=True)
X = X.astype(np.float32)
X_labels, Y = make_multilabel_classification(random_state=0)
SETS = {
    "two": (X, (y == 1).astype(int)),
    "three": (X, y),
    "named": (X, np.array(["setosa", "versicolor", "virginica"])[y]),
    "labels": (X_labels.astype(np.float32), Y),
}
MODELS = {
    "number": {"alpha": 1.0},
    "auto": {"alpha": "auto", "max_iter": 40},
    "evidence": {"alpha": "evidence", "max_iter": 40},
    "committee": {"alpha": "evidence", "max_iter": 40, "n_init": 2, "committee": True},
    "sure": {"alpha": 1e-2, "n_init": 2, "committee": True},
}


def session_of(model, rows, options=None, **more):
    options = {id(model): {"zipmap": False} | (options or {})}
    converted = skl2onnx.to_onnx(model, rows[:1], options=options, **more)
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 4
    return runtime.InferenceSession(
        converted.SerializeToString(), quiet, providers=["CPUExecutionProvider"]
    )


def outputs(model, rows, options=None, **more):
    session = session_of(model, rows, options, **more)
    return session.run(None, {session.get_inputs()[0].name: rows})


@pytest.mark.parametrize("dtype, atol", [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("options", MODELS)
@pytest.mark.parametrize("name", SETS)
def test_one_graph_gives_labels_probabilities_and_scores(name, options, dtype, atol):
    rows, target = SETS[name]
    rows = rows.astype(dtype)
    model = quick(**MODELS[options]).fit(rows, target)
    labels, probabilities = outputs(model, rows)
    np.testing.assert_array_equal(labels, model.predict(rows))
    expected = model.predict_proba(rows)
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=atol)
    labels, scores = outputs(model, rows, {"raw_scores": True})
    np.testing.assert_array_equal(labels, model.predict(rows))
    Z2 = model.decision_function(rows)
    Z2 = np.column_stack([-Z2, Z2]) if Z2.ndim == 1 else Z2
    # In float32 a committee's log-odds of a label end where A2 rounds to 1.
    seen = np.abs(Z2) < 12 if name == "labels" else np.full(Z2.shape, True)
    tolerance = 2e-2 if name == "labels" and dtype == np.float32 else atol
    np.testing.assert_allclose(scores[seen], Z2[seen], rtol=tolerance, atol=atol)


@pytest.mark.parametrize("options", MODELS)
@pytest.mark.parametrize("name", SETS)
def test_an_empty_batch(name, options):
    rows, target = SETS[name]
    model = quick(**MODELS[options]).fit(rows, target)
    session = session_of(model, rows)
    labels, probabilities = session.run(None, {"X": rows[:0]})
    assert labels.shape == model.predict(rows)[:0].shape
    assert probabilities.shape == (0, model.predict_proba(rows).shape[1])


@pytest.mark.parametrize("target_opset", [9, 12, 17])
def test_older_operators(target_opset):
    model = quick(**MODELS["committee"]).fit(X, y)
    labels, probabilities = outputs(model, X, target_opset=target_opset)
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def test_options_are_those_of_skl2onnx_classifiers():
    from skl2onnx.common._registration import _converter_pool

    taken = _converter_pool["SkTwoLayerTwoLayerSigmoidClassifier"]
    theirs = _converter_pool["SklearnLinearClassifier"]
    assert taken.get_allowed_options() == theirs.get_allowed_options()


def test_each_option():
    model = quick().fit(X, SETS["named"][1])
    probabilities = model.predict_proba(X)
    by_name = outputs(model, X, {"zipmap": True})[1]
    assert list(by_name[0]) == list(model.classes_)
    columns = session_of(model, X, {"zipmap": "columns"})
    assert len(columns.get_outputs()) == 1 + 3
    np.testing.assert_allclose(
        np.column_stack(columns.run(None, {"X": X})[1:]), probabilities, atol=1e-6
    )
    names = outputs(model, X, {"output_class_labels": True})[2]
    assert list(names) == list(model.classes_)
    indices = outputs(model, X, {"nocl": True})[0]
    np.testing.assert_array_equal(model.classes_[indices], model.predict(X))


@pytest.mark.parametrize(
    "classes",
    [
        [False, True],
        [1.0, 3.0],
        np.array(["a", "b"], dtype=object),
        np.array([3, 5], dtype=np.uint8),
    ],
)
def test_labels_of_any_type_that_onnx_has(classes):
    target = np.asarray(classes)[(y == 1).astype(int)]
    model = quick().fit(X, target)
    labels, _ = outputs(model, X)
    np.testing.assert_array_equal(labels, model.predict(X))


@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
def test_integers_and_booleans_as_features(dtype):
    whole = (X > X.mean(axis=0)).astype(dtype)
    model = quick().fit(whole, y)
    labels, probabilities = outputs(model, whole)
    np.testing.assert_array_equal(labels, model.predict(whole))
    np.testing.assert_allclose(probabilities, model.predict_proba(whole), atol=1e-6)


def stack(net, **options):
    estimators = [("net", net), ("linear", LogisticRegression())]
    return StackingClassifier(estimators, cv=2, **options)


def vote(net, **options):
    estimators = [("net", net), ("linear", LogisticRegression())]
    return VotingClassifier(estimators, flatten_transform=False, **options)


TRIED = {
    "ada boost": lambda net: AdaBoostClassifier(net, n_estimators=3, random_state=0),
    "bagging": lambda net: BaggingClassifier(
        net, n_estimators=3, max_features=0.75, random_state=0
    ),
    "calibrated": CalibratedClassifierCV,
    "calibrated, one": lambda net: CalibratedClassifierCV(net, ensemble=False),
    "search": lambda net: GridSearchCV(net, {"tol": [1e-3, 1e-4]}, cv=2),
    "one or one": OneVsOneClassifier,
    "one or rest": OneVsRestClassifier,
    "stacking": stack,
    "stacking scores": lambda net: stack(net, stack_method="decision_function"),
    "stacking, final": lambda net: StackingClassifier(
        [("linear", LogisticRegression())], net, cv=2
    ),
    "voting, soft": lambda net: vote(net, voting="soft"),
    "voting, hard": vote,
    "outputs": MultiOutputClassifier,
    "pipeline": lambda net: make_pipeline(StandardScaler(), net),
    "columns": lambda net: make_pipeline(
        ColumnTransformer(
            [("scaled", StandardScaler(), [0, 1]), ("as", "passthrough", [2])]
        ),
        net,
    ),
    "union": lambda net: make_pipeline(
        FeatureUnion([("scaled", StandardScaler()), ("again", StandardScaler())]), net
    ),
    "selected": lambda net: make_pipeline(SelectFromModel(net), net),
    "RFE": lambda net: make_pipeline(RFE(net, n_features_to_select=2), net),
    "RFECV": lambda net: make_pipeline(RFECV(net, cv=2), net),
}
# Those that skl2onnx converts to something else, whatever the estimator inside.
AT_FAULT = {
    "isotonic": lambda net: CalibratedClassifierCV(net, method="isotonic"),
    "tuned": lambda net: TunedThresholdClassifierCV(net, cv=2),
}


def check_meta(meta, target):
    """Labels all agree, and probabilities to float32's rounding."""
    meta.fit(X, target)
    labels, probabilities = outputs(meta, X)
    expected = meta.predict(X)
    np.testing.assert_array_equal(np.reshape(labels, expected.shape), expected)
    if hasattr(meta, "predict_proba"):
        np.testing.assert_allclose(
            probabilities, meta.predict_proba(X), rtol=0, atol=1e-5
        )


@pytest.mark.parametrize(
    "name, options",
    [("two", "evidence"), ("named", "evidence"), ("three", "committee")],
)
@pytest.mark.parametrize("meta", TRIED)
def test_inside_meta_estimators(meta, name, options):
    if (meta, name) in {("one or one", "named"), ("stacking scores", "two")}:
        pytest.skip("skl2onnx converts it for no estimator")
    target = SETS[name][1]
    if meta == "outputs":
        target = np.column_stack([target, target[::-1]])
    check_meta(TRIED[meta](quick(**MODELS[options])), target)


@pytest.mark.parametrize("meta", AT_FAULT)
def test_inside_those_that_skl2onnx_converts_otherwise(meta):
    target = SETS["two"][1]
    try:
        check_meta(AT_FAULT[meta](LogisticRegression()), target)
    except AssertionError:
        pytest.skip("with LogisticRegression inside labels differ too")
    check_meta(AT_FAULT[meta](quick()), target)


def test_every_meta_estimator_is_tried():
    from skl2onnx._supported_operators import sklearn_operator_name_map

    def parts(estimator):
        yield type(estimator)
        if isinstance(estimator, Pipeline):
            for step in estimator[:-1]:
                yield type(step)

    tried = {
        part
        for table in (TRIED, AT_FAULT)
        for make in table.values()
        for part in parts(make(quick()))
    }
    inner = {"estimator", "estimators", "steps", "transformers", "transformer_list"}
    there = {
        cls
        for name, cls in all_estimators()
        if inner & set(inspect.signature(cls).parameters)
        and cls in sklearn_operator_name_map
        and not name.endswith("Regressor")
    }
    assert there - tried == set()
