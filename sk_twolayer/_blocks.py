"""Samples a block at a time: in order for sums over all of them, or shuffled.

Samples are rows here, as scikit-learn stores them. A block holds its features
beside a column of ones, which carries b1 through the same matrix products.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sk_twolayer._outputs import Output

Array = NDArray[Any]

# A worker's buffers should stay in a core's second-level cache, beside what passes
# through it. Threads hand Python's lock over between array operations, which costs
# more than a few cache misses do: with several, fewer and larger blocks are faster.
BUFFER_BYTES = 5 * 2**18
THREADS_BUFFER_BYTES = 2**21
# Standardised samples are kept between evaluations when all of them take no more.
KEPT_BYTES = 2**25
# OpenBLAS multiplies matrices of up to a million multiply-adds without packing them
# first, which for narrow ones is up to twice as fast; so a block goes to BLAS in
# chunks of up to so many rows.
SMALL_PRODUCT = 1_000_000
CHUNK_ROWS = 256
CHUNK_UNIT = 32
FEWEST_ROWS = 64
CACHE_LINE = 64
# Shuffled rows are gathered for several batches at a time.
GATHER_ROWS = 4096
# Most samples of a block, and of predictions that are finished together.
MOST_ROWS = 16_384
# Targets are prepared, and one output's costs summed, for so many samples at a time:
# array operations that are short wait for Python's lock more than they compute.
GROUP_ROWS = 65_536


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
    chunks : tuple of ndarray
        Those of a dense X, for its product with the weights.
    """

    X: Any
    targets: Array
    weight: Array | None
    chunks: tuple[Array, ...] = ()


class Group(NamedTuple):
    """Blocks that follow each other.

    Attributes
    ----------
    blocks : iterable of Block
        Those, in order.
    targets : ndarray of shape (g, 1) or (g, K)
        What the output layer prepared, for all their samples.
    weight : ndarray of shape (g,), float, or None
        Weights; None is all ones.
    """

    blocks: Iterable[Block]
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
        Rows, whole chunks where they are as many, else a multiple of 64.
    """
    n, m = (int(size) for size in X.shape)
    if sparse.issparse(X):
        # The features that a sample does not have take no place.
        m = int(X.nnz) // n + 1
    itemsize = int(X.dtype.itemsize)
    bytes_ = BUFFER_BYTES if n_threads == 1 else THREADS_BUFFER_BYTES
    most = min(bytes_ // (itemsize * (2 * m + k + 8)), MOST_ROWS, -(-n // n_threads))
    unit = chunk_rows((m + 1) * k) or FEWEST_ROWS
    unit = unit if most >= unit else FEWEST_ROWS
    units = max(-(-most // unit), 1)
    if n_threads == 1:
        return units * unit

    def largest_share(rows: int) -> int:
        return -(-n // (rows * n_threads)) * rows

    candidates = range(units * unit, units // 2 * unit, -unit)
    return min(candidates, key=largest_share)


def chunk_rows(n_products: int) -> int:
    """Rows of a chunk.

    Parameters
    ----------
    n_products : int
        Multiply-adds for each row.

    Returns
    -------
    int
        A multiple of 32, up to 256; 0 where so few rows are too much for a chunk.
    """
    most = min(SMALL_PRODUCT // n_products, CHUNK_ROWS)
    return most // CHUNK_UNIT * CHUNK_UNIT


def chunks(A: Array, n_products: int) -> tuple[Array, ...]:
    """Views of (b, c) whose products matmul leaves to BLAS a chunk at a time.

    Parameters
    ----------
    A : ndarray of shape (b, c), any dtype
        Samples in rows.
    n_products : int
        Multiply-adds for each row.

    Returns
    -------
    tuple of ndarray of shape (number, rows, c)
        The chunks of `chunk_rows`, and what is left; all in one where that is as good.
    """
    length, columns = A.shape
    rows = chunk_rows(n_products)
    if not rows or length <= rows or length * n_products <= SMALL_PRODUCT:
        return (A[None],)
    number = length // rows
    whole = number * rows
    stacked = A[:whole].reshape(number, rows, columns)
    return (stacked,) if whole == length else (stacked, A[whole:][None])


class Rows:
    """An array for blocks of up to as many rows as it has, and its views.

    Parameters
    ----------
    array : ndarray of shape (rows, columns), any dtype
        The array.
    n_products : int
        Multiply-adds for each row, as `chunks` takes them.
    """

    def __init__(self, array: Array, n_products: int) -> None:
        self._array, self._n_products = array, n_products
        self._views: dict[int, tuple[Array, tuple[Array, ...]]] = {}

    def first(self, length: int) -> tuple[Array, tuple[Array, ...]]:
        """The first rows, (length, columns), and their `chunks`."""
        if length not in self._views:
            rows = self._array[:length]
            self._views[length] = rows, chunks(rows, self._n_products)
        return self._views[length]


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
    n_products : int
        Multiply-adds for each sample, as `chunks` takes them.

    Attributes
    ----------
    total : float
        Sum of the weights.
    is_sparse : bool
        Whether X is sparse.
    rows, group_rows : int
        Most samples of a block and of a group.
    """

    def __init__(
        self,
        X: Any,
        targets: Array,
        output: Output,
        sample_weight: Array | None,
        standardisation: Standardisation | None,
        rows: int,
        n_products: int,
    ) -> None:
        self.n, self.m = X.shape
        self._n_products = n_products
        self.X, self.targets, self.sample_weight = X, targets, sample_weight
        self.output, self.dtype = output, X.dtype
        self.total = float(self.n if sample_weight is None else np.sum(sample_weight))
        self.is_sparse = bool(sparse.issparse(X))
        self.rows = min(rows, self.n)
        self._starts = range(0, self.n, self.rows)
        # Of many labels fewer samples: their targets take as much memory.
        in_group = GROUP_ROWS // (self.rows * (targets.size // self.n))
        self._group_length = min(max(1, in_group), len(self._starts))
        self.group_rows = self._group_length * self.rows
        self._shift = None
        if standardisation is not None:
            self._shift = tuple(a.astype(self.dtype) for a in standardisation)
        self._keep = (
            self.is_sparse or self.n * (self.m + 1) * self.dtype.itemsize <= KEPT_BYTES
        )
        self._kept: dict[range, list[Group]] = {}
        if self._keep:
            kept_X: Any = X
            if not self.is_sparse:
                kept_X = with_ones(self.n, self.m, self.dtype)
                self._standardise(X, kept_X)
            everything = self._targets_and_weight(slice(0, self.n))
            self._all = Block(kept_X, *everything)

    def __len__(self) -> int:
        return len(self._starts)

    def groups(self, blocks: range, buffer: Array) -> Iterable[Group]:
        """Blocks in groups; kept for the next time where all samples are.

        Parameters
        ----------
        blocks : range
            The blocks' numbers.
        buffer : ndarray of shape (rows, m + 1), float
            From `with_ones`; holds a block that is not kept until the next one.

        Returns
        -------
        iterable of Group
            The blocks, with targets and weights prepared.
        """
        if not self._keep:
            return self._groups(blocks, buffer)
        if blocks not in self._kept:
            groups = self._groups(blocks, buffer)
            self._kept[blocks] = [
                Group(list(group.blocks), *group[1:]) for group in groups
            ]
        return self._kept[blocks]

    def _groups(self, blocks: range, buffer: Array) -> Iterator[Group]:
        for i in range(0, len(blocks), self._group_length):
            few = blocks[i : i + self._group_length]
            rows = slice(few.start * self.rows, min(few.stop * self.rows, self.n))
            if self._keep:
                whole = _part(self._all, rows)
            else:
                whole = Block(self.X[rows], *self._targets_and_weight(rows))
            yield Group(self._load(whole, buffer), whole.targets, whole.weight)

    def _load(self, group: Block, buffer: Array) -> Iterator[Block]:
        length = len(group.targets)
        for start in range(0, length, self.rows):
            block = _part(group, slice(start, min(start + self.rows, length)))
            if not self._keep:
                X = buffer[: len(block.targets)]
                self._standardise(block.X, X)
                block = block._replace(X=X)
            yield self._in_chunks(block)

    def _in_chunks(self, block: Block) -> Block:
        if self.is_sparse:
            return block
        return block._replace(chunks=chunks(block.X, self._n_products))

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
                batch = self._in_chunks(_part(group, rows))
                yield batch, (rows.stop - rows.start) / self.n

    def _gather(self, rows: Array, buffer: Array | None) -> Block:
        if buffer is None:
            X, targets, weight, _ = self._all
            X = X[rows] if self.is_sparse else X.take(rows, axis=0)
            weight = None if weight is None else weight[rows]
            return Block(X, targets.take(rows, axis=0), weight)
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
    """View of some rows, without chunks."""
    X, targets, weight, _ = block
    of_rows = None if weight is None else weight[rows]
    return Block(_rows_of(X, rows), targets[rows], of_rows)


def _rows_of(X: Any, rows: slice) -> Any:
    """Rows that share the array's or CSR matrix's memory."""
    if isinstance(X, np.ndarray):
        return X[rows]
    start, stop = X.indptr[rows.start], X.indptr[rows.stop]
    indptr = X.indptr[rows.start : rows.stop + 1] - start
    parts = (X.data[start:stop], X.indices[start:stop], indptr)
    return type(X)(parts, shape=(len(indptr) - 1, X.shape[1]), copy=False)
