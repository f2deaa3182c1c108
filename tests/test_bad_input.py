"""Each case of tests/bad_input.py raises what it should and changes nothing."""

import re

import numpy as np
import pytest

from sk_twolayer import TwoLayerSigmoidClassifier
from tests import bad_input

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("case", bad_input.CASES, ids=lambda case: case.what)
def test_bad_input(case):
    model = bad_input.model()
    parameters = set(model.get_params())
    before = {n: v for n, v in vars(model).items() if n not in parameters}
    with pytest.raises(case.error, match=f"(?s){case.message}"):
        case.call(model)
    after = {n: v for n, v in vars(model).items() if n not in parameters}
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


def test_the_table_is_long_and_the_docs_have_it():
    assert len(bad_input.CASES) >= 40
    assert len({case.what for case in bad_input.CASES}) == len(bad_input.CASES)
    # The words are those of the newest versions; what matters in them is here too.
    page = bad_input.PAGE.read_text(encoding="utf-8")
    rows = [line.split(" | ", 2) for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(bad_input.CASES)
    for (what, error, says), case in zip(rows[1:], bad_input.CASES, strict=True):
        assert what == f"| {case.what}" and error == f"`{case.error.__name__}`"
        assert re.search(re.sub(" +", " +", case.message), says.replace("\\|", "|")), (
            case.what
        )


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("what, X", bad_input.ACCEPTED, ids=lambda a: str(a)[:40])
def test_unusual_input_is_taken(what, X):
    y = bad_input.y
    fitted = TwoLayerSigmoidClassifier(4, max_iter=20, random_state=0).fit(X, y)
    assert np.isfinite(fitted.predict_log_proba(X)).all()
    dense = bad_input.model()
    assert dense.predict_proba(X).shape == (40, 2)
