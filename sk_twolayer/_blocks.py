"""Samples a block at a time: in order for sums over all of them, or shuffled.

Samples are rows here, as scikit-learn stores them. A block holds its features
beside a column of ones, which carries b1 through the same matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sk_twolayer._outputs import Output

Array = NDArray[Any]

# A worker's buffers should stay in a core's second-level cache.
BUFFER_BYTES = 2**21
# Standardised samples are kept between evaluations when all of them take no more.
KEPT_BYTES = 2**25
# OpenBLAS multiplies matrices of up to a million multiply-adds without packing them
# first, which for narrow ones is up to twice as fast; so a block goes to BLAS in
# chunks of so many rows.
SMALL_PRODUCT = 1_000_000
CHUNK_ROWS = 256
CACHE_LINE = 64
# Shuffled rows are gathered for several batches at a time.
GATHER_ROWS = 4096


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


class Block(NamedTuple):
    """A block as the sums need it.

    Attributes
    ----------
    X : ndarray of shape (b, m + 1) or CSR matrix of shape (b, m), float
        Standardised samples beside a 1; sparse ones as they are.
    targets : ndarray of shape (b, 1) or (b, K)
        What the output layer prepared.
    weight : ndarray of shape (b,), float, or None
        Weights; None is all ones.
    """

    X: Any
    targets: Array
    weight: Array | None


def aligned(shape: tuple[int, int], dtype: Any) -> Array:
    """Uninitialised array on a cache line's boundary: BLAS reads it a third faster.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    dtype : dtype
        Type of a number.

    Returns
    -------
    ndarray of the shape, dtype
        The array, C-contiguous.
    """
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    raw = np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    array: Array = raw[start : start + size].view(dtype).reshape(shape)
    return array


def with_ones(rows: int, m: int, dtype: Any) -> Array:
    """Array for a block's samples, its last column filled with ones.

    Parameters
    ----------
    rows, m : int
        Samples and features.
    dtype : dtype
        Type of a number.

    Returns
    -------
    ndarray of shape (rows, m + 1), dtype
        The array; its features are uninitialised.
    """
    X = aligned((rows, m + 1), dtype)
    X[:, -1] = 1
    return X


def choose_block_rows(X: Any, k: int, n_threads: int = 1) -> int:
    """Rows of a block: its buffers fill the cache, and each thread has as many.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float
        Samples in rows.
    k : int
        Hidden neurons.
    n_threads : int, default=1
        Threads that share the blocks.

    Returns
    -------
    int
        Rows, a multiple of 64, and of `CHUNK_ROWS` where there are as many.
    """
    n, m = (int(size) for size in X.shape)
    if sparse.issparse(X):
        # The features that a sample does not have take no place.
        m = int(X.nnz) // n + 1
    itemsize = int(X.dtype.itemsize)
    # Threads hand Python's lock over between array operations, which costs more than
    # cache misses do: with several, fewer and larger blocks are faster.
    bytes_ = BUFFER_BYTES if n_threads == 1 else 2 * BUFFER_BYTES
    rows = min(bytes_ // (itemsize * (2 * m + k + 8)), 8192)
    rounds = max(1, -(-n // (max(rows, 1) * n_threads)))
    rows = min(rows, -(-n // (rounds * n_threads)))
    unit = CHUNK_ROWS if rows >= CHUNK_ROWS else 64
    return max(-(-rows // unit), 1) * unit


def chunks(A: Array, n_products: int) -> Array:
    """View of (b, c) as (b / 256, 256, c), so that matmul calls BLAS for each chunk.

    Parameters
    ----------
    A : ndarray of shape (b, c), any dtype
        Samples in rows.
    n_products : int
        Multiply-adds for each row.

    Returns
    -------
    ndarray of shape (b / 256, 256, c) or (b, c)
        The view; A itself where one call is as good.
    """
    rows, columns = A.shape
    if (
        rows <= CHUNK_ROWS
        or rows % CHUNK_ROWS
        or n_products * CHUNK_ROWS > SMALL_PRODUCT
    ):
        return A
    return A.reshape(-1, CHUNK_ROWS, columns)


class SampleBlocks:
    """The training samples, cut into blocks.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows, used where they lie.
    targets : ndarray of shape (n,) or (n, K), integer
        Targets, as `output` takes them.
    output : Output
        Prepares the targets.
    sample_weight : ndarray of shape (n,), float64, or None
        Weights; None is all ones.
    standardisation : Standardisation or None
        Applied to dense samples as they are loaded.
    rows : int
        Samples in a block.

    Attributes
    ----------
    total : float
        Sum of the weights.
    is_sparse : bool
        Whether X is sparse.
    """

    def __init__(
        self,
        X: Any,
        targets: Array,
        output: Output,
        sample_weight: Array | None,
        standardisation: Standardisation | None,
        rows: int,
    ) -> None:
        self.n, self.m = X.shape
        self.X, self.targets, self.sample_weight = X, targets, sample_weight
        self.output, self.dtype = output, X.dtype
        self.total = float(self.n if sample_weight is None else np.sum(sample_weight))
        self.is_sparse = bool(sparse.issparse(X))
        self.rows = min(rows, self.n)
        self._starts = range(0, self.n, self.rows)
        self._shift = None
        if standardisation is not None:
            self._shift = tuple(a.astype(self.dtype) for a in standardisation)
        self._keep = (
            self.is_sparse or self.n * (self.m + 1) * self.dtype.itemsize <= KEPT_BYTES
        )
        self._kept: dict[int, Block] = {}
        if self._keep:
            kept_X: Any = X
            if not self.is_sparse:
                kept_X = with_ones(self.n, self.m, self.dtype)
                self._standardise(X, kept_X)
            everything = self._targets_and_weight(slice(0, self.n))
            self._all = Block(kept_X, *everything)

    def __len__(self) -> int:
        return len(self._starts)

    def load(self, i: int, buffer: Array) -> Block:
        """Block i; kept for the next time where all blocks are small.

        Parameters
        ----------
        i : int
            Which block.
        buffer : ndarray of shape (rows, m + 1), float
            From `with_ones`; holds the block where it is not kept.

        Returns
        -------
        Block
            Samples, targets and weights.
        """
        if i in self._kept:
            return self._kept[i]
        start = self._starts[i]
        rows = slice(start, min(start + self.rows, self.n))
        if self._keep:
            return self._kept.setdefault(i, _part(self._all, rows))
        return self._read(rows, buffer)

    def batches(
        self, batch_size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[Block, float]]:
        """Every sample once, in random order and in batches.

        Parameters
        ----------
        batch_size : int
            Samples in a batch; the last one may have fewer.
        rng : RandomState
            Draws the order.

        Yields
        ------
        batch : Block
            The next batch.
        share : float
            Its part of all samples, in (0, 1].
        """
        order = rng.permutation(self.n)
        group_rows = batch_size * max(1, GATHER_ROWS // batch_size)
        buffer = None
        if not self._keep:
            buffer = with_ones(group_rows, self.m, self.dtype)
        for start in range(0, self.n, group_rows):
            group = self._gather(order[start : start + group_rows], buffer)
            length = len(group.targets)
            for first in range(0, length, batch_size):
                rows = slice(first, min(first + batch_size, length))
                yield _part(group, rows), (rows.stop - rows.start) / self.n

    def _gather(self, rows: Array, buffer: Array | None) -> Block:
        if buffer is None:
            X, targets, weight = self._all
            X = X[rows] if self.is_sparse else X.take(rows, axis=0)
            weight = None if weight is None else weight[rows]
            return Block(X, targets.take(rows, axis=0), weight)
        return self._read(rows, buffer)

    def _read(self, rows: slice | Array, buffer: Array) -> Block:
        """Some rows of a dense X that is not kept, in the buffer."""
        targets, weight = self._targets_and_weight(rows)
        X = buffer[: len(targets)]
        self._standardise(self.X[rows], X)
        return Block(X, targets, weight)

    def _standardise(self, rows: Array, out: Array) -> None:
        features = out[:, :-1]
        if self._shift is None:
            features[...] = rows
            return
        center, scale = self._shift
        # Subtracting in the input's own precision is exact near the centre.
        np.subtract(rows, center, out=features)
        features *= scale

    def _targets_and_weight(self, rows: slice | Array) -> tuple[Array, Array | None]:
        targets = self.output.prepare(self.targets[rows], self.dtype)
        if self.sample_weight is None:
            return targets, None
        return targets, self.sample_weight[rows].astype(self.dtype)


def _part(block: Block, rows: slice) -> Block:
    """View of some rows."""
    X, targets, weight = block
    X = X[rows] if isinstance(X, np.ndarray) else _row_view(X, rows)
    return Block(X, targets[rows], None if weight is None else weight[rows])


def _row_view(X: Any, rows: slice) -> Any:
    """Rows of a CSR matrix that share its memory."""
    start, stop = X.indptr[rows.start], X.indptr[rows.stop]
    indptr = X.indptr[rows.start : rows.stop + 1] - start
    parts = (X.data[start:stop], X.indices[start:stop], indptr)
    return type(X)(parts, shape=(len(indptr) - 1, X.shape[1]), copy=False)
