"""The cost and its gradient as a sum over blocks of samples: the only hot code.

Samples are rows here, as scikit-learn stores them. With T = tanh(Z1 / 2) the
sigmoid is A1 = (1 + T) / 2 and its derivative (1 - T^2) / 4; the halves are
folded into the small weight matrices, so that the (block, k) array costs one
matrix product, one tanh and one square. A column of ones beside the features
carries b1 through the same products.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sk_twolayer._outputs import Output
from sk_twolayer._threads import Workers
from sk_twolayer.network import Parameters

Array = NDArray[Any]

# A worker's buffers should stay in a core's second-level cache.
BUFFER_BYTES = 2**21
# Multiply-adds up to which OpenBLAS multiplies without packing its operands first:
# for narrow matrices that is up to twice as fast, so blocks go to BLAS in chunks.
SMALL_PRODUCT = 1_000_000
CHUNK_ROWS = 256
CACHE_LINE = 64
# Standardised samples are kept between evaluations when all of them take no more.
KEPT_BYTES = 2**25


def choose_block_rows(m: int, k: int, itemsize: int) -> int:
    """Rows of a block: its buffers fill the cache, between 64 and 8192 rows.

    Parameters
    ----------
    m, k : int
        Features and hidden neurons.
    itemsize : int
        Bytes of a number.

    Returns
    -------
    int
        Rows, a multiple of 64, and of `CHUNK_ROWS` where there are as many.
    """
    rows = min(BUFFER_BYTES // (itemsize * (2 * m + k + 8)), 8192)
    unit = CHUNK_ROWS if rows >= CHUNK_ROWS else 64
    return max(rows // unit, 1) * unit


class Standardisation(NamedTuple):
    """Change of variables: training sees (X - center) * scale.

    Attributes
    ----------
    center : ndarray of shape (m,), float64
        Subtracted from each feature.
    scale : ndarray of shape (m,), float64
        Multiplies each feature.
    """

    center: Array
    scale: Array


def _aligned(shape: tuple[int, int], dtype: Any) -> Array:
    """Uninitialised array on a cache line's boundary: BLAS reads it a third faster."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    raw = np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(dtype).reshape(shape)


class _Buffers:
    """One worker's arrays, reused from block to block."""

    def __init__(
        self, rows: int, m: int, k: int, n_outputs: int, n_product: int, dtype: Any
    ) -> None:
        self.X = _aligned((rows, m + 1), dtype)
        self.X[:, -1] = 1
        self.T = _aligned((rows, k), dtype)
        self.Z2 = _aligned((rows, n_outputs), dtype)
        self.product = _aligned((rows, n_product), dtype)


class _Block(NamedTuple):
    """A block as the sums need it: samples beside a 1, targets and weights."""

    X: Any
    targets: Array
    weight: Array | None


class _Layers(NamedTuple):
    """The weights as the blocks use them: halves folded in, in X's dtype."""

    into: Array
    half: Array
    offset: Array
    back: Array | None


def _chunks(A: Array, rows: int) -> Array:
    """View (b, c) as (b / rows, rows, c) for one BLAS call a chunk, where it fits."""
    if rows and len(A) > rows and len(A) % rows == 0:
        return A.reshape(-1, rows, A.shape[1])
    return A


def _transposed_product(A: Array, B: Array) -> Array:
    """A' B of two chunked or plain arrays."""
    product = np.matmul(np.swapaxes(A, -1, -2), B)
    return product.sum(axis=0) if product.ndim == 3 else product


def _row_view(X: Any, rows: slice) -> Any:
    """Rows of a CSR matrix that share its memory."""
    start, stop = X.indptr[rows.start], X.indptr[rows.stop]
    indptr = X.indptr[rows.start : rows.stop + 1] - start
    parts = (X.data[start:stop], X.indices[start:stop], indptr)
    return type(X)(parts, shape=(len(indptr) - 1, X.shape[1]), copy=False)


class CrossEntropyObjective:
    """(sum of weighted cross-entropies + alpha/2 (|W1|^2 + |W2|^2)) / sum of weights.

    Solvers see one flat vector theta: the matrix (m + 1, k) that holds W1' over b1',
    then the matrix (k + 1, K) that holds W2' over b2'. With a standardisation these
    belong to inputs that are centred and scaled, the features by it and the hidden
    activations by 1/2 (centred at 1/2); `to_parameters` undoes it, and the cost is
    always that of the original weights.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows, used where they lie.
    targets : ndarray of shape (n,) or (n, K), integer
        Targets, as `output` takes them.
    n_hidden : int
        Hidden neurons, k.
    n_outputs : int
        Output neurons, K.
    output : Output
        The output layer, sigmoid or softmax.
    alpha : float, default=0.0
        L2 penalty.
    sample_weight : ndarray of shape (n,), float64, default=None
        Weights; None is all ones.
    standardisation : Standardisation, default=None
        The change of variables; None trains on the article's own parameters.
    workers : Workers, default=None
        Threads; None is the calling one.
    block_rows : int, default=None
        Samples in a block; None chooses from m, k and the cache.

    Attributes
    ----------
    size : int
        Number of parameters, (m + 1) k + (k + 1) K.
    resolution : float
        Relative rounding error of the cost, that of X's dtype.
    """

    def __init__(
        self,
        X: Any,
        targets: Array,
        n_hidden: int,
        n_outputs: int,
        output: Output,
        *,
        alpha: float = 0.0,
        sample_weight: Array | None = None,
        standardisation: Standardisation | None = None,
        workers: Workers | None = None,
        block_rows: int | None = None,
    ) -> None:
        n, m = X.shape
        self.X, self.targets, self.output = X, targets, output
        self.alpha, self.sample_weight = alpha, sample_weight
        self.total = float(n if sample_weight is None else np.sum(sample_weight))
        self.m, self.k, self.n_outputs = m, n_hidden, n_outputs
        self.size = (m + 1) * n_hidden + (n_hidden + 1) * n_outputs
        self.dtype = X.dtype
        self.resolution = float(np.finfo(self.dtype).eps)
        self.centred = standardisation is not None
        self.center, self.scale = standardisation or Standardisation(
            np.zeros(m), np.ones(m)
        )
        self._center, self._scale = (
            a.astype(self.dtype) for a in (self.center, self.scale)
        )
        self._penalty_scale = self.alpha * self.scale[:, None] ** 2
        self._sparse = sparse.issparse(X)
        self.workers = workers or Workers()
        rows = block_rows or choose_block_rows(
            0 if self._sparse else m, n_hidden, self.dtype.itemsize
        )
        self.block_rows = min(rows, n)
        small = CHUNK_ROWS * (m + 1) * n_hidden <= SMALL_PRODUCT
        self._chunk_rows = CHUNK_ROWS if small else 0
        self._starts = range(0, n, self.block_rows)
        self._kept: dict[int, _Block] = {}
        self._keep = self._sparse or n * (m + 1) * self.dtype.itemsize <= KEPT_BYTES
        # With one output diag(dZ2) X is enough; else all of dZ1 is needed.
        self._needs_dZ1 = self._sparse or n_outputs > 1
        self._buffers = [
            _Buffers(
                self.block_rows,
                0 if self._sparse else m,
                n_hidden,
                n_outputs,
                n_hidden if self._needs_dZ1 else m + 1,
                self.dtype,
            )
            for _ in range(min(self.workers.n_threads, len(self._starts)))
        ]

    def split(self, theta: Array) -> tuple[Array, Array]:
        """View a flat vector as its two matrices.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.

        Returns
        -------
        first : ndarray of shape (m + 1, k), float64
            W1' over b1'.
        second : ndarray of shape (k + 1, K), float64
            W2' over b2'.
        """
        cut = (self.m + 1) * self.k
        return (
            theta[:cut].reshape(self.m + 1, self.k),
            theta[cut:].reshape(self.k + 1, self.n_outputs),
        )

    def to_parameters(self, theta: Array) -> Parameters:
        """The article's matrices, on the original features.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.

        Returns
        -------
        Parameters
            W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), float64.
        """
        first, second = self.split(theta)
        W1 = np.ascontiguousarray((first[:-1] * self.scale[:, None]).T)
        b1 = first[-1][:, None] - (W1 @ self.center)[:, None]
        W2 = np.ascontiguousarray(second[:-1].T)
        b2 = second[-1][:, None].copy()
        if self.centred:
            b2 -= 0.5 * W2.sum(axis=1, keepdims=True)
        return Parameters(W1, b1, W2, b2)

    def from_parameters(self, parameters: Parameters) -> Array:
        """Flat vector of the article's matrices; the inverse of `to_parameters`.

        Parameters
        ----------
        parameters : Parameters
            W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).

        Returns
        -------
        ndarray of shape (size,), float64
            Flat parameters.
        """
        W1, b1, W2, b2 = (np.asarray(p, dtype=float) for p in parameters)
        theta = np.empty(self.size)
        first, second = self.split(theta)
        first[:-1] = W1.T / self.scale[:, None]
        first[-1] = b1[:, 0] + W1 @ self.center
        second[:-1] = W2.T
        second[-1] = b2[:, 0]
        if self.centred:
            second[-1] += 0.5 * W2.sum(axis=1)
        return theta

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost and gradient at `theta`.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.

        Returns
        -------
        cost : float
            The cost, in nats.
        gradient : ndarray of shape (size,), float64
            Its gradient, of `theta`'s layout.
        """
        layers = self._layers(theta)
        n_threads = len(self._buffers)
        parts = self.workers.run(
            lambda i: self._sum_blocks(layers, i, n_threads), n_threads
        )
        cost, sums = parts[0]
        for other_cost, other in parts[1:]:
            cost += other_cost
            sums += other
        return self._finish(theta, cost, sums)

    def _layers(self, theta: Array) -> _Layers:
        first, second = self.split(theta)
        half = 0.5 * second[:-1]
        offset = second[-1] if self.centred else second[-1] + half.sum(axis=0)
        into = 0.5 * first
        if self._sparse:
            into[:-1] *= self.scale[:, None]
            into[-1] -= self.center @ into[:-1]
        dtype = self.dtype
        back = None
        if self._needs_dZ1:
            back = (0.5 * half.T).astype(dtype)
        return _Layers(
            into.astype(dtype, copy=False),
            half.astype(dtype, copy=False),
            offset.astype(dtype, copy=False),
            back,
        )

    def _sum_blocks(
        self, layers: _Layers, worker: int, n_workers: int
    ) -> tuple[float, Array]:
        """Cost and gradient sums over one worker's run of blocks."""
        sums = np.zeros(self.size)
        first, second = self.split(sums)
        cost = 0.0
        n_blocks = len(self._starts)
        buffers = self._buffers[worker]
        begin, end = (n_blocks * w // n_workers for w in (worker, worker + 1))
        for i in range(begin, end):
            cost += self._add_block(
                self._load(i, buffers), layers, buffers, first, second
            )
        return cost, sums

    def _load(self, i: int, buffers: _Buffers) -> _Block:
        """Block i, standardised, beside its targets and weights."""
        if i in self._kept:
            return self._kept[i]
        start = self._starts[i]
        rows = slice(start, min(start + self.block_rows, self.X.shape[0]))
        length = rows.stop - rows.start
        if self._sparse:
            X = _row_view(self.X, rows)
        else:
            if self._keep:
                X = _aligned((length, self.m + 1), self.dtype)
                X[:, -1] = 1
            else:
                X = buffers.X[:length]
            features = X[:, :-1]
            if self.centred:
                # Subtracting in the input's own precision is exact near the centre.
                np.subtract(self.X[rows], self._center, out=features)
                features *= self._scale
            else:
                features[...] = self.X[rows]
        weight = None
        if self.sample_weight is not None:
            weight = self.sample_weight[rows].astype(self.dtype)
        block = _Block(X, self.output.prepare(self.targets[rows], self.dtype), weight)
        if self._keep:
            self._kept[i] = block
        return block

    def _add_block(
        self,
        block: _Block,
        layers: _Layers,
        buffers: _Buffers,
        first: Array,
        second: Array,
    ) -> float:
        """Add a block's gradient sums; return the sum of its costs."""
        X, targets, weight = block
        length, chunk = X.shape[0], self._chunk_rows
        T, Z2 = buffers.T[:length], buffers.Z2[:length]
        T_chunks = _chunks(T, chunk)
        if self._sparse:
            np.add(X @ layers.into[:-1], layers.into[-1], out=T)
        else:
            X_chunks = _chunks(X, chunk)
            np.matmul(X_chunks, layers.into, out=T_chunks)
        np.tanh(T, out=T)
        np.dot(T, layers.half, out=Z2)
        Z2 += layers.offset
        costs, dZ2 = self.output.costs(Z2, targets)
        if weight is not None:
            costs *= weight
            dZ2 *= weight[:, None]
        second[:-1] += np.dot(T.T, dZ2)
        second[-1] += dZ2.sum(axis=0)
        np.multiply(T, T, out=T)
        product = buffers.product[:length]
        if layers.back is None:
            # One output: X' diag(dZ2)(1 - T^2) needs no (n, k) dZ1, and the
            # factor W2 / 4 scales the result's columns at the end.
            np.multiply(X, dZ2, out=product)
            first -= _transposed_product(_chunks(product, chunk), T_chunks)
            first += np.dot(X.T, dZ2)
        else:
            dZ1 = np.dot(dZ2, layers.back, out=product)
            np.subtract(1, T, out=T)
            dZ1 *= T
            if self._sparse:
                first[:-1] += X.T @ dZ1
                first[-1] += dZ1.sum(axis=0)
            else:
                first += _transposed_product(X_chunks, _chunks(dZ1, chunk))
        return float(costs.sum(dtype=float))

    def _finish(self, theta: Array, cost: float, sums: Array) -> tuple[float, Array]:
        """Turn the sums over blocks into the mean cost and its gradient."""
        first, second = self.split(sums)
        W1, W2 = (matrix[:-1] for matrix in self.split(theta))
        if self._sparse:
            first[:-1] -= self.center[:, None] * first[-1]
            first[:-1] *= self.scale[:, None]
        elif self.n_outputs == 1:
            first *= 0.25 * W2[:, 0]
        second[:-1] *= 0.5
        if not self.centred:
            second[:-1] += 0.5 * second[-1]
        if self.alpha:
            slope = self._penalty_scale * W1
            cost += 0.5 * (np.vdot(slope, W1) + self.alpha * np.vdot(W2, W2))
            first[:-1] += slope
            second[:-1] += self.alpha * W2
        sums /= self.total
        return float(cost) / self.total, sums
