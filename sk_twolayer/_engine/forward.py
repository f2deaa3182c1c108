"""Prediction: the forward pass over blocks of samples, in rows.

It is that of training, `layers`, at theta of the trained weights: samples stay raw, and
what is not precise enough raw is centred, in both by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax

from sk_twolayer._engine.blocks import MOST_ROWS, Block, aligned, choose_block_rows
from sk_twolayer._engine.layers import Folding, ForwardPass
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers, share
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters

GRADIENT_ROWS = 1024
NO_TARGETS = np.empty(0)


class Network:
    """A trained network that is applied to samples, block by block.

    Parameters
    ----------
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).
    standardisation : Standardisation
        That of training.
    workers : Workers
        Threads.
    """

    def __init__(
        self,
        parameters: Parameters,
        standardisation: Standardisation,
        workers: Workers,
    ) -> None:
        (K, k), m = parameters.W2.shape, parameters.W1.shape[1]
        self._layout, self._standardisation = Layout(m, k, K), standardisation
        self._theta = self._layout.from_parameters(parameters, standardisation)
        self._workers = workers

    def apply(
        self,
        X: Any,
        function: Callable[[Array, Array], None],
        n_columns: int,
        check_finite: Callable[[Any], None],
        change: Callable[[Any, Array, Array], Array] | None = None,
    ) -> Array:
        """Apply a function to Z2.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, m), float64 or float32
            Samples in rows.
        function : callable
            Takes Z2 of a block (b, K), which it may change, and fills (b, n_columns).
        n_columns : int
            Columns of the result.
        check_finite : callable
            Takes a block whose sum is not finite; raises where an entry is not. Checked
            here, in cache and in threads, since a pass of its own over X takes a tenth
            of the time.
        change : callable, default=None
            Takes a block's samples, T and Z2, and gives what `function` takes for Z2.

        Returns
        -------
        ndarray of shape (n, n_columns), dtype of X
            The function's values.
        """
        (n, _), (_, k, K), workers = X.shape, self._layout, self._workers
        # The same folding as in training, of the same theta: X is used as it lies.
        folding = Folding(
            self._layout, self._standardisation, X.dtype, sparse.issparse(X)
        )
        layers = folding.layers(self._theta)
        result = np.empty((n, n_columns), X.dtype)
        rows = choose_block_rows(X, k, workers.n_threads)
        n_blocks = -(-n // rows)
        n_parts = min(workers.n_threads, n_blocks)
        # The function is called for several blocks together, since for few outputs its
        # operations are short; what is uncertain is computed a block at a time.
        together = max(1, MOST_ROWS // (rows * K)) if change is None else 1

        def part(worker: int) -> None:
            network = ForwardPass(folding, rows)
            outputs = aligned((together * rows, K), X.dtype)
            blocks = share(n_blocks, worker, n_parts)
            for i in range(0, len(blocks), together):
                group = blocks[i : i + together]
                first, last = group.start * rows, min(group.stop * rows, n)
                Z2 = outputs[: last - first]
                for start in range(first, last, rows):
                    block = X[start : min(start + rows, last)]
                    # A finite sum has finite terms only. The reverse does not hold, so
                    # an infinite one is a reason to look.
                    if not np.isfinite(block.sum()):
                        check_finite(block)
                    of_block = Z2[start - first : start - first + block.shape[0]]
                    samples = Block(block, NO_TARGETS)
                    _, T = network.forward(samples, layers, of_block)
                    if change is not None:
                        Z2 = change(block, T, of_block)
                function(Z2, result[first:last])

        # A sum or a Z1 beyond the largest number is infinite: the neuron is saturated.
        with np.errstate(over="ignore", invalid="ignore"):
            workers.run(part, n_parts)
        return result


def input_gradients(X: Any, parameters: Parameters, activation: str) -> Array:
    """Gradient dA2/dX (n, K, m), float64, of each output by each feature.

    Source: the chain rule through A2, Z2, A1 and Z1; `activation` is the output's.
    """
    W1, b1, W2, b2 = parameters
    n, m = X.shape
    result = np.empty((n, len(W2), m))
    for start in range(0, n, GRADIENT_ROWS):
        block = X[start : start + GRADIENT_ROWS]
        # Three factors, in the article's names: dA2/dZ2, dZ2/dZ1 and dZ1/dX.
        A1 = expit(np.asarray(block @ W1.T) + b1[:, 0])
        Z2 = A1 @ W2.T + b2[:, 0]
        # By Z2 and by A1: (b, K, k); W1 then leads on to the features.
        slopes = W2 * (A1 * (1 - A1))[:, None, :]
        if activation == "softmax":
            A2 = softmax(Z2, axis=1)
            # dA2_i/dZ2_j = A2_i (1_ij - A2_j): each output's slope less their mean.
            mean = np.einsum("bo,bok->bk", A2, slopes)
            slopes = A2[:, :, None] * (slopes - mean[:, None, :])
        else:
            slopes *= (expit(Z2) * expit(-Z2))[:, :, None]
        np.matmul(slopes, W1, out=result[start : start + GRADIENT_ROWS])
    return result
