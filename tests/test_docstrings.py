"""Every public docstring passes numpydoc's validation."""

import inspect

import pytest
from numpydoc.validate import validate

import sk_twolayer

# Optional sections, and the summary's mood, which numpydoc guesses from a final s.
IGNORED = {"ES01", "SA01", "EX01", "SS05", "SS06", "GL08", "RT02", "PR01", "YD01"}


def public_names():
    for module in (sk_twolayer, sk_twolayer.network):
        for name, thing in vars(module).items():
            if name.startswith("_") or not (
                inspect.isfunction(thing) or inspect.isclass(thing)
            ):
                continue
            if thing.__module__.startswith("sk_twolayer"):
                yield f"{thing.__module__}.{name}"
    for name in ("fit", "predict", "predict_proba", "predict_log_proba"):
        yield f"sk_twolayer.TwoLayerSigmoidClassifier.{name}"
    yield "sk_twolayer.TwoLayerSigmoidClassifier.decision_function"


@pytest.mark.parametrize("name", sorted(set(public_names())))
def test_docstring(name):
    errors = [e for e in validate(name)["errors"] if e[0] not in IGNORED]
    assert errors == []
