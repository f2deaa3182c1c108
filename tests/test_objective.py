"""The fast objective against the reference equations."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from sk_twolayer import network
from sk_twolayer._objective import CrossEntropyObjective, decision, pack, unpack

N, M, K = 23, 5, 4


def reference(X, Y, parameters, alpha, weight):
    """Cost and gradient from `network`, whole-number weights as repeated rows."""
    X, Y = np.repeat(X, weight, axis=0), np.repeat(Y, weight, axis=0)
    n = len(X)
    activations = network.forward(X.T, *parameters)
    g = network.backward(X.T, Y.T, parameters.W2, activations)
    W1, _, W2, _ = parameters
    cost = network.cross_entropy(activations.Z2, Y.T)
    cost += alpha / (2 * n) * (np.sum(W1**2) + np.sum(W2**2))
    return cost, pack((g.dW1 + alpha / n * W1, g.db1, g.dW2 + alpha / n * W2, g.db2))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("block_rows", [1, 4, N, 100])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_equals_the_equations(outputs, block_rows, weighted, scale):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, M))
    Y = rng.integers(0, 2, (N, outputs)).astype(float)
    weight = rng.integers(1, 4, N) if weighted else np.ones(N, dtype=int)
    size = K * M + K + outputs * K + outputs
    theta = scale * rng.normal(size=size)
    objective = CrossEntropyObjective(
        X, Y, K, 0.7, weight.astype(float) if weighted else None, block_rows
    )
    cost, gradient = objective.value_and_gradient(theta)
    parameters = unpack(theta, M, K, outputs)
    expected_cost, expected = reference(X, Y, parameters, 0.7, weight)
    assert cost == pytest.approx(expected_cost, rel=1e-12)
    error = np.linalg.norm(gradient - expected)
    assert error <= 1e-12 * np.linalg.norm(expected)
    numeric = approx_fprime(theta, lambda t: objective.value_and_gradient(t)[0])
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-4 * scale)
    Z2 = network.forward(X.T, *parameters).Z2
    np.testing.assert_allclose(
        decision(X, parameters, block_rows), Z2.T, rtol=1e-10, atol=1e-11
    )
