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


FORWARD_MESSAGES = {
    "W1": "W1 has shape (4, 4); it needs (4, 3) = (k, m), m being the rows of X.",
    "b1": "b1 has shape (4, 2); it needs (4, 1) = (k, 1), k being the rows of W1.",
    "W2": "W2 has shape (1, 5); it needs (1, 4) = (K, k), k being the rows of W1.",
    "b2": "b2 has shape (1, 2); it needs (1, 1) = (K, 1), K being the rows of W2.",
}


@pytest.mark.parametrize("name", FORWARD_MESSAGES)
def test_forward_says_which_matrix_its_shape_and_the_shape_it_needs(name):
    X, _, parameters = problem()
    right = getattr(parameters, name).shape
    wrong = (right[0], right[1] + 1)
    bad = parameters._replace(**{name: np.zeros(wrong)})
    with pytest.raises(ValueError) as error:
        network.forward(X, *bad)
    assert str(error.value) == FORWARD_MESSAGES[name]


@pytest.mark.parametrize("name", ["X", "W1", "b1", "W2", "b2"])
def test_forward_needs_two_dimensions(name):
    X, _, parameters = problem()
    matrices = {"X": X, **parameters._asdict()}
    matrices[name] = np.zeros(5)
    with pytest.raises(ValueError) as error:
        network.forward(**matrices)
    assert str(error.value) == f"{name} has shape (5,); it needs two dimensions."


BACKWARD_MESSAGES = {
    "Y": "Y has shape (1, 8); it needs (1, 7) = (K, n), n being the columns of X.",
    "W2": "W2 has shape (1, 5); it needs (1, 4) = (K, k), K the rows of Y, k those of Z1.",
    "Z1": "Z1 has shape (4, 8); it needs (4, 7) = (k, n), n being the columns of X.",
    "A1": "A1 has shape (4, 8); it needs (4, 7) = (k, n), as Z1.",
    "Z2": "Z2 has shape (1, 8); it needs (1, 7) = (K, n), as Y.",
    "A2": "A2 has shape (1, 8); it needs (1, 7) = (K, n), as Y.",
}


@pytest.mark.parametrize("name", BACKWARD_MESSAGES)
@pytest.mark.parametrize("flat", [False, True])
def test_backward_says_which_matrix_its_shape_and_the_shape_it_needs(name, flat):
    X, Y, parameters = problem()
    activations = network.forward(X, *parameters)
    given = {"Y": Y, "W2": parameters.W2, **activations._asdict()}
    rows, columns = given[name].shape
    given[name] = np.zeros(5) if flat else np.zeros((rows, columns + 1))
    matrices = network.Activations(*(given[f] for f in network.Activations._fields))
    with pytest.raises(ValueError) as error:
        network.backward(X, given["Y"], given["W2"], matrices)
    expected = f"{name} has shape (5,); it needs two dimensions."
    assert str(error.value) == (expected if flat else BACKWARD_MESSAGES[name])


def test_backward_needs_a_matrix_of_samples():
    X, Y, parameters = problem()
    activations = network.forward(X, *parameters)
    with pytest.raises(ValueError, match=r"^X has shape \(3,\); it needs two"):
        network.backward(X[:, 0], Y, parameters.W2, activations)


def test_another_output_is_refused():
    X, Y, parameters = problem()
    message = "^output='tanh'; it must be 'sigmoid' or 'softmax'.$"
    with pytest.raises(ValueError, match=message):
        network.forward(X, *parameters, output="tanh")
    with pytest.raises(ValueError, match=message):
        network.cross_entropy(Y, Y, output="tanh")


def test_step_and_cost_name_a_wrong_shape():
    X, Y, parameters = problem()
    gradients = network.backward(
        X, Y, parameters.W2, network.forward(X, *parameters)
    )._replace(dW1=np.zeros((M, K)))
    with pytest.raises(ValueError) as error:
        network.gradient_descent_step(parameters, gradients, 0.1)
    assert str(error.value) == "dW1 has shape (3, 4); it needs (4, 3) = that of W1."
    with pytest.raises(ValueError) as error:
        network.cross_entropy(np.zeros((1, N)), np.zeros((1, N + 1)))
    assert str(error.value) == "Y has shape (1, 8); it needs (1, 7) = (K, n), as Z2."
    with pytest.raises(ValueError, match=r"^Z2 has shape \(7,\); it needs two"):
        network.cross_entropy(np.zeros(N), np.zeros((1, N)))
