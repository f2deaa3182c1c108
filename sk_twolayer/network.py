"""The article's network: one line of code an equation, samples in columns.

The letters are ``m`` features, ``n`` samples, ``k`` hidden neurons and ``K``
output neurons; the article has ``K = 1``. This module is the reference that
everything else in the package is tested against.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.special
from numpy.typing import NDArray
from scipy.special import expit

Matrix = NDArray[Any]


class Activations(NamedTuple):
    """What `forward` computes.

    Attributes
    ----------
    Z1 : ndarray of shape (k, n), float
        Hidden pre-activation, neuron x sample.
    A1 : ndarray of shape (k, n), float
        Hidden activation, neuron x sample.
    Z2 : ndarray of shape (K, n), float
        Output pre-activation, output x sample.
    A2 : ndarray of shape (K, n), float
        Output activation: the probabilities, output x sample.
    """

    Z1: Matrix
    A1: Matrix
    Z2: Matrix
    A2: Matrix


class Gradients(NamedTuple):
    """What `backward` computes; dW has the shape of W.

    Attributes
    ----------
    dZ2 : ndarray of shape (K, n), float
        Each sample's cost by its Z2, output x sample.
    dW2 : ndarray of shape (K, k), float
        Mean cost by W2, output x neuron.
    db2 : ndarray of shape (K, 1), float
        Mean cost by b2.
    dZ1 : ndarray of shape (k, n), float
        Each sample's cost by its Z1, neuron x sample.
    dW1 : ndarray of shape (k, m), float
        Mean cost by W1, neuron x feature.
    db1 : ndarray of shape (k, 1), float
        Mean cost by b1.
    """

    dZ2: Matrix
    dW2: Matrix
    db2: Matrix
    dZ1: Matrix
    dW1: Matrix
    db1: Matrix


class Parameters(NamedTuple):
    """The four matrices that are learned.

    Attributes
    ----------
    W1 : ndarray of shape (k, m), float
        First layer's weights, neuron x feature.
    b1 : ndarray of shape (k, 1), float
        First layer's biases.
    W2 : ndarray of shape (K, k), float
        Second layer's weights, output x neuron.
    b2 : ndarray of shape (K, 1), float
        Second layer's biases.
    """

    W1: Matrix
    b1: Matrix
    W2: Matrix
    b2: Matrix


def sigmoid(Z: Matrix) -> Matrix:
    """Sigmoid, 1 / (1 + exp(-Z)), elementwise and without overflow.

    Parameters
    ----------
    Z : ndarray of any shape, float
        Pre-activation.

    Returns
    -------
    ndarray of the shape of Z, float
        Activation in [0, 1]. Source: the article's A = sigma(Z).
    """
    return np.asarray(expit(Z))


def sigmoid_derivative(Z: Matrix) -> Matrix:
    """Derivative of the sigmoid, sigma(Z) (1 - sigma(Z)), elementwise.

    Parameters
    ----------
    Z : ndarray of any shape, float
        Pre-activation.

    Returns
    -------
    ndarray of the shape of Z, float
        Slope in [0, 1/4]. Source: the article's g1'(Z1).
    """
    # sigma(-Z), since 1 - sigma(Z) cancels to 0 for Z above 37.
    return np.asarray(expit(Z) * expit(-Z))


def softmax(Z: Matrix) -> Matrix:
    """Softmax, exp(Z) / sum(exp(Z)) down each column, without overflow.

    For K > 2 classes; the sigmoid is the two-class case.

    Parameters
    ----------
    Z : ndarray of shape (K, n), float
        Pre-activation, output x sample.

    Returns
    -------
    ndarray of shape (K, n), float
        Activation in [0, 1], each column summing to 1. Source: Bishop, Pattern
        Recognition and Machine Learning, equation 4.104.
    """
    return np.asarray(scipy.special.softmax(Z, axis=0))


def cross_entropy(Z2: Matrix, Y: Matrix, output: str = "sigmoid") -> float:
    """Mean cross-entropy cost, from Z2 so that it is finite for any finite Z2.

    Parameters
    ----------
    Z2 : ndarray of shape (K, n), float
        Output pre-activation, output x sample.
    Y : ndarray of shape (K, n), float
        Targets, 0 or 1, output x sample.
    output : {"sigmoid", "softmax"}, default="sigmoid"
        The output's activation.

    Returns
    -------
    float
        The cost in nats: -(1/n) sum(Y log A2 + (1 - Y) log(1 - A2)), or with
        softmax -(1/n) sum(Y log A2).

    Raises
    ------
    ValueError
        If Y is not of the shape of Z2, or output is another name.
    """
    _check_output(output)
    Z2, Y = np.asarray(Z2), np.asarray(Y)
    _check_2d(Z2=Z2, Y=Y)
    _check_shape("Y", Y, Z2.shape, "(K, n), as Z2")
    n = Z2.shape[1]
    if output == "softmax":
        return float(-np.sum(Y * scipy.special.log_softmax(Z2, axis=0)) / n)
    # -log A2 is log(1 + exp(-Z2)), and -log(1 - A2) is log(1 + exp(Z2)).
    losses = Y * np.logaddexp(0, -Z2) + (1 - Y) * np.logaddexp(0, Z2)
    return float(np.sum(losses) / n)


def forward(
    X: Matrix,
    W1: Matrix,
    b1: Matrix,
    W2: Matrix,
    b2: Matrix,
    output: str = "sigmoid",
) -> Activations:
    """Forward pass.

    Parameters
    ----------
    X : ndarray of shape (m, n), float
        Input A0, feature x sample.
    W1 : ndarray of shape (k, m), float
        First layer's weights, neuron x feature.
    b1 : ndarray of shape (k, 1), float
        First layer's biases.
    W2 : ndarray of shape (K, k), float
        Second layer's weights, output x neuron.
    b2 : ndarray of shape (K, 1), float
        Second layer's biases.
    output : {"sigmoid", "softmax"}, default="sigmoid"
        The output's activation.

    Returns
    -------
    Activations
        Z1, A1, Z2 and A2. Source: the article's forward pass.

    Raises
    ------
    ValueError
        If a matrix is not of the shape that the others need, or output is another
        name.
    """
    _check_output(output)
    X, W1, b1, W2, b2 = map(np.asarray, (X, W1, b1, W2, b2))
    _check_2d(X=X, W1=W1, b1=b1, W2=W2, b2=b2)
    m, k, outputs = X.shape[0], W1.shape[0], W2.shape[0]
    _check_shape("W1", W1, (k, m), "(k, m), m being the rows of X")
    _check_shape("b1", b1, (k, 1), "(k, 1), k being the rows of W1")
    _check_shape("W2", W2, (outputs, k), "(K, k), k being the rows of W1")
    _check_shape("b2", b2, (outputs, 1), "(K, 1), K being the rows of W2")
    Z1 = W1 @ X + b1
    A1 = sigmoid(Z1)
    Z2 = W2 @ A1 + b2
    A2 = softmax(Z2) if output == "softmax" else sigmoid(Z2)
    return Activations(Z1, A1, Z2, A2)


def backward(X: Matrix, Y: Matrix, W2: Matrix, activations: Activations) -> Gradients:
    """Backward pass: the gradient of the mean cross-entropy.

    Parameters
    ----------
    X : ndarray of shape (m, n), float
        Input A0, feature x sample.
    Y : ndarray of shape (K, n), float
        Targets, 0 or 1, output x sample.
    W2 : ndarray of shape (K, k), float
        Second layer's weights, output x neuron.
    activations : Activations
        What `forward` returned for X.

    Returns
    -------
    Gradients
        Six matrices: dZ2, dW2, db2, dZ1, dW1 and db1. Source: the article's
        backward pass.

    Raises
    ------
    ValueError
        If a matrix is not of the shape that the others need.
    """
    X, Y, W2 = map(np.asarray, (X, Y, W2))
    _check_2d(X=X, Y=Y, W2=W2, **activations._asdict())
    Z1, A1, Z2, A2 = activations
    n, (k, outputs) = X.shape[1], (Z1.shape[0], Y.shape[0])
    _check_shape("Y", Y, (outputs, n), "(K, n), n being the columns of X")
    _check_shape("W2", W2, (outputs, k), "(K, k), K the rows of Y, k those of Z1")
    _check_shape("Z1", Z1, (k, n), "(k, n), n being the columns of X")
    _check_shape("A1", A1, (k, n), "(k, n), as Z1")
    _check_shape("Z2", Z2, (outputs, n), "(K, n), as Y")
    _check_shape("A2", A2, (outputs, n), "(K, n), as Y")
    dZ2 = A2 - Y
    dW2 = (1 / n) * dZ2 @ A1.T
    db2 = (1 / n) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = W2.T @ dZ2 * sigmoid_derivative(Z1)
    dW1 = (1 / n) * dZ1 @ X.T
    db1 = (1 / n) * np.sum(dZ1, axis=1, keepdims=True)
    return Gradients(dZ2, dW2, db2, dZ1, dW1, db1)


def gradient_descent_step(
    parameters: Parameters, gradients: Gradients, learning_rate: float
) -> Parameters:
    """One step of gradient descent, W <- W - learning_rate dW.

    Parameters
    ----------
    parameters : Parameters
        W1, b1, W2 and b2.
    gradients : Gradients
        What `backward` returned for them.
    learning_rate : float
        Step length.

    Returns
    -------
    Parameters
        The new matrices. Source: the article's gradient descent.

    Raises
    ------
    ValueError
        If a gradient is not of its parameter's shape.
    """
    for name in Parameters._fields:
        gradient, parameter = getattr(gradients, "d" + name), getattr(parameters, name)
        _check_shape("d" + name, gradient, np.shape(parameter), f"that of {name}")
    W1 = parameters.W1 - learning_rate * gradients.dW1
    b1 = parameters.b1 - learning_rate * gradients.db1
    W2 = parameters.W2 - learning_rate * gradients.dW2
    b2 = parameters.b2 - learning_rate * gradients.db2
    return Parameters(W1, b1, W2, b2)


def _check_output(output: str) -> None:
    if output not in ("sigmoid", "softmax"):
        raise ValueError(f"output={output!r}; it must be 'sigmoid' or 'softmax'.")


def _check_2d(**matrices: Matrix) -> None:
    for name, matrix in matrices.items():
        if np.ndim(matrix) != 2:
            raise ValueError(
                f"{name} has shape {np.shape(matrix)}; it needs two dimensions."
            )


def _check_shape(
    name: str, matrix: Matrix, shape: tuple[int, ...], letters: str
) -> None:
    if np.shape(matrix) != shape:
        raise ValueError(
            f"{name} has shape {np.shape(matrix)}; it needs {shape} = {letters}."
        )
