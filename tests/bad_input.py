"""Bad input, case by case: what is given, and the error that says so.

`tests/test_bad_input.py` runs the table; `python tests/bad_input.py` writes it to
docs/bad_input.md.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from sk_twolayer import TwoLayerSigmoidClassifier

PAGE = Path(__file__).parent.parent / "docs" / "bad_input.md"

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


class Case(NamedTuple):
    """A row of the table."""

    what: str
    call: Callable[[TwoLayerSigmoidClassifier], Any]
    error: type[Exception]
    message: str  # a part of it, as a regular expression


def changed(value: Any, dtype: Any = float) -> Any:
    """X with one entry replaced."""
    copy = X.astype(dtype)
    copy[3, 1] = value
    return copy


def labels(value: Any, dtype: Any = float) -> Any:
    """y with one entry replaced."""
    copy = y.astype(dtype)
    copy[3] = value
    return copy


def duplicates(A: Any) -> Any:
    """CSR with two halves in each place."""
    indices = np.tile(np.repeat(np.arange(A.shape[1]), 2), len(A))
    starts = np.arange(len(A) + 1) * 2 * A.shape[1]
    halves = np.repeat(A.ravel() / 2, 2)
    return sparse.csr_array((halves, indices, starts), shape=A.shape)


def weights(value: float) -> Any:
    """Equal weights but for one."""
    weight = np.ones(40)
    weight[3] = value
    return weight


def fit(given_X: Any = X, given_y: Any = y, **more: Any) -> Callable[..., Any]:
    """A call of fit."""
    return lambda model: model.fit(given_X, given_y, **more)


def parameter(**parameters: Any) -> Callable[..., Any]:
    """A call of fit with other parameters."""
    return lambda model: model.set_params(**parameters).fit(X, y)


def validated(given_X: Any = X, y_val: Any = y, **more: Any) -> Callable[..., Any]:
    """A call of fit with samples for early stopping."""
    more |= {"X_val": given_X, "y_val": y_val}
    return lambda m: m.set_params(early_stopping=True).fit(X, y, **more)


def partial(given_X: Any = X, given_y: Any = y, **more: Any) -> Callable[..., Any]:
    """A call of partial_fit."""
    return lambda m: m.set_params(solver="adam").partial_fit(given_X, given_y, **more)


def use(method: str, given: Any) -> Callable[..., Any]:
    """A call of a method that predicts."""
    return lambda model: getattr(model, method)(given)


BAD = ValueError
PARAMETER = InvalidParameterError
CASES = [
    Case("X with NaN", fit(changed(np.nan)), BAD, "X contains NaN"),
    Case("X with +inf", fit(changed(np.inf)), BAD, "X contains infinity"),
    Case("X with −inf", fit(changed(-np.inf)), BAD, "X contains infinity"),
    Case("X of objects", fit(changed("x", object)), BAD, "could not convert"),
    Case("X of strings", fit(np.full((40, 3), "x")), BAD, "could not convert|dtype"),
    Case("X complex", fit(X + 1j), BAD, "Complex data not supported"),
    Case("X empty", fit(X[:0], y[:0]), BAD, "0 sample"),
    Case("zero features", fit(X[:, :0]), BAD, r"0 feature\(s\)"),
    Case("X 1-D", fit(X[:, 0]), BAD, "Expected 2D array, got 1D"),
    Case("X 3-D", fit(X[:, :, None]), BAD, "with dim 3|3D"),
    Case("X ragged", fit([[1.0, 2.0], [1.0]], [0, 1]), BAD, "inhomogeneous"),
    Case("X sparse with NaN", fit(sparse.csr_array(changed(np.nan))), BAD, "NaN"),
    Case("X beyond float64", fit(changed("1e400", object)), BAD, "infinity"),
    Case("y too short", fit(given_y=y[1:]), BAD, "inconsistent numbers of samples"),
    Case("y missing", fit(given_y=None), BAD, "requires y to be passed"),
    Case("y continuous", fit(given_y=X[:, 0]), BAD, "Unknown label type: continuous"),
    Case("y with NaN", fit(given_y=labels(np.nan)), BAD, "y contains NaN"),
    Case("y with inf", fit(given_y=labels(np.inf)), BAD, "y contains infinity"),
    Case("y with None", fit(given_y=labels(None, object)), BAD, "NaN|[Uu]nknown label"),
    Case("y of mixed types", fit(given_y=labels("a", object)), BAD, "of one type"),
    Case("y of bytes", fit(given_y=labels(b"c", "S1")), BAD, "y holds bytes"),
    Case("y of bytes, objects", fit(given_y=labels(b"c", object)), BAD, "holds bytes"),
    Case(
        "y of several labels, −1 and 1",
        fit(given_y=np.column_stack([2 * y - 1, 1 - 2 * y])),
        BAD,
        r"values \[-1  1\].*indicator matrix of 0 and 1",
    ),
    Case(
        "y of several labels, 1 and 2, sparse",
        fit(given_y=sparse.csr_array(np.column_stack([y + 1, 2 - y]))),
        BAD,
        r"values \[1 2\].*indicator matrix of 0 and 1",
    ),
    Case("y 3-D", fit(given_y=np.ones((40, 2, 2))), BAD, "dim 3"),
    Case(
        "y with several columns of classes",
        fit(given_y=np.column_stack([y, y + 1])),
        BAD,
        "multiclass-multioutput",
    ),
    Case("sample_weight negative", fit(sample_weight=weights(-1)), BAD, "[Nn]egative"),
    Case("sample_weight NaN", fit(sample_weight=weights(np.nan)), BAD, "NaN"),
    Case("sample_weight inf", fit(sample_weight=weights(np.inf)), BAD, "infinity"),
    Case(
        "sample_weight all 0", fit(sample_weight=np.zeros(40)), BAD, "above 0|non-zero"
    ),
    Case(
        "sample_weight too short", fit(sample_weight=[1.0]), BAD, "sample_weight.shape"
    ),
    Case("sample_weight 2-D", fit(sample_weight=np.ones((40, 2))), BAD, "1D"),
    Case(
        "class_weight for unknown classes only",
        parameter(class_weight={7: 1.0}),
        BAD,
        "are not in class_weight",
    ),
    Case(
        "class_weight a list, y not multilabel",
        parameter(class_weight=[{0: 1.0, 1: 1.0}]),
        BAD,
        "one dict for each label",
    ),
    Case(
        "class_weight a dict, y multilabel",
        lambda m: m.set_params(class_weight={0: 1.0}).fit(X, np.column_stack([y, y])),
        BAD,
        "give a list of 2 dicts",
    ),
    Case("class_weight negative", parameter(class_weight={0: -1.0}), BAD, "negative"),
    Case(
        "class_weight another word",
        parameter(class_weight="x"),
        PARAMETER,
        "'class_weight' parameter",
    ),
    Case("n_hidden 0", parameter(n_hidden=0), PARAMETER, "'n_hidden' parameter"),
    Case("n_hidden 2.5", parameter(n_hidden=2.5), PARAMETER, "'n_hidden' parameter"),
    Case("solver unknown", parameter(solver="sgd"), PARAMETER, "'solver' parameter"),
    Case("alpha negative", parameter(alpha=-1), PARAMETER, "'alpha' parameter"),
    Case("alpha NaN", parameter(alpha=np.nan), PARAMETER, "'alpha' parameter"),
    Case("alpha a string", parameter(alpha="1"), PARAMETER, "'alpha' parameter"),
    Case(
        "alpha 'ard' without lbfgs",
        parameter(alpha="ard", solver="adam"),
        BAD,
        "alpha='ard' needs solver='lbfgs'.*got solver='adam'",
    ),
    Case(
        "alpha 'ard' with early_stopping",
        parameter(alpha="ard", early_stopping=True),
        BAD,
        "early_stopping=False; got.*early_stopping=True",
    ),
    Case(
        "alpha 'evidence' without lbfgs",
        parameter(alpha="evidence", solver="gd"),
        BAD,
        "alpha='evidence' needs solver='lbfgs'.*got solver='gd'",
    ),
    Case(
        "alpha 'evidence' with early_stopping",
        parameter(alpha="evidence", early_stopping=True),
        BAD,
        "early_stopping=False; got.*early_stopping=True",
    ),
    Case("n_hidden a string", parameter(n_hidden="4"), PARAMETER, "'n_hidden'"),
    Case(
        "return_std after partial_fit",
        lambda model: (
            TwoLayerSigmoidClassifier(2, solver="adam")
            .partial_fit(X, y, [0, 1])
            .decision_function(X, True)
        ),
        BAD,
        "return_std=True and predict_interval need the weights' covariance",
    ),
    Case(
        "predict_interval after drop_covariance",
        lambda model: copy(model).drop_covariance().predict_interval(X),
        BAD,
        "return_std=True and predict_interval need the weights' covariance",
    ),
    Case(
        "level 90",
        lambda model: model.predict_interval(X, 90),
        BAD,
        r"level must be a number in \(0, 1\); got 90",
    ),
    Case(
        "level a string",
        lambda model: model.predict_interval(X, "0.9"),
        BAD,
        r"level must be a number in \(0, 1\); got '0.9'",
    ),
    Case(
        "monotonic_cst of 2",
        parameter(monotonic_cst=[1, 0, 2]),
        BAD,
        r"monotonic_cst must be an array-like of -1, 0 or 1.*\[2\]",
    ),
    Case(
        "monotonic_cst NaN",
        parameter(monotonic_cst=[1, 0, np.nan]),
        BAD,
        r"monotonic_cst must be an array-like of -1, 0 or 1.*nan",
    ),
    Case(
        "monotonic_cst too short",
        parameter(monotonic_cst=[1, 0]),
        BAD,
        r"monotonic_cst has shape \(2,\) but the input data X has 3 features",
    ),
    Case(
        "monotonic_cst 2-D",
        parameter(monotonic_cst=np.eye(3)),
        BAD,
        r"monotonic_cst has shape \(3, 3\)",
    ),
    Case(
        "monotonic_cst a word",
        parameter(monotonic_cst="increasing"),
        PARAMETER,
        "'monotonic_cst' parameter",
    ),
    Case(
        "monotonic_cst by another name",
        lambda m: m.set_params(monotonic_cst={"d": 1}).fit(FRAME, y),
        BAD,
        r"monotonic_cst contains 1 unexpected feature names: \['d'\]",
    ),
    Case(
        "monotonic_cst by name, of 5",
        lambda m: m.set_params(monotonic_cst={"a": 5}).fit(FRAME, y),
        BAD,
        r"monotonic_cst\['a'\] must be either -1, 0 or 1. Got 5",
    ),
    Case(
        "monotonic_cst by name, X without",
        parameter(monotonic_cst={"a": 1}),
        BAD,
        "was not fitted on data with feature names",
    ),
    Case(
        "monotonic_cst for several classes",
        lambda m: m.set_params(monotonic_cst=[1, 0, 0]).fit(X, np.arange(40) % 3),
        BAD,
        "monotonic constraints are not supported for multiclass classification",
    ),
    Case("learning_rate 0", parameter(learning_rate=0), PARAMETER, "'learning_rate'"),
    Case("momentum 1", parameter(momentum=1), PARAMETER, "'momentum' parameter"),
    Case("batch_size 0", parameter(batch_size=0), PARAMETER, "'batch_size' parameter"),
    Case("max_iter 0", parameter(max_iter=0), PARAMETER, "'max_iter' parameter"),
    Case("tol negative", parameter(tol=-1e-4), PARAMETER, "'tol' parameter"),
    Case(
        "early_stopping 'yes'",
        parameter(early_stopping="yes"),
        PARAMETER,
        "'early_stopping' parameter",
    ),
    Case(
        "validation_fraction 1",
        parameter(validation_fraction=1),
        PARAMETER,
        "'validation_fraction'",
    ),
    Case(
        "n_iter_no_change 0",
        parameter(n_iter_no_change=0),
        PARAMETER,
        "'n_iter_no_change'",
    ),
    Case("n_init 0", parameter(n_init=0), PARAMETER, "'n_init' parameter"),
    Case(
        "committee 'yes'",
        parameter(committee="yes"),
        PARAMETER,
        "'committee' parameter",
    ),
    Case(
        "warm_start 1.5", parameter(warm_start=1.5), PARAMETER, "'warm_start' parameter"
    ),
    Case(
        "random_state a string",
        parameter(random_state="x"),
        PARAMETER,
        "'random_state' parameter",
    ),
    Case("n_jobs 1.5", parameter(n_jobs=1.5), PARAMETER, "'n_jobs' parameter"),
    Case("n_jobs 0", parameter(n_jobs=0), BAD, "n_jobs=0 has no meaning"),
    Case("verbose −1", parameter(verbose=-1), PARAMETER, "'verbose' parameter"),
    Case(
        "a learning rate that diverges",
        parameter(solver="gd", learning_rate=1e200, alpha=1e3),
        BAD,
        "non-finite weights.*lower learning_rate=1e",
    ),
    Case(
        "too few samples to hold some out",
        lambda model: model.set_params(early_stopping=True).fit(X[:8], y[:8]),
        BAD,
        "validation_fraction=0.1 can't split",
    ),
    Case(
        "X_val without y_val",
        fit(X_val=X),
        BAD,
        r"X_val and y_val go together.*y_val=None",
    ),
    Case(
        "sample_weight_val without X_val",
        fit(sample_weight_val=np.ones(40)),
        BAD,
        r"X_val and y_val go together.*sample_weight_val=\(given\)",
    ),
    Case(
        "X_val without early_stopping",
        fit(X_val=X, y_val=y),
        BAD,
        "give early_stopping=True.*got early_stopping=False",
    ),
    Case("X_val with NaN", validated(changed(np.nan)), BAD, "X_val, .*contains NaN"),
    Case("X_val: other features", validated(X[:, :2]), BAD, "X_val, .*2 features"),
    Case(
        "y_val with an unseen class",
        validated(y_val=y + 1),
        BAD,
        r"y_val, .*not in classes=.*\[2\]",
    ),
    Case(
        "y_val one column a label, y classes",
        validated(y_val=np.column_stack([y, y])),
        BAD,
        "y_val, .*y as in the first call",
    ),
    Case(
        "sample_weight_val negative",
        validated(sample_weight_val=weights(-1)),
        BAD,
        "sample_weight_val: .*[Nn]egative",
    ),
    Case(
        "coef_init of another shape",
        fit(
            coef_init=[np.zeros((3, 9)), np.zeros((9, 1))],
            intercept_init=[np.zeros(9), np.zeros(1)],
        ),
        BAD,
        r"W1 has shape \(9, 3\), but n_hidden=4",
    ),
    Case("coef_init alone", fit(coef_init=[X.T, X.T]), BAD, "give both"),
    Case(
        "partial_fit with an unseen class",
        partial(given_y=y + 1),
        BAD,
        r"not in classes=.*\[2\]",
    ),
    Case(
        "partial_fit with other classes",
        partial(classes=[0, 1, 2]),
        BAD,
        "not the same as on the last call",
    ),
    Case(
        "partial_fit with classes of bytes",
        partial(classes=[b"a", b"b"]),
        BAD,
        "classes holds bytes",
    ),
    Case(
        "partial_fit with labels in another order",
        lambda m: (
            TwoLayerSigmoidClassifier(2, solver="adam")
            .partial_fit(X, pd.DataFrame({"a": y, "b": 1 - y}))
            .partial_fit(X, pd.DataFrame({"b": y, "a": 1 - y}))
        ),
        BAD,
        r"columns \['b', 'a'\]; those of earlier calls were \['a', 'b'\]",
    ),
    Case("partial_fit with other features", partial(X[:, :2]), BAD, "features"),
    Case("predict: other features", use("predict", X[:, :2]), BAD, "X has 2 features"),
    Case("predict: NaN", use("predict", changed(np.nan)), BAD, "X contains NaN"),
    Case("predict: inf", use("predict_proba", changed(np.inf)), BAD, "infinity"),
    Case("predict: 1-D", use("predict", X[0]), BAD, "Expected 2D array, got 1D"),
    Case(
        "predict: other feature names",
        use("predict", FRAME.rename(columns={"a": "z"})),
        BAD,
        "feature names should match",
    ),
    Case(
        "predict: feature names in another order",
        use("predict", FRAME[["b", "a", "c"]]),
        BAD,
        "same order",
    ),
    Case(
        "predict before fit",
        lambda model: TwoLayerSigmoidClassifier().predict(X),
        NotFittedError,
        "not fitted yet",
    ),
    Case(
        "partial_fit with L-BFGS",
        lambda model: TwoLayerSigmoidClassifier().partial_fit(X, y, [0, 1]),
        AttributeError,
        "partial_fit",
    ),
    Case(
        "partial_fit without classes at first",
        lambda model: TwoLayerSigmoidClassifier(solver="gd").partial_fit(X, y),
        BAD,
        "classes must be passed on the first call",
    ),
]

ACCEPTED = [
    ("X sparse after dense training, and the reverse", sparse.csr_array(X)),
    ("X of float16", X.astype(np.float16)),
    ("X of longdouble", X.astype(np.longdouble)),
    ("X of uint8", np.abs(10 * X).astype(np.uint8)),
    ("X of bool", X > 0),
    ("X a list of lists", X.tolist()),
    ("X a masked array without masked entries", np.ma.masked_array(X)),
    ("X with values of 1e30", X * 1e30),
    ("X of subnormal numbers", X * 1e-310),
    ("X with a constant column", np.column_stack([X[:, 0], np.ones((40, 2))])),
    ("X with several entries in one place, sparse", duplicates(X)),
]


def model() -> TwoLayerSigmoidClassifier:
    """A fitted model, with feature names."""
    options = {"max_iter": 20, "random_state": 0, "tol": 1e-2}
    return TwoLayerSigmoidClassifier(4, **options).fit(FRAME, y)


def message(case: Case) -> str:
    """What the case raises, in one line, cut where it goes on long."""
    import re
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            case.call(model())
        except case.error as error:
            text = " ".join(str(error).split())
            found = re.search(re.sub(" +", " +", case.message), text)
            end = text.find(" ", max(130, found.end() if found else 0))
            return text if end < 0 else text[:end] + " …"
    raise AssertionError(f"{case.what} raised nothing")


def page() -> str:
    """The docs page."""
    lines = [
        "# Bad input",
        "",
        "Each case raises the exception that scikit-learn's users expect, and changes",
        "nothing: a model fitted before is still the model it was. The messages are those",
        "of the run that wrote this page, `python tests/bad_input.py`; the tests run each",
        "case.",
        "",
        "{.cards-on-phones}",
        "| what | exception | says |",
        "|---|---|---|",
    ]
    for case in CASES:
        text = message(case).replace("`", "'").replace("|", "\\|")
        lines.append(f"| {case.what} | `{case.error.__name__}` | `{text}` |")
    lines += [
        "",
        "`InvalidParameterError` is scikit-learn's, a `ValueError` and `TypeError`.",
        "",
        "## Unusual input that is taken",
        "",
        *(f"- {what}" for what, _ in ACCEPTED),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
