"""The fast objective against the reference equations."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import approx_fprime

from sk_twolayer import _blocks, network
from sk_twolayer._blocks import Standardisation
from sk_twolayer._objective import CrossEntropyObjective
from sk_twolayer._outputs import choose_output
from sk_twolayer._threads import Workers
from tests.helpers import gradient_by_parameters, pack


def reference(X, Y, parameters, alpha, weight, output):
    """Cost and gradient from `network`, whole-number weights as repeated rows."""
    X, Y = np.repeat(X, weight, axis=0), np.repeat(Y, weight, axis=0)
    n = len(X)
    activations = network.forward(X.T, *parameters, output=output)
    g = network.backward(X.T, Y.T, parameters.W2, activations)
    W1, _, W2, _ = parameters
    cost = network.cross_entropy(activations.Z2, Y.T, output=output)
    cost += alpha / (2 * n) * (np.sum(W1**2) + np.sum(W2**2))
    return cost, pack((g.dW1 + alpha / n * W1, g.db1, g.dW2 + alpha / n * W2, g.db2))


@st.composite
def problems(draw):
    """A random problem: sizes, output, weights, blocks, threads, layout, limits."""
    n, m, k = draw(st.integers(1, 40)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    activation = draw(st.sampled_from(["logistic", "softmax"]))
    outputs = draw(st.integers(1 if activation == "logistic" else 2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(n, m))
    if activation == "softmax":
        targets = rng.integers(0, outputs, n)
        Y = np.eye(outputs)[targets]
    else:
        targets = rng.integers(0, 2, (n, outputs))
        Y = targets.astype(float)
    weight = rng.integers(1, 4, n) if draw(st.booleans()) else np.ones(n, int)
    X *= draw(st.sampled_from([1e-8, 1.0, 10.0, 1e8]))
    if draw(st.booleans()):
        X[:, 0] = 0
    shapes = [(k, m), (k, 1), (outputs, k), (outputs, 1)]
    size = draw(st.sampled_from([0.1, 1.0, 10.0]))
    parameters = network.Parameters(*(size * rng.normal(size=s) for s in shapes))
    scales = None
    if draw(st.booleans()):
        spread = X.std(axis=0) + 1e-3
        scales = Standardisation(X.mean(axis=0), 1 / spread)
    layout = draw(st.sampled_from(["C", "F", "strided", "sparse"]))
    if layout == "F":
        X = np.asfortranarray(X)
    if layout == "strided":
        X = np.repeat(X, 2, axis=1)[:, ::2]
    options = {
        "alpha": draw(st.sampled_from([0.0, 0.7])),
        "standardisation": scales,
        "block_rows": draw(st.sampled_from([1, 3, 16, 64])),
        "workers": Workers(draw(st.integers(1, 3))),
    }
    # Small ones reach with a few samples what large problems do.
    limits = {
        "KEPT_BYTES": draw(st.sampled_from([0, _blocks.KEPT_BYTES])),
        "GROUP_ROWS": draw(st.sampled_from([1, 20, _blocks.GROUP_ROWS])),
    }
    if draw(st.booleans()):
        limits["SMALL_PRODUCT"] = draw(st.integers(1, 20)) * (m + 1) * k
        limits["CHUNK_UNIT"] = draw(st.sampled_from([1, 4]))
    is_sparse = layout == "sparse"
    return X, targets, Y, weight, parameters, activation, is_sparse, options, limits


@settings(max_examples=300, deadline=None)
@given(problems())
def test_equals_the_equations(problem):
    X, targets, Y, weight, parameters, activation, is_sparse, options, limits = problem
    output = choose_output(activation, Y.shape[1])
    name = "softmax" if activation == "softmax" else "sigmoid"
    alpha = options["alpha"]
    expected_cost, expected = reference(X, Y, parameters, alpha, weight, name)
    with patch.multiple(_blocks, **limits), options["workers"].started():
        objective = CrossEntropyObjective(
            sparse.csr_array(X) if is_sparse else X,
            targets.astype(np.int8),
            len(parameters.W1),
            Y.shape[1],
            output,
            sample_weight=None if (weight == 1).all() else weight.astype(float),
            **options,
        )
        theta = objective.from_parameters(parameters)
        alone = objective.value(theta)
        cost, gradient = objective.value_and_gradient(theta)
        # Nothing is left over from one evaluation to the next.
        again, same_gradient = objective.value_and_gradient(theta)
    assert cost == again
    np.testing.assert_array_equal(gradient, same_gradient)
    # Rounding of Z1 is relative to its largest term, and both sides have it.
    largest = 1 + np.abs(X).max() * np.abs(parameters.W1).max()
    slack = 1e-12 * max(1, largest * np.abs(parameters.W2).max())
    # The reference's log_softmax rounds as its Z2 does, also for a cost near 0.
    Z2 = network.forward(X.T, *parameters).Z2
    rounding = 1e-15 * (1 + np.abs(Z2).max())
    assert cost == pytest.approx(expected_cost, rel=slack, abs=rounding)
    assert alone == pytest.approx(expected_cost, rel=slack, abs=rounding)
    # The chain rule through the change of variables, by its own Jacobian.
    found = pack(gradient_by_parameters(objective, gradient))
    scale = 1 + np.abs(X).max()
    error = np.abs(found - expected).max()
    assert error <= slack * scale * max(1, np.abs(parameters.W2).max())


@pytest.mark.parametrize(
    "activation, outputs", [("logistic", 1), ("logistic", 3), ("softmax", 3)]
)
@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_gradient_matches_finite_differences(
    activation, outputs, standardised, is_sparse
):
    rng = np.random.default_rng(0)
    n, m, k = 23, 5, 4
    X = rng.normal(size=(n, m)) + 1
    shape = n if activation == "softmax" else (n, outputs)
    targets = rng.integers(0, 3 if activation == "softmax" else 2, shape)
    scales = Standardisation(X.mean(axis=0), 1 / X.std(axis=0))
    objective = CrossEntropyObjective(
        sparse.csr_array(X) if is_sparse else X,
        targets,
        k,
        outputs,
        choose_output(activation, outputs),
        alpha=0.7,
        sample_weight=rng.uniform(0.5, 2, n),
        standardisation=scales if standardised else None,
        block_rows=10,
    )
    theta = rng.normal(size=objective.size)
    numeric = approx_fprime(theta, lambda t: objective.value_and_gradient(t)[0])
    gradient = objective.value_and_gradient(theta)[1]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6)
    back = objective.from_parameters(objective.to_parameters(theta))
    np.testing.assert_allclose(back, theta, rtol=1e-12, atol=1e-12)
