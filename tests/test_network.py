"""The article's equations: shapes, finite differences, errors, saturation."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from sk_twolayer import network
from tests.helpers import pack, unpack

M, N, K = 3, 7, 4


def problem(seed=0, outputs=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(M, N))
    Y = rng.integers(0, 2, (outputs, N)).astype(float)
    shapes = [(K, M), (K, 1), (outputs, K), (outputs, 1)]
    return X, Y, network.Parameters(*(rng.normal(size=shape) for shape in shapes))


def test_shapes_are_the_articles():
    X, Y, parameters = problem()
    activations = network.forward(X, *parameters)
    gradients = network.backward(X, Y, parameters.W2, activations)
    assert [a.shape for a in activations] == [(K, N), (K, N), (1, N), (1, N)]
    expected = [(1, N), (1, K), (1, 1), (K, N), (K, M), (K, 1)]
    assert [g.shape for g in gradients] == expected


@pytest.mark.parametrize("outputs", [1, 3])
def test_gradient_is_that_of_the_cost(outputs):
    X, Y, parameters = problem(outputs=outputs)

    def cost(theta):
        Z2 = network.forward(X, *unpack(theta, M, K, outputs)).Z2
        return network.cross_entropy(Z2, Y)

    g = network.backward(X, Y, parameters.W2, network.forward(X, *parameters))
    numeric = approx_fprime(pack(parameters), cost)
    np.testing.assert_allclose(
        pack((g.dW1, g.db1, g.dW2, g.db2)), numeric, rtol=1e-5, atol=1e-7
    )


def test_cost_is_the_articles_formula():
    X, Y, parameters = problem()
    A2, Z2 = (network.forward(X, *parameters)[i] for i in (3, 2))
    formula = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    assert network.cross_entropy(Z2, Y) == pytest.approx(formula, rel=1e-13)


@pytest.mark.filterwarnings("error")
def test_saturation_neither_overflows_nor_loses_the_cost():
    Z = np.array([[-1e4, -800.0, 0.0, 800.0, 1e4]])
    np.testing.assert_array_equal(network.sigmoid(Z), [[0, 0, 0.5, 1, 1]])
    np.testing.assert_array_equal(network.sigmoid_derivative(Z), [[0, 0, 0.25, 0, 0]])
    assert network.sigmoid_derivative(np.array(40.0)) > 0
    assert network.cross_entropy(np.array([[1e4]]), np.array([[0.0]])) == 1e4


def test_step_descends_by_learning_rate_times_gradient():
    X, Y, parameters = problem()
    activations = network.forward(X, *parameters)
    gradients = network.backward(X, Y, parameters.W2, activations)
    new = network.gradient_descent_step(parameters, gradients, 0.1)
    np.testing.assert_array_equal(new.W1, parameters.W1 - 0.1 * gradients.dW1)
    np.testing.assert_array_equal(new.b2, parameters.b2 - 0.1 * gradients.db2)
    after = network.forward(X, *new).Z2
    assert network.cross_entropy(after, Y) < network.cross_entropy(activations.Z2, Y)


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_forward_names_the_wrong_matrix(name):
    X, _, parameters = problem()
    right = getattr(parameters, name).shape
    wrong = (right[0], right[1] + 1)
    bad = parameters._replace(**{name: np.zeros(wrong)})
    with pytest.raises(ValueError) as error:
        network.forward(X, *bad)
    assert name in str(error.value) and "(k" in str(error.value).replace("(K", "(k")


@pytest.mark.parametrize("shape", [(1, N + 1), (N,)])
def test_backward_names_a_wrong_y(shape):
    X, _, parameters = problem()
    activations = network.forward(X, *parameters)
    with pytest.raises(ValueError, match=r"Y has shape"):
        network.backward(X, np.zeros(shape), parameters.W2, activations)


def test_step_and_cost_name_a_wrong_shape():
    X, Y, parameters = problem()
    gradients = network.backward(
        X, Y, parameters.W2, network.forward(X, *parameters)
    )._replace(dW1=np.zeros((M, K)))
    with pytest.raises(ValueError, match="dW1 has shape"):
        network.gradient_descent_step(parameters, gradients, 0.1)
    with pytest.raises(ValueError, match="Y has shape"):
        network.cross_entropy(np.zeros((1, N)), np.zeros((1, N + 1)))
