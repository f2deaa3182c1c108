"""Every public docstring passes numpydoc's validation and says what it must."""

import configparser
import inspect
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

import sk_twolayer

SETUP = configparser.ConfigParser()
SETUP.read(Path(__file__).parent.parent / "setup.cfg")
CHECKS = SETUP["tool:numpydoc_validation"]["checks"].split(",")
# "all" with codes means all but these.
IGNORED = {code.strip() for code in CHECKS} - {"all"}
MODULES = (sk_twolayer, sk_twolayer.network, sk_twolayer.inspection)


def public():
    """Names of public functions and classes and of the classes' own methods."""
    for module in MODULES:
        for name, thing in vars(module).items():
            if name.startswith("_") or not (
                inspect.isfunction(thing) or inspect.isclass(thing)
            ):
                continue
            if not thing.__module__.startswith("sk_twolayer"):
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for method, code in vars(thing).items():
                    code = getattr(code, "__func__", getattr(code, "fn", code))
                    public_name = not method.startswith("_") and callable(code)
                    if public_name and inspect.getdoc(code):
                        yield f"{module.__name__}.{name}.{method}", code


NAMES = dict(public())


def test_the_public_surface_is_found():
    assert "sk_twolayer.TwoLayerSigmoidClassifier.partial_fit" in NAMES
    assert "sk_twolayer.inspection.NetworkDisplay.plot" in NAMES
    assert "sk_twolayer.network.backward" in NAMES
    assert len(NAMES) > 35


@pytest.mark.parametrize("name", sorted(NAMES))
def test_docstring(name):
    errors = [e for e in validate(name)["errors"] if e[0] not in IGNORED]
    assert errors == []


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_parameter_is_described_with_its_type(name):
    thing = NAMES[name]
    parameters = [
        parameter
        for parameter in inspect.signature(thing).parameters
        if parameter not in ("self", "cls")
    ]
    if issubclass(getattr(thing, "__base__", object) or object, tuple):
        return  # a named tuple's fields are its attributes
    document = (ClassDoc if inspect.isclass(thing) else FunctionDoc)(thing)
    described = {
        each.strip(): entry.type
        for section in ("Parameters", "Attributes")
        for entry in document[section]
        for each in entry.name.split(",")
    }
    for parameter in parameters:
        assert described.get(parameter), f"{name}: {parameter}"


def test_arrays_have_shapes_and_types():
    for name, thing in NAMES.items():
        document = (ClassDoc if inspect.isclass(thing) else FunctionDoc)(thing)
        for section in ("Parameters", "Returns", "Attributes"):
            for entry in document[section]:
                if entry.type.startswith(("ndarray", "array-like")):
                    assert "shape" in entry.type, f"{name}: {entry.name}"
