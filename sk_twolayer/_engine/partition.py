"""Samples that lie in one place, and their sums at theta: what an engine must give.

The objective is a sum over samples. A partition holds some of them with the buffers
that their sums take, and answers at theta: the cost, its gradient, and what the forward
pass gives. It knows nothing of a penalty, nor of how many samples there are elsewhere:
`objective` adds that up. A partition that is copied or sent away is made anew where it
arrives, since buffers and their views would no longer share their memory.

`Partition` is the one of a process's own array, which its threads share.
`ExactPartition` is for samples that lie in several arrays and places: each piece of
them is summed by one thread, and pieces are added up so exactly that neither their
order nor which place has which is seen in the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import starmap
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy import sparse

from sk_twolayer._engine.blocks import (
    GROUP_ROWS,
    Block,
    Group,
    SampleBlocks,
    choose_block_rows,
    is_kept,
)
from sk_twolayer._engine.layers import Folding
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.outputs import Output
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.sums import BlockSums, make_sums
from sk_twolayer._engine.threads import Workers, share
from sk_twolayer._typing import Array, Result

Add = Callable[[Block, Array, Array, Result], None]


class SumsOverSamples(Protocol):
    """What an objective asks of its samples, wherever they lie.

    Attributes
    ----------
    n : int
        Samples.
    total : float
        Sum of their weights.
    folding : Folding
        The change of variables, as all of these samples take it.
    output : Output
        The output layer.
    workers : Workers
        Threads of this process; started by the caller.
    """

    n: int
    total: float
    folding: Folding
    output: Output
    workers: Workers

    def cost(self, theta: Array) -> float:
        """Sum of the weighted costs, in nats."""

    def cost_and_gradient(
        self, theta: Array, factor: float = 1.0
    ) -> tuple[float, Array]:
        """That sum, and its gradient times a factor, in an array of the caller's."""

    def visit(
        self, theta: Array, start: Callable[[], Result], add: Add[Result]
    ) -> list[Result]:
        """Sums over blocks of what the forward pass gives: see `Partition.visit`."""

    def thinned(self, step: int) -> SumsOverSamples:
        """Every step-th sample."""


class Partition:
    """Samples of one array, whose blocks threads share.

    Parameters
    ----------
    samples : Block
        All samples, used where they lie, with integer targets as `output` takes them,
        and weights in float64.
    layout : Layout
        Theta's.
    output : Output
        The output layer, sigmoid or softmax.
    standardisation : Standardisation, default=None
        The change of variables; None is theta of the article's own parameters.
    workers : Workers, default=None
        Threads; None is the calling one.
    block_rows : int, default=None
        Samples in a block; None chooses from m, k and the cache.
    """

    def __init__(
        self,
        samples: Block,
        layout: Layout,
        output: Output,
        *,
        standardisation: Standardisation | None = None,
        workers: Workers | None = None,
        block_rows: int | None = None,
    ) -> None:
        X = samples.X
        self._samples, self._block_rows = samples, block_rows
        self.output, self.workers = output, workers or Workers()
        self.folding = Folding(
            layout, standardisation, X.dtype, sparse.issparse(X), is_kept(X)
        )
        # A block's buffers fill a core's cache, and threads have as many blocks each.
        n_threads = self.workers.n_threads
        rows = block_rows or choose_block_rows(X, layout.k, n_threads)
        blocks = self._in_blocks(samples, rows)
        # No more threads than there are blocks.
        n_threads = min(n_threads, len(blocks))
        shares = [share(len(blocks), i, n_threads) for i in range(n_threads)]
        self._set_pieces([_Piece(blocks, numbers) for numbers in shares])

    def _in_blocks(self, samples: Block, rows: int) -> SampleBlocks:
        loading, keep = self.folding.loading, self.folding.is_kept
        n_products = self.folding.layout.first_size
        return SampleBlocks(samples, self.output, rows, loading, n_products, keep)

    def _set_pieces(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        # A piece may be a part of its samples; these count once.
        arrays = {id(piece.samples): piece.samples for piece in pieces}.values()
        self.n = sum(samples.n for samples in arrays)
        self.total = float(sum(samples.total for samples in arrays))
        rows = max(samples.rows for samples in arrays)
        group_rows = max(samples.group_rows for samples in arrays)
        # A thread's buffers are made once, not in each evaluation.
        self._sums = [
            make_sums(self.folding, self.output, rows, group_rows)
            for _ in range(min(self.workers.n_threads, len(pieces)))
        ]
        self._batch_sums: BlockSums | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """As a recipe: copied as they are, buffers and their views would share nothing."""
        # Threads that run stay with this one.
        made = self._maker(Workers(self.workers.n_threads))
        return partial(made, block_rows=self._block_rows), (self._samples,)

    def _maker(self, workers: Workers) -> partial[Any]:
        """Makes one of other samples, with the same variables."""
        # A partial of the class, which pickle can send: what it makes has buffers of
        # its own.
        return partial(
            type(self),
            layout=self.folding.layout,
            output=self.output,
            standardisation=self.folding.standardisation,
            workers=workers,
        )

    def thinned(self, step: int) -> Partition:
        """Every step-th sample, with the same variables and threads."""
        few = self._samples.take(slice(None, None, step))
        return self._maker(self.workers)(few)

    def cost(self, theta: Array) -> float:
        """Sum of the weighted costs at theta, in nats."""
        # Forward only: a validation cost, or the one that a run ends with, needs no
        # gradient.
        return sum(self._over_pieces(theta, lambda pieces: sum(starmap(_cost, pieces))))

    def cost_and_gradient(
        self, theta: Array, factor: float = 1.0
    ) -> tuple[float, Array]:
        """That sum, and its gradient by theta times a factor, in a new array."""
        # In the threads' order, so that rounding does not depend on who was first; each
        # has one piece, whose sums stay in its buffers. A copy, since the solver keeps
        # the gradient while the next one is summed.
        (first,), *others = self._over_pieces(
            theta, lambda pieces: list(starmap(_cost_and_gradient, pieces))
        )
        cost, gradient = first.cost, first.sums.copy()
        for (sums,) in others:
            cost += sums.cost
            gradient += sums.sums
        self.folding.gradient(gradient, factor)
        return cost, gradient

    def batches(
        self, batch_size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[Block, float]]:
        """One epoch of batches, shuffled, and each one's part of all samples."""
        # A batch is too short to be shared: one thread's sums, made for the largest.
        if self._batch_sums is None or len(self._batch_sums.Z2) < batch_size:
            self._batch_sums = make_sums(
                self.folding, self.output, batch_size, batch_size
            )
        return self._pieces[0].samples.batches(batch_size, rng)

    def batch_cost_and_gradient(
        self, theta: Array, block: Block, factor: float
    ) -> tuple[float, Array]:
        """A batch's cost and gradient likewise, in an array that the next call writes to."""
        sums = self._batch_sums
        assert sums is not None
        sums.begin(self.folding.layers(theta))
        sums.add(block)
        sums.end_group(block)
        sums.end()
        self.folding.gradient(sums.sums, factor)
        return sums.cost, sums.sums

    def visit(
        self, theta: Array, start: Callable[[], Result], add: Add[Result]
    ) -> list[Result]:
        """Sums over blocks of what the forward pass gives, a thread's each.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.
        start : callable
            Gives a thread's sums to begin with.
        add : callable
            Takes a block, its X as loaded (see `Folding.standardised`), its T (b, k)
            and Z2 (b, K), and adds to the sums. Neither holds samples: where these lie
            elsewhere both are sent there.

        Returns
        -------
        list
            The threads' sums, in a fixed order.
        """

        def of_thread(pieces: Iterator[_Begun]) -> Result:
            found = start()
            for sums, groups in pieces:
                _visit(sums, groups, add, found)
            return found

        return self._over_pieces(theta, of_thread)

    def _over_pieces(
        self, theta: Array, function: Callable[[Iterator[_Begun]], Result]
    ) -> list[Result]:
        """Each thread's result from its run of pieces, in a fixed order."""
        # The weights are folded once, and all threads read them.
        layers = self.folding.layers(theta)
        n_threads, n_pieces = len(self._sums), len(self._pieces)

        # A generator, since all pieces of a thread are summed in the same buffers: one is
        # begun when its user has taken what the one before left there.
        def pieces_of(thread: int) -> Iterator[_Begun]:
            sums = self._sums[thread]
            for number in share(n_pieces, thread, n_threads):
                samples, blocks = self._pieces[number]
                sums.begin(layers)
                yield sums, samples.groups(blocks)

        return self.workers.run(lambda i: function(pieces_of(i)), n_threads)


class ExactPartition(Partition):
    """Samples of several arrays, whose sums do not tell how they lie.

    Whatever the threads, one of them sums a piece of up to `PIECE_ROWS` samples, and
    pieces are added up by `ExactSum`.

    Parameters
    ----------
    samples : sequence of Block
        Samples as `Partition` takes them, of one dtype, all dense or all sparse.
    layout, output, standardisation, workers
        As `Partition` takes them.
    keep : bool, default=False
        Whether samples are loaded once: the same wherever others of them lie.
    """

    def __init__(
        self,
        samples: Sequence[Block],
        layout: Layout,
        output: Output,
        *,
        standardisation: Standardisation | None = None,
        workers: Workers | None = None,
        keep: bool = False,
    ) -> None:
        X = samples[0].X
        self._arrays = samples
        self.output, self.workers = output, workers or Workers()
        self.folding = Folding(
            layout, standardisation, X.dtype, sparse.issparse(X), keep
        )
        # Of each piece its array, and its first sample there.
        self._places: list[tuple[int, int]] = []
        pieces = []
        for number, array in enumerate(samples):
            for first, piece in _cut(array):
                self._places.append((number, first))
                rows = choose_block_rows(piece.X, layout.k)
                blocks = self._in_blocks(piece, rows)
                pieces.append(_Piece(blocks, range(len(blocks))))
        self._set_pieces(pieces)

    def __reduce__(self) -> tuple[Any, ...]:
        """As a recipe, like `Partition`."""
        return self._maker(Workers(self.workers.n_threads)), (self._arrays,)

    def _maker(self, workers: Workers) -> partial[Any]:
        """Makes one of other samples, with the same variables."""
        return partial(super()._maker(workers), keep=self.folding.is_kept)

    def every(self, firsts: Sequence[int], step: int) -> dict[int, Block]:
        """Every step-th sample of all, array by array, by the number of its first.

        `firsts` are the numbers among all samples of each array's first.
        """
        few = {}
        for array, first in zip(self._arrays, firsts, strict=True):
            start = -first % step
            if start < len(array.targets):
                few[first + start] = array.take(slice(start, None, step))
        return few

    def of(self, samples: Sequence[Block]) -> ExactPartition:
        """Of other samples, with the same variables and threads."""
        return self._maker(self.workers)(samples)

    def exact_cost(self, theta: Array) -> ExactSum:
        """Sum of the weighted costs at theta, (1,), in nats."""
        return self._sum(theta, lambda sums, groups: np.array([_cost(sums, groups)]))

    def exact_gradient(self, theta: Array, factor: float = 1.0) -> ExactSum:
        """That sum, and behind it its gradient by theta times a factor, (1 + p,)."""

        def terms(sums: BlockSums, groups: Iterable[Group]) -> Array:
            _cost_and_gradient(sums, groups)
            # The layers are still those of other pieces.
            self.folding.gradient(sums.sums, factor, np.empty_like(sums.by_W1))
            return np.concatenate([[sums.cost], sums.sums])

        return self._sum(theta, terms)

    def exact_visit(
        self,
        theta: Array,
        start: Callable[[], Any],
        add: Add[Any],
        firsts: Sequence[int],
    ) -> dict[int, list[Any]] | ExactSum:
        """What `visit` gives, so that it does not tell how samples lie.

        Lists by the number of each piece's first sample, `firsts` being as `every` takes
        them; or of arrays, one or a tuple, the sum of all their entries in a row.
        """

        def of_piece(sums: BlockSums, groups: Iterable[Group]) -> Any:
            found = start()
            _visit(sums, groups, add, found)
            return found

        # Arrays are sums over all samples; a list has what samples say one by one, and
        # goes back by the place that they have among all of them.
        if not isinstance(start(), list):
            return self._sum(theta, lambda *piece: in_a_row(of_piece(*piece)))
        of_threads = self._over_pieces(theta, lambda p: list(starmap(of_piece, p)))
        in_order = [found for lists in of_threads for found in lists]
        numbers = (firsts[array] + first for array, first in self._places)
        return dict(zip(numbers, in_order, strict=True))

    def _sum(
        self, theta: Array, terms: Callable[[BlockSums, Iterable[Group]], Array]
    ) -> ExactSum:
        """The sum of an array of each piece."""

        def of_thread(pieces: Iterator[_Begun]) -> ExactSum:
            total = ExactSum()
            for piece in pieces:
                total.add(terms(*piece))
            return total

        return ExactSum.of(self._over_pieces(theta, of_thread))


def in_a_row(arrays: Any) -> Array:
    """All entries of an array, or of those of a tuple."""
    # What is added up exactly, and travels from other places, is one array.
    return np.concatenate([np.ravel(array) for array in _tuple(arrays)])


def from_a_row(row: Array, like: Any) -> Any:
    """Arrays of these shapes from their entries: the inverse of `in_a_row`."""
    cuts = np.cumsum([array.size for array in _tuple(like)])[:-1]
    parts = zip(np.split(row, cuts), _tuple(like), strict=True)
    arrays = tuple(part.reshape(array.shape) for part, array in parts)
    return arrays if isinstance(like, tuple) else arrays[0]


def _tuple(arrays: Any) -> tuple[Array, ...]:
    return arrays if isinstance(arrays, tuple) else (arrays,)


class ExactSum:
    """A sum of arrays with twice the digits: rounded, it tells nothing of their order.

    Attributes
    ----------
    high, low : ndarray, float64
        The sum, of the shape of its terms, and what is left of it by rounding.
    """

    def __init__(self) -> None:
        # Of no terms yet, and so of any shape.
        self.high: Any = 0.0
        self.low: Any = 0.0

    @classmethod
    def of(cls, sums: Sequence[ExactSum]) -> ExactSum:
        """The sum of several."""
        total = cls()
        for each in sums:
            total.add(each.high)
            total.low = total.low + each.low
        return total

    def add(self, terms: Array) -> None:
        """Add an array. Source: Knuth, The Art of Computer Programming, 4.2.2."""
        # What of the terms reached the total is `part`; what rounding took, of the sum
        # and of the terms, is exact in floating point, and goes to the low digits.
        total = self.high + terms
        part = total - self.high
        self.low = self.low + ((self.high - (total - part)) + (terms - part))
        self.high = total

    def rounded(self) -> Array:
        """The sum."""
        return self.high + self.low


class _Piece(NamedTuple):
    """Some blocks of some samples, which one thread sums."""

    samples: SampleBlocks
    blocks: range


# A thread's sums, begun, and the groups that are to be added to them.
_Begun = tuple[BlockSums, Iterable[Group]]
# Samples that one thread sums where they lie in many arrays: those of a group.
PIECE_ROWS = GROUP_ROWS


def _cut(samples: Block) -> Iterator[tuple[int, Block]]:
    """Pieces of up to `PIECE_ROWS` samples, as equal as can be, and their first; views."""
    n = samples.X.shape[0]
    n_pieces = -(-n // PIECE_ROWS)
    for i in range(n_pieces):
        few = share(n, i, n_pieces)
        yield few.start, samples.take(slice(few.start, few.stop))


def _visit(
    sums: BlockSums, groups: Iterable[Group], add: Add[Result], found: Result
) -> None:
    for group in groups:
        for block in group.blocks:
            X, T, Z2 = sums.activations(block)
            add(block._replace(X=X), T, Z2, found)


def _cost(sums: BlockSums, groups: Iterable[Group]) -> float:
    for group in groups:
        for block in group.blocks:
            sums.add_cost(block)
    return sums.cost


def _cost_and_gradient(sums: BlockSums, groups: Iterable[Group]) -> BlockSums:
    for group in groups:
        for block in group.blocks:
            sums.add(block)
        sums.end_group(group)
    sums.end()
    return sums
