"""Samples a block at a time: in order for sums over all of them, or shuffled.

Samples are rows here, as scikit-learn stores them, and stay as they are given: a block
is a view of some rows, in memory or in a memory map. What the products need besides is
made by `ForwardPass.hidden`, a block at a time, in a buffer that stays in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sk_twolayer._engine.outputs import Output
from sk_twolayer._engine.standardisation import Loading
from sk_twolayer._typing import Array

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


class Block(NamedTuple):
    """Samples in rows: some of them, or all.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (b, m), float64 or float32
        Samples, raw; or (b, m + 1), as `ForwardPass.hidden` loads them, if they are kept.
    targets : ndarray of shape (b,) or (b, K)
        Targets, as given, or as the output layer prepared them.
    weight : ndarray of shape (b,), float, default=None
        Weights; None is all ones.
    chunks : tuple of ndarray, default=()
        Those of samples that are kept.
    """

    X: Any
    targets: Array
    weight: Array | None = None
    chunks: tuple[Array, ...] = ()

    def take(self, rows: slice | Array, n_products: int = 0) -> Block:
        """Some of them; views where `rows_of` gives one.

        With their `chunks`, of so many multiply-adds for each row.
        """
        X, weight = rows_of(self.X, rows), self.weight
        weight = None if weight is None else weight[rows]
        in_chunks = chunks(X, n_products) if n_products else ()
        return Block(X, self.targets[rows], weight, in_chunks)


class Group(NamedTuple):
    """Blocks that follow each other.

    Attributes
    ----------
    blocks : list of Block
        Those, in order.
    targets : ndarray of shape (g, 1) or (g, K)
        What the output layer prepared, for all their samples.
    weight : ndarray of shape (g,), float, or None
        Weights; None is all ones.
    """

    blocks: list[Block]
    targets: Array
    weight: Array | None


def aligned(shape: tuple[int, int], dtype: Any) -> Array:
    """Uninitialised array on a cache line's boundary: BLAS reads it a third faster."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    raw = np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def with_ones(rows: int, m: int, dtype: Any) -> Array:
    """Array (rows, m + 1) for a block's samples, its last column filled with ones."""
    X = aligned((rows, m + 1), dtype)
    X[:, -1] = 1
    return X


def choose_block_rows(X: Any, k: int, n_threads: int = 1) -> int:
    """Rows of a block: its buffers fill the cache, and each thread has as many.

    They are whole chunks where that makes as many of them, else a multiple of 64.
    """
    n, m = (int(size) for size in X.shape)
    if sparse.issparse(X):
        # The features that a sample does not have take no place.
        m = int(X.nnz) // n + 1
    itemsize = int(X.dtype.itemsize)
    # A sample takes m numbers where it lies and m beside the 1 in the buffer, k in T,
    # and a few in Z2, dZ2 and the costs.
    bytes_ = BUFFER_BYTES if n_threads == 1 else THREADS_BUFFER_BYTES
    most = min(bytes_ // (itemsize * (2 * m + k + 8)), MOST_ROWS, -(-n // n_threads))
    # In whole chunks, since what is left over would be a call of BLAS by itself.
    unit = chunk_rows((m + 1) * k) or FEWEST_ROWS
    unit = unit if most >= unit else FEWEST_ROWS
    units = max(-(-most // unit), 1)
    if n_threads == 1:
        return units * unit

    # An evaluation ends when the worker with most blocks does. Of the sizes from what
    # fits down to half of it the one is taken whose largest share is least.
    def largest_share(rows: int) -> int:
        return -(-n // (rows * n_threads)) * rows

    candidates = range(units * unit, units // 2 * unit, -unit)
    return min(candidates, key=largest_share)


def chunk_rows(n_products: int) -> int:
    """Rows of a chunk, of so many multiply-adds each: 32 to 256, or 0 for no chunks."""
    most = min(SMALL_PRODUCT // n_products, CHUNK_ROWS)
    return most // CHUNK_UNIT * CHUNK_UNIT


def chunks(A: Array, n_products: int) -> tuple[Array, ...]:
    """Views (number, rows, c) of (b, c) whose products matmul gives to BLAS one by one.

    Those of `chunk_rows` and what is left; all in one where that is as good.
    """
    length, columns = A.shape
    rows = chunk_rows(n_products)
    if not rows or length <= rows or length * n_products <= SMALL_PRODUCT:
        # A stack of one, so that callers need not ask.
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
        # Views take longer to make than a small block to multiply. Two lengths occur: a
        # whole block's, and that of the last.
        self._views: dict[int, tuple[Array, tuple[Array, ...]]] = {}

    def first(self, length: int) -> tuple[Array, tuple[Array, ...]]:
        """The first rows, (length, columns), and their `chunks`."""
        if length not in self._views:
            rows = self._array[:length]
            self._views[length] = rows, chunks(rows, self._n_products)
        return self._views[length]


def is_kept(X: Any) -> bool:
    """Whether dense samples are few enough to be loaded once and kept."""
    return not sparse.issparse(X) and X.size * X.dtype.itemsize <= KEPT_BYTES


class SampleBlocks:
    """The training samples, cut into blocks.

    Parameters
    ----------
    samples : Block
        All samples, with integer targets as `output` takes them.
    output : Output
        Prepares the targets.
    rows : int
        Samples in a block.
    loading : Loading
        What is done to samples that are kept, once.
    n_products : int
        Multiply-adds for each sample, as `chunks` takes them.
    keep : bool
        Whether dense samples are loaded here, once.

    Attributes
    ----------
    total : float
        Sum of the weights.
    rows, group_rows : int
        Most samples of a block and of a group.
    """

    def __init__(
        self,
        samples: Block,
        output: Output,
        rows: int,
        loading: Loading,
        n_products: int,
        keep: bool,
    ) -> None:
        X, targets, weight, _ = samples
        is_sparse = sparse.issparse(X)
        # As a plain array: each view of a memory map would be one, and made slowly.
        X = X if is_sparse else np.asarray(X)
        self.samples, self.output = Block(X, targets, weight), output
        # Samples that are kept have chunks; others get them as they are loaded.
        self._n_products = n_products if keep else 0
        self.n = X.shape[0]
        self.total = float(self.n if weight is None else np.sum(weight))
        self.rows = min(rows, self.n)
        self._starts = range(0, self.n, self.rows)
        # Of many labels fewer samples: their targets take as much memory.
        in_group = GROUP_ROWS // (self.rows * (targets.size // self.n))
        self._group_length = min(max(1, in_group), len(self._starts))
        self.group_rows = self._group_length * self.rows
        # Set where samples, targets and weights are kept as the sums take them.
        self._all: Block | None = None
        self._kept: dict[range, list[Group]] = {}
        if is_sparse:
            # A view of a CSR matrix has row pointers of its own, which take longer to
            # make than to keep.
            self._all = self._prepared(slice(0, self.n))
        elif keep:
            kept_X = with_ones(self.n, X.shape[1], X.dtype)
            loading.load(X, kept_X[:, :-1])
            self._all = self._prepared(slice(0, self.n))._replace(X=kept_X)

    def __len__(self) -> int:
        return len(self._starts)

    def groups(self, blocks: range) -> Iterable[Group]:
        """The blocks of these numbers, with targets and weights prepared."""
        if self._all is None:
            return self._groups(blocks)
        # A worker's share is the same range in each evaluation, and finds its groups by
        # it.
        if blocks not in self._kept:
            self._kept[blocks] = list(self._groups(blocks))
        return self._kept[blocks]

    def _groups(self, blocks: range) -> Iterator[Group]:
        # Targets and weights are prepared for a group at once; its blocks are views.
        for i in range(0, len(blocks), self._group_length):
            few = blocks[i : i + self._group_length]
            first, last = few.start * self.rows, min(few.stop * self.rows, self.n)
            group = self._some(slice(first, last))
            length = last - first
            parts = [
                group.take(
                    slice(start, min(start + self.rows, length)), self._n_products
                )
                for start in range(0, length, self.rows)
            ]
            yield Group(parts, group.targets, group.weight)

    def batches(
        self, batch_size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[Block, float]]:
        """Every sample once, in random order: batches, and each one's part of them all."""
        order = rng.permutation(self.n)
        # One call gathers the shuffled rows of several batches, which are views of
        # them.
        group_rows = batch_size * max(1, GATHER_ROWS // batch_size)
        for start in range(0, self.n, group_rows):
            group = self._some(order[start : start + group_rows])
            length = len(group.targets)
            for first in range(0, length, batch_size):
                rows = slice(first, min(first + batch_size, length))
                part = (rows.stop - rows.start) / self.n
                yield group.take(rows, self._n_products), part

    def _some(self, rows: slice | Array) -> Block:
        return self._prepared(rows) if self._all is None else self._all.take(rows)

    def _prepared(self, rows: slice | Array) -> Block:
        """Some samples, targets and weights as the sums take them."""
        X, targets, weight, _ = self.samples.take(rows)
        weight = None if weight is None else weight.astype(X.dtype)
        return Block(X, self.output.prepare(targets, X.dtype), weight)


def rows_of(X: Any, rows: slice | Array) -> Any:
    """Rows, those of a slice sharing the array's or CSR matrix's memory."""
    if isinstance(X, np.ndarray):
        # Faster than by the index, which serves any shape.
        return X[rows] if isinstance(rows, slice) else X.take(rows, axis=0)
    if isinstance(rows, slice) and rows.step is None:
        # SciPy would copy them. The entries of some rows are a run of all entries, and
        # their pointers those of the rows less the first.
        start, stop = X.indptr[rows.start], X.indptr[rows.stop]
        indptr = X.indptr[rows.start : rows.stop + 1] - start
        parts = (X.data[start:stop], X.indices[start:stop], indptr)
        return type(X)(parts, shape=(len(indptr) - 1, X.shape[1]), copy=False)
    return X[rows]
