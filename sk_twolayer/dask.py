"""The classifier on Dask collections: more samples than one machine holds.

`DaskTwoLayerSigmoidClassifier` is the same model with the same attributes. Its `fit`
leaves the samples where they are: each worker that holds blocks of X makes one part of
them, with the buffers of the sums (`ExactPartition`), and L-BFGS runs in the client. An
evaluation sends theta to every part, some kilobytes, and gets sums back, which are
added up so that their order is not seen. So the model is the same to the last bit on
any number of workers, and whether or not some of them are lost on the way: a part is an
ordinary future, which Dask makes again elsewhere.

Nothing else in this package imports Dask: ``pip install sk_twolayer[dask]``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import pairwise
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple, cast

import dask
import dask.array as da
import numpy as np
from dask import delayed, is_dask_collection
from distributed import Client, Future, get_client, get_worker, wait
from scipy import sparse
from sklearn.utils import check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_twolayer._arrays import canonical, to_numpy
from sk_twolayer._callbacks import callback_data
from sk_twolayer._compat import check_sample_weight
from sk_twolayer._engine.blocks import KEPT_BYTES, Block
from sk_twolayer._engine.layers import Folding
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments, extremes
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import Output, choose_output
from sk_twolayer._engine.partition import Add, ExactPartition, ExactSum, from_a_row
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers
from sk_twolayer._estimator import TwoLayerSigmoidClassifier, _only_stochastic
from sk_twolayer._labels import (
    Labels,
    WeightSums,
    are_whole,
    balanced,
    encode_known,
    encode_labels,
    is_indicator,
    label_names,
    plain_labels,
    weigh_samples,
)
from sk_twolayer._lots import (
    MOST_SAMPLES,
    classes_of,
    drawn_rows,
    is_fair,
    parts_of_classes,
    project,
    spaced_rows,
    weight_of_classes,
    weights_of,
)
from sk_twolayer._samples import Samples
from sk_twolayer._training import LAPLACE_SAMPLES
from sk_twolayer._typing import Array, Result

__all__ = ["DaskTwoLayerSigmoidClassifier"]

# Seconds after which a client that waits looks whether any worker goes on, and after
# which it gives up if none has.
LOOK, PATIENCE = 5.0, 60.0

# --- on a worker ----------------------------------------------------------------------


class _Rows(NamedTuple):
    """A block's rows, checked."""

    X: Any
    y: Array
    weight: Array | None


class _Described(NamedTuple):
    """What the client learns of a block's labels and weights.

    Attributes
    ----------
    is_sparse : bool
        Whether X is.
    labels : Labels
        The block's own, without targets.
    counts : ndarray of shape (1, n_classes) or (L, 2), float64
        Weight of its classes, or rows with and without a label.
    are_counts : bool
        Whether the samples' weights are whole numbers.
    """

    is_sparse: bool
    labels: Labels
    counts: Array
    are_counts: bool


def _check(X: Any, y: Any, weight: Any, dtype: Any, name: str) -> _Rows:
    """A block's rows as the engine takes them; ValueErrors as on one machine."""
    X, y = to_numpy(X), plain_labels(to_numpy(y))
    if len(y) != X.shape[0]:
        raise ValueError(
            f"A block of X has {X.shape[0]} rows, and the same block of y {len(y)}: give "
            "collections with the same partitions, for instance by rechunk or "
            "repartition."
        )
    if not len(y):
        return _Rows(np.empty((0, 1)), np.empty(0), None)
    X, y = check_X_y(
        X, y, accept_sparse="csr", dtype=dtype, multi_output=True, estimator=name
    )
    if weight is not None:
        weight = np.asarray(weight)
        # Of all samples some must weigh something; of a block none need.
        weight = (
            check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
            if np.any(weight) or weight.shape != (len(y),)
            else np.zeros(len(y))
        )
    return _Rows(
        canonical(X), y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y, weight
    )


def _describe(rows: _Rows) -> _Described | None:
    """What the client learns of a block; None where it has no row."""
    X, y, weight = rows
    if not len(y):
        return None
    labels = encode_labels(y)
    targets = labels.targets
    if targets.ndim == 1:
        counts: Array = np.bincount(targets, weight, len(labels.classes))[None]
    else:
        # As scikit-learn balances labels: by rows, not by weights.
        present = targets.sum(axis=0)
        counts = np.column_stack([len(y) - present, present])
    are_counts = weight is not None and are_whole(weight)
    labels = labels._replace(targets=np.empty(0))
    return _Described(sparse.issparse(X), labels, counts.astype(float), are_counts)


def _encode(
    rows: _Rows, labels: Labels, class_weight: Any, are_counts: bool
) -> Samples:
    """A block's samples, with the product of their weights and their classes'."""
    X, y, weight = rows
    is_multilabel = is_indicator(y)
    targets = y.astype(np.int8) if is_multilabel else encode_known(y, labels.classes)
    labels = labels._replace(targets=targets)
    weights = weigh_samples(labels, class_weight, weight)
    return Samples(X, labels, weights, counts=weight if are_counts else None)


def _sums_of_weights(
    samples: Samples, rows: _Rows, are_counts: bool
) -> WeightSums | None:
    counts = rows.weight if are_counts else None
    return None if samples.weight is None else WeightSums.of(samples.weight, counts)


def _scale_weights(samples: Samples, divisor: float, factor: float) -> Samples:
    """Their weights scaled, and those of weight 0 left out."""
    if samples.weight is None:
        return samples
    weight = samples.weight / divisor * factor
    kept = weight > 0
    samples = samples._replace(weight=weight)
    return samples if kept.all() else samples.take(np.flatnonzero(kept))


def _size(samples: Samples) -> tuple[int, float]:
    """Rows, and the sum of their weights."""
    weight = samples.weight
    return samples.n, float(samples.n if weight is None else weight.sum())


def _split(
    samples: Samples, number: int, fraction: float, seed: int
) -> tuple[Samples, Samples]:
    """Training and validation samples of a block, by lot in each class."""
    rng = np.random.RandomState([seed, number])
    targets = samples.labels.targets
    classes = targets if targets.ndim == 1 else np.zeros(samples.n, int)
    # The held-out ones of a class follow each other at equal distances in a random
    # order: their share is the fraction, to one sample.
    order = rng.permutation(samples.n)
    order = order[np.argsort(classes[order], kind="stable")]
    along = np.floor(np.arange(samples.n + 1) * fraction + rng.uniform())
    held = np.zeros(samples.n, bool)
    held[order] = np.diff(along) > 0
    return samples.take(np.flatnonzero(~held)), samples.take(np.flatnonzero(held))


class _Part(ExactPartition):
    """The samples of one worker; what travels is the recipe.

    It has its true size: Dask takes what is small for cheap to move.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        folding = self.folding
        given = folding.layout, self.output, folding.standardisation, folding.is_kept
        return _make_part, (self._arrays, *given)

    def __sizeof__(self) -> int:
        return sum(_bytes_of(array) for array in self._arrays)


def _make_part(
    samples: Sequence[Samples | Block],
    layout: Layout,
    output: Output,
    standardisation: Standardisation | None,
    keep: bool,
) -> _Part:
    """A part with as many threads as the worker has that it is made on."""
    arrays = [
        Block(each.X, each.labels.targets, each.weight)
        if isinstance(each, Samples)
        else each
        for each in samples
    ]
    try:
        n_threads = get_worker().state.nthreads
    except ValueError:
        n_threads = 1
    return _Part(
        arrays,
        layout,
        output,
        standardisation=standardisation,
        workers=Workers(n_threads),
        keep=keep,
    )


def _bytes_of(block: Block) -> int:
    X, arrays = block.X, [block.targets, block.weight]
    arrays += [X.data, X.indices, X.indptr] if sparse.issparse(X) else [X]
    return 100 + sum(array.nbytes for array in arrays if array is not None)


def _answer(function: Callable[..., Any], part: _Part, *of: Any) -> tuple[str, Any]:
    """What a function gives of a part, and where it is."""
    # As in the client, whose solver ends where the cost is not finite.
    with part.workers.started(), np.errstate(over="ignore", invalid="ignore"):
        return get_worker().address, function(part, *of)


def _same(part: _Part) -> _Part:
    return part


def _visit(
    part: _Part,
    firsts: list[int],
    step: int,
    theta: Array,
    start: Callable[[], Any],
    add: Callable[..., None],
) -> Any:
    """What the part's every step-th samples give; None where it has none."""
    if step == 1:
        return part.exact_visit(theta, start, add, firsts)
    few = part.every(firsts, step)
    if not few:
        return None
    return part.of(list(few.values())).exact_visit(theta, start, add, list(few))


def _lots(samples: Samples, scale: Array) -> tuple[Array, Array]:
    """Weight of the classes, and different positions, no more than are asked for."""
    positions = np.unique(project(samples.X, scale))[:MOST_SAMPLES]
    return weight_of_classes(samples), positions


def _draw(samples: Samples, scale: Array, parts: Array) -> Samples:
    return samples.take(drawn_rows(samples, project(samples.X, scale), parts))


def _positions(samples: Samples, scale: Array) -> tuple[Array, Array]:
    return project(samples.X, scale), classes_of(samples)


def _running(dask_scheduler: Any = None) -> list[str]:
    """Workers that take tasks, on the scheduler."""
    return [worker.address for worker in dask_scheduler.running]


def _state(dask_scheduler: Any = None) -> tuple[bool, int, int]:
    """Whether any worker has work and goes on with it; all of them, and those paused."""
    workers, running = dask_scheduler.workers.values(), dask_scheduler.running
    # A paused one ends what it has begun.
    goes_on = any(w.executing or (w.processing and w in running) for w in workers)
    return goes_on, len(workers), len(workers) - len(running)


# --- on the client --------------------------------------------------------------------


class _Cluster:
    """All that talks to Dask: what is asked of workers, and what can go wrong there."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def map(self, function: Callable[..., Any], *of: Sequence[Any]) -> list[Future]:
        """Futures of a function of each."""
        # Arguments are in the function, not keywords of `map`: one of more than 100 kB
        # makes distributed 2026.8 fail.
        return self.client.map(function, *of, pure=False)

    def over(self, function: Callable[..., Result], *of: Sequence[Any]) -> list[Result]:
        """Results of a function of each, in their order."""
        return self.results(self.map(function, *of))

    def results(self, futures: list[Future]) -> list[Any]:
        """Results of futures."""
        with _no_waiting_in_vain(futures):
            self._wait(futures)
            found: list[Any] = self.client.gather(futures)
        return found

    def holders(self, futures: list[Future]) -> list[str]:
        """A worker that has each of them."""
        with _no_waiting_in_vain(futures):
            while True:
                self._wait(futures)
                for future in futures:
                    if future.status == "error":
                        future.result()
                holders = self.client.who_has(futures)
                found = [min(holders[each.key], default="") for each in futures]
                # Else some were lost a moment ago.
                if all(found):
                    return found

    def _wait(self, futures: list[Future]) -> None:
        """Wait for futures, as long as a worker goes on, or one may come back."""
        idle = 0.0
        while True:
            try:
                wait(futures, timeout=LOOK)
                return
            except TimeoutError as error:
                # Its frames refer to it, and would keep all futures of the callers.
                error.__traceback__ = None
                goes_on, n_workers, n_paused = self.client.run_on_scheduler(_state)
                idle = 0.0 if goes_on else idle + LOOK
                if idle >= PATIENCE:
                    raise RuntimeError(
                        f"For {idle:.0f} s no worker has gone on with this fit. The "
                        f"cluster has {n_workers} workers, of which {n_paused} are "
                        "paused, for want of memory: give it more workers, or more "
                        "memory."
                    ) from None


@contextmanager
def _no_waiting_in_vain(futures: list[Future]) -> Iterator[None]:
    """One error for what Dask can't make again; after any error no future is kept."""
    try:
        yield
    except CancelledError as error:
        raise RuntimeError(
            "Dask gave up what this fit needs: its data were lost with a worker and "
            "nothing can make them again, as after client.scatter, or the client was "
            "closed. Build the collections from what workers can read again, for "
            f"instance files. Dask says: {error}"
        ) from error
    except Exception:
        # The client has an error as long as its future; its frames, those of the callers.
        for future in futures:
            future.release()
        raise


@dataclass(eq=False)
class DaskSums:
    """What `SumsOverSamples` asks, of parts that lie on workers."""

    _cluster: _Cluster
    _parts: list[Future]
    _firsts: list[list[int]]
    folding: Folding
    output: Output
    n: int
    total: float
    workers: Workers = field(default_factory=Workers)
    _step: int = 1

    def cost(self, theta: Array) -> float:
        """Sum of the weighted costs, in nats."""
        return float(self._sum(partial(ExactPartition.exact_cost, theta=theta))[0])

    def cost_and_gradient(
        self, theta: Array, factor: float = 1.0
    ) -> tuple[float, Array]:
        """That sum, and its gradient times a factor."""
        gradient = partial(ExactPartition.exact_gradient, theta=theta, factor=factor)
        found = self._sum(gradient)
        return float(found[0]), found[1:].copy()

    def visit(
        self, theta: Array, start: Callable[[], Result], add: Add[Result]
    ) -> list[Result]:
        """What the forward pass gives: lists in the samples' order, or arrays' sum."""
        function = partial(_visit, step=self._step, theta=theta, start=start, add=add)
        of_parts = self._over(function, self._firsts)
        found = [each for each in of_parts if each is not None]
        if isinstance(found[0], ExactSum):
            return [from_a_row(ExactSum.of(found).rounded(), start())]
        lists = {number: each for part in found for number, each in part.items()}
        return [lists[number] for number in sorted(lists)]

    def thinned(self, step: int) -> DaskSums:
        """Every step-th sample, of which only `visit` can be asked."""
        return replace(self, _step=step, n=-(-self.n // step))

    def _sum(self, function: Callable[[ExactPartition], ExactSum]) -> Array:
        """Sum over the parts, of all samples."""
        assert self._step == 1
        return ExactSum.of(self._over(function)).rounded()

    def _over(self, function: Callable[..., Any], *of: Sequence[Any]) -> list[Any]:
        """What a function gives of each part, in their order."""
        found = self._cluster.over(partial(_answer, function), self._parts, *of)
        self._spread([place for place, _ in found])
        return [each for _, each in found]

    def _spread(self, places: list[str]) -> None:
        """Move parts that share a worker, after another was lost, to free ones."""
        if len(set(places)) == len(places):
            return
        client, taken = self._cluster.client, set()
        # Not one that Dask has paused, for want of memory.
        running = client.run_on_scheduler(_running)
        free = [place for place in running if place not in places]
        for i, place in enumerate(places):
            if place in taken and free:
                self._parts[i] = client.submit(
                    _same,
                    self._parts[i],
                    workers=[free.pop()],
                    allow_other_workers=True,
                    pure=False,
                )
            taken.add(place)


class DaskSamples:
    """What training asks of its samples, as `Samples`, of blocks that lie on workers."""

    def __init__(
        self,
        cluster: _Cluster,
        blocks: list[Future],
        labels: Labels,
        m: int,
        dtype: Any,
        is_sparse: bool,
        signs: Array | None,
    ) -> None:
        self._cluster, self.labels, self.m, self.signs = cluster, labels, m, signs
        self.dtype, self._is_sparse = np.dtype(dtype), is_sparse
        sizes = cluster.over(_size, blocks)
        self._blocks = [b for b, (n, _) in zip(blocks, sizes, strict=True) if n]
        self._lengths = [n for n, _ in sizes if n]
        self.n = sum(self._lengths)
        self._sum_of_weights = float(sum(total for _, total in sizes))
        self._parts: dict[Any, tuple[list[Future], list[list[int]]]] = {}
        self._few: dict[int, Samples] = {}

    @property
    def total(self) -> float:
        """How many the rows are, where one of weight 2 counts twice; at least n."""
        return max(float(self.n), self._sum_of_weights)

    def over(self, function: Callable[[Samples], Result]) -> list[Result]:
        """What a function gives of the samples of each block, in their order."""
        return self._cluster.over(function, self._blocks)

    def take(self, rows: Array) -> Samples:
        """Copy of some rows, in order, in this process."""
        starts = np.cumsum([0, *self._lengths])
        inside = [rows[(rows >= a) & (rows < b)] - a for a, b in pairwise(starts)]
        found = self._cluster.over(Samples.take, self._blocks, inside)
        return joined(found, self.labels, self.signs)

    def at_most(self, most: int) -> Samples:
        """As `Samples.at_most`, in this process, from the parts."""
        step = -(-self.n // most)
        if step in self._few:
            return self._few[step]
        parts, firsts = next(iter(self._parts.values()))
        every = partial(ExactPartition.every, step=step)
        found = self._cluster.over(every, parts, firsts)
        few = {first: block for of_part in found for first, block in of_part.items()}
        blocks = [few[first] for first in sorted(few)]
        labels = self.labels
        made = [Samples(X, labels._replace(targets=y), w) for X, y, w, _ in blocks]
        self._few[step] = joined(made, labels, self.signs)
        return self._few[step]

    def split(
        self, fraction: float, rng: np.random.RandomState
    ) -> tuple[DaskSamples, DaskSamples]:
        """Training and validation samples; classes in equal proportion, by blocks."""
        seed = rng.randint(2**31 - 1)
        both = self._cluster.map(
            partial(_split, fraction=fraction, seed=seed),
            self._blocks,
            range(len(self._blocks)),
        )
        given = self.labels, self.m, self.dtype, self._is_sparse, self.signs
        kept, held = (
            DaskSamples(self._cluster, self._cluster.map(itemgetter(i), both), *given)
            for i in range(2)
        )
        return kept, held

    def few(self, scale: Array) -> tuple[Samples, Array]:
        """As `Samples.few`: in this process, and the same however the rows lie."""
        if self.total <= MOST_SAMPLES:
            return self.take(np.arange(self.n)).few(scale)
        found = self.over(partial(_lots, scale=scale))
        of_class = np.zeros(max(len(weights) for weights, _ in found))
        for weights, _ in found:
            of_class[: len(weights)] += weights
        different = np.unique(np.concatenate([positions for _, positions in found]))
        parts = parts_of_classes(of_class, self.total)
        drawn = self.over(partial(_draw, scale=scale, parts=parts))
        few = joined(drawn, self.labels, self.signs)
        weight = float(weights_of(few).sum())
        if not is_fair(weight, of_class, parts, len(different)):
            both = self.over(partial(_positions, scale=scale))
            position, classes = (
                np.concatenate(each) for each in zip(*both, strict=True)
            )
            few = self.take(np.sort(spaced_rows(position, classes)))
        return few, project(few.X, scale)

    def class_counts(self) -> Array:
        """Weight of each class: (1, n_classes), or (L, 2) for L labels."""
        return np.sum(self.over(Samples.class_counts), axis=0)

    def moments(self) -> Moments:
        """Of the features."""
        found = self.over(Samples.moments)
        return reduce(lambda a, b: a.joined(b, self.dtype), found)

    def robust_moments(self) -> Moments:
        """Of the features, where no value sets a scale alone."""
        ends = np.array(self.over(lambda samples: extremes(samples.X)))
        both = np.array([ends[:, 0].max(axis=0), ends[:, 1].min(axis=0)])
        return self.moments().without_lone_values(self.n, both)

    def work(self, k: int) -> float:
        """None of this process: starts follow each other."""
        return 0.0

    def workers(self, k: int, n_jobs: int | None) -> Workers:
        """This process has one thread for it."""
        return Workers()

    def objective(
        self,
        k: int,
        standardisation: Standardisation | None,
        workers: Workers | None = None,
    ) -> CrossEntropyObjective:
        """Their mean cross-entropy, of a network with k neurons."""
        labels = self.labels
        layout = Layout(self.m, k, labels.n_outputs)
        output = choose_output(labels.activation, labels.n_outputs)
        # The same wherever the samples lie, as the sums' rounding is.
        size = self.n * self.m * self.dtype.itemsize
        keep = not self._is_sparse and size <= KEPT_BYTES
        folding = Folding(layout, standardisation, self.dtype, self._is_sparse, keep)
        # Starts share the parts.
        key = k, id(standardisation)
        if key not in self._parts:
            self._parts[key] = self._make_parts(layout, output, standardisation, keep)
            # Now, for the covariance at the end: there may be no worker any more then.
            self.at_most(LAPLACE_SAMPLES)
        parts, size_and_total = self._parts[key], (self.n, self._sum_of_weights)
        sums = DaskSums(self._cluster, *parts, folding, output, *size_and_total)
        return CrossEntropyObjective(sums, signs=self.signs)

    def _make_parts(self, *given: Any) -> tuple[list[Future], list[list[int]]]:
        """One part a worker, of the blocks that lie there, and their first rows."""
        client, at = self._cluster.client, defaultdict(list)
        holders = self._cluster.holders(self._blocks)
        firsts = np.cumsum([0, *self._lengths]).tolist()
        for place, block, first in zip(holders, self._blocks, firsts, strict=False):
            at[place].append((block, first))
        parts = [
            client.submit(
                _make_part,
                [block for block, _ in held],
                *given,
                workers=[place],
                # Where that worker is lost, any other will do: else Dask would wait.
                allow_other_workers=True,
                pure=False,
            )
            for place, held in at.items()
        ]
        self._cluster.holders(parts)
        # A part has its blocks' arrays. Kept as futures of their own they would count
        # twice; what makes them again Dask keeps as long as there is a part.
        del self._blocks
        return parts, [[first for _, first in held] for held in at.values()]


def joined(several: list[Samples], labels: Labels, signs: Array | None) -> Samples:
    """Samples of this process, from those of blocks."""
    X = [each.X for each in several]
    weights = [each.weight for each in several]
    counts = [each.counts for each in several]
    return Samples(
        sparse.vstack(X, format="csr") if sparse.issparse(X[0]) else np.concatenate(X),
        labels._replace(
            targets=np.concatenate([each.labels.targets for each in several])
        ),
        None if weights[0] is None else np.concatenate(cast(list[Array], weights)),
        signs,
        None if counts[0] is None else np.concatenate(cast(list[Array], counts)),
    )


# --- collections ----------------------------------------------------------------------


def _known(collection: Any) -> bool:
    """Whether an Array's blocks have known lengths."""
    return isinstance(collection, da.Array) and not np.isnan(collection.shape[0])


def _aligned(X: Any, *others: Any) -> list[list[Any]]:
    """Delayed blocks of X and of what belongs to its rows, which have the same lengths."""
    if isinstance(X, da.Array):
        if X.ndim != 2:
            raise ValueError(f"X must have two dimensions; got shape {X.shape}.")
        X = X.rechunk({1: -1})
    found = [_blocks_of(X, "X")]
    for name, other in zip(("y", "sample_weight"), others, strict=False):
        if other is None:
            found.append([None] * len(found[0]))
            continue
        if _known(X) and not is_dask_collection(other):
            other = da.from_array(np.asarray(other), chunks=-1)
        if _known(X) and _known(other):
            if len(other) != len(X):
                raise ValueError(f"X has {len(X)} rows, and {name} {len(other)}.")
            other = other.rechunk({0: X.chunks[0]})
        if isinstance(other, da.Array) and other.ndim == 2:
            other = other.rechunk({1: -1})
        found.append(_blocks_of(other, name))
        if len(found[-1]) != len(found[0]):
            raise ValueError(
                f"X has {len(found[0])} partitions, and {name} {len(found[-1])}: give "
                "collections with the same ones, for instance by rechunk or "
                "repartition."
            )
    return found


def _blocks_of(collection: Any, name: str) -> list[Any]:
    if not hasattr(collection, "to_delayed"):
        raise ValueError(
            f"{name} must be a Dask Array or DataFrame, as X is; got "
            f"{type(collection).__name__}. Beside an X of known length it may be an "
            "array too."
        )
    blocks = collection.to_delayed()
    return list(blocks.ravel() if isinstance(blocks, np.ndarray) else blocks)


def _dtype_of(X: Any) -> Any:
    """float32 where X is, else float64."""
    types = list(X.dtypes) if hasattr(X, "dtypes") else [X.dtype]
    try:
        common = np.result_type(*types)
    except TypeError:
        return np.float64
    return np.float32 if common == np.float32 else np.float64


def _call(
    X: Any,
    model: Any,
    method: str,
    options: dict[str, Any],
    item: int | None,
    none: Any,
) -> Any:
    """Predictions of a block; `none` where it has no row."""
    if not X.shape[0]:
        return none
    found = getattr(model, method)(X, **options)
    return found if item is None else found[item]


def _right(model: Any, X: Any, y: Any, weight: Any) -> tuple[float, float]:
    """Weight of the samples of a block that are predicted rightly, and of all."""
    weight = None if weight is None else np.asarray(weight)
    total = float(len(y) if weight is None else weight.sum())
    # Where there is no row, or all weigh nothing, a mean is none.
    if total == 0:
        return 0.0, 0.0
    return total * model.score(X, np.asarray(y), weight), total


class DaskTwoLayerSigmoidClassifier(TwoLayerSigmoidClassifier):
    """`TwoLayerSigmoidClassifier` for Dask Arrays and DataFrames, of any size.

    The same model, parameters and fitted attributes; `fit` leaves the samples on the
    workers that have them. What is no Dask collection is treated as it is there.

    Parameters
    ----------
    n_hidden, alpha, class_weight, monotonic_cst, max_iter, tol, n_init, committee : \
as `TwoLayerSigmoidClassifier` has them
        "auto" chooses `alpha` on up to about 2000 samples, which come to the client,
        and "evidence" and "ard" by the curvature summed on the workers.
    solver : {"lbfgs", "gd", "adam"}, default="lbfgs"
        "lbfgs", and "gd" with all samples at once, run in the client; "adam" has
        `partial_fit` alone, which takes a collection block by block to the client.
    early_stopping, validation_fraction, n_iter_no_change : as there
        The held-out samples are drawn in each block, and stay there; `X_val` comes to
        the client.
    learning_rate, momentum, batch_size, warm_start, random_state, n_jobs, verbose : \
as there
        `n_jobs` is of predictions of arrays: in training a worker uses its threads.
    client : distributed.Client, default=None
        The cluster; None is `distributed.get_client`'s. Clones have the same one, and a
        pickle has none.

    See Also
    --------
    sk_twolayer.TwoLayerSigmoidClassifier : The same for arrays.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sk_twolayer.dask import DaskTwoLayerSigmoidClassifier
    >>> client = Client(processes=False, dashboard_address=None)
    >>> X = da.random.default_rng(0).normal(size=(10_000, 3), chunks=(2_500, 3))
    >>> y = X[:, 0] > X[:, 1]
    >>> model = DaskTwoLayerSigmoidClassifier(4, alpha=1.0, random_state=0).fit(X, y)
    >>> model.predict(X)
    dask.array<_call, shape=(10000,), dtype=bool, chunksize=(2500,), chunktype=numpy.ndarray>
    >>> client.close()
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TwoLayerSigmoidClassifier._parameter_constraints,
        "client": "no_validation",
    }

    def __init__(
        self,
        n_hidden: int | str = "auto",
        *,
        solver: str = "lbfgs",
        alpha: float | str = "auto",
        class_weight: Any = None,
        monotonic_cst: Any = None,
        learning_rate: float | str = "auto",
        momentum: float = 0.0,
        batch_size: int | str = "auto",
        max_iter: int = 1000,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        n_init: int = 1,
        committee: bool = False,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = -1,
        verbose: bool | int = False,
        client: Any = None,
    ) -> None:
        super().__init__(
            n_hidden,
            solver=solver,
            alpha=alpha,
            class_weight=class_weight,
            monotonic_cst=monotonic_cst,
            learning_rate=learning_rate,
            momentum=momentum,
            batch_size=batch_size,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            n_init=n_init,
            committee=committee,
            warm_start=warm_start,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.client = client

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}

    def __sklearn_clone__(self) -> Any:
        # A client can't be copied, as parameters are.
        without: Any = object.__new__(type(self))
        without.__dict__.update(vars(self), client=None)
        cloned = super(DaskTwoLayerSigmoidClassifier, without).__sklearn_clone__()
        cloned.client = self.client
        return cloned

    def to_local(self) -> TwoLayerSigmoidClassifier:
        """The same model without Dask: for pickles, exports and traces.

        Returns
        -------
        TwoLayerSigmoidClassifier
            With the same parameters and fitted attributes.
        """
        local = TwoLayerSigmoidClassifier()
        own = {name: value for name, value in vars(self).items() if name != "client"}
        local.__dict__.update(own)
        if hasattr(self, "estimators_"):
            local.estimators_ = [member.to_local() for member in self.estimators_]
        return local

    @_only_stochastic
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> DaskTwoLayerSigmoidClassifier:
        """Go on training with one pass over these samples, a block after another.

        Of a collection each block comes to the client in its turn. For the parameters
        see `TwoLayerSigmoidClassifier.partial_fit`.
        """
        if not any(map(is_dask_collection, (X, y, sample_weight))):
            return super().partial_fit(X, y, classes, sample_weight)
        cluster = _Cluster(self._client())
        for blocks in zip(*_aligned(X, y, sample_weight), strict=True):
            given = cluster.client.compute(delayed(tuple)(blocks))
            few_X, few_y, weight = cluster.results([given])[0]
            if len(few_y):
                super().partial_fit(few_X, few_y, classes, weight)
        return self

    def predict(self, X: Any) -> Any:
        """As `TwoLayerSigmoidClassifier.predict`; lazy for a collection."""
        return self._lazily("predict", X)

    def predict_proba(self, X: Any) -> Any:
        """As `TwoLayerSigmoidClassifier.predict_proba`; lazy for a collection."""
        return self._lazily("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Any:
        """As `TwoLayerSigmoidClassifier.predict_log_proba`; lazy for a collection."""
        return self._lazily("predict_log_proba", X)

    def decision_function(self, X: Any, return_std: bool = False) -> Any:
        """As `TwoLayerSigmoidClassifier.decision_function`; lazy for a collection."""
        options = {"return_std": True} if return_std else {}
        return self._lazily("decision_function", X, **options)

    def predict_interval(self, X: Any, level: float = 0.9) -> Any:
        """As `TwoLayerSigmoidClassifier.predict_interval`; lazy for a collection."""
        return self._lazily("predict_interval", X, level=level)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """As `TwoLayerSigmoidClassifier.score`; computed at once, where X lies."""
        if not any(map(is_dask_collection, (X, y, sample_weight))):
            return super().score(X, y, sample_weight)
        check_is_fitted(self)
        model = delayed(self.to_local())
        aligned = zip(*_aligned(X, y, sample_weight), strict=True)
        found = dask.compute(
            *(delayed(_right)(model, *blocks) for blocks in aligned),
            scheduler=self.client,
        )
        right, total = np.sum(found, axis=0)
        return float(right / total)

    def _lazily(self, method: str, X: Any, **options: Any) -> Any:
        if not is_dask_collection(X):
            return getattr(super(), method)(X, **options)
        check_is_fitted(self)
        local, is_frame = self.to_local(), not isinstance(X, da.Array)
        validate_data(
            self, X._meta if is_frame else X, reset=False, skip_check_array=True
        )
        one: Any = np.zeros((1, self.n_features_in_), _dtype_of(X))
        if is_frame:
            one = X._meta.reindex(range(1), fill_value=0)
        else:
            X = X.rechunk({1: -1})
        # The model is in an Array's graph once.
        model: Any = local if is_frame else delayed(local)

        def part(found: Array, item: int | None) -> Any:
            none = found[:0]
            given = {"model": model, "method": method, "options": options, "item": item}
            given |= {"none": none, "meta": none}
            if is_frame:
                return X.map_partitions(_call, **given)
            if none.ndim == 1:
                return X.map_blocks(_call, drop_axis=1, dtype=none.dtype, **given)
            chunks = X.chunks[0], none.shape[1:]
            return X.map_blocks(_call, chunks=chunks, dtype=none.dtype, **given)

        found = getattr(local, method)(one, **options)
        if isinstance(found, tuple):
            return tuple(part(each, i) for i, each in enumerate(found))
        return part(found, None)

    def _client(self) -> Client:
        if self.client is not None:
            return self.client
        try:
            return get_client()
        except ValueError as error:
            raise ValueError(
                "There is no Dask cluster to compute on: make one, for instance by "
                "distributed.Client(), or give its client."
            ) from error

    def _samples(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[Any, dict[str, Any]]:
        if not any(map(is_dask_collection, (X, y, sample_weight))):
            return super()._samples(X, y, sample_weight)
        if self._settings().samples_in_batch(1) is not None:
            raise ValueError(
                f"solver={self.solver!r}, batch_size={self.batch_size!r} take shuffled "
                "batches of all samples, which lie on many machines here: use "
                "solver='lbfgs', or partial_fit, which takes a collection block by "
                "block."
            )
        cluster = _Cluster(self._client())
        aligned = _aligned(X, y, sample_weight)
        meta = X if isinstance(X, da.Array) else X._meta
        validate_data(self, meta, reset=True, skip_check_array=True)
        dtype, name = _dtype_of(X), type(self).__name__
        check, blocks = delayed(_check), zip(*aligned, strict=True)
        rows = cluster.client.compute([check(*each, dtype, name) for each in blocks])
        of_all = cluster.over(_describe, rows)
        rows = [row for row, each in zip(rows, of_all, strict=True) if each is not None]
        described = [each for each in of_all if each is not None]
        if len({each.is_sparse for each in described}) > 1:
            raise ValueError(
                "Some blocks of X are sparse and others dense: make them alike."
            )
        labels, counts = _united(described)
        labels = labels._replace(names=label_names(getattr(y, "_meta", y)))
        class_weight = _weights_of_classes(self.class_weight, labels, counts)
        are_counts = all(each.are_counts for each in described)
        encode = partial(
            _encode, labels=labels, class_weight=class_weight, are_counts=are_counts
        )
        samples = cluster.map(encode, rows)
        if sample_weight is not None or class_weight is not None:
            found = cluster.over(
                partial(_sums_of_weights, are_counts=are_counts), samples, rows
            )
            sums = [each for each in found if each is not None]
            if not sums:
                raise ValueError(
                    "sample_weight and class_weight leave no sample with a weight above "
                    "0."
                )
            all_sums = reduce(WeightSums.joined, sums)
            size, scale = all_sums.size(are_counts), (1.0, 1.0)
            if size is not None:
                scale = all_sums.largest, size / all_sums.first
            samples = cluster.map(
                partial(_scale_weights, divisor=scale[0], factor=scale[1]), samples
            )
        is_sparse, signs = described[0].is_sparse, self._signs(labels)
        given = labels, self.n_features_in_, dtype, is_sparse, signs
        found_samples = DaskSamples(cluster, samples, *given)
        return found_samples, callback_data(X, y, sample_weight)


def _united(described: list[_Described]) -> tuple[Labels, Array]:
    """The labels of all blocks, without targets, and the weight of each class."""
    if not described:
        raise ValueError("X has no rows; at least one sample is needed.")
    of_each = [each.labels for each in described]
    is_multilabel = {o.activation == "logistic" and o.n_outputs > 1 for o in of_each}
    kinds = {o.classes.dtype.kind for o in of_each}
    columns = {len(o.classes) for o in of_each}
    numbers = set("biuf")
    if len(is_multilabel) > 1 or (True in is_multilabel and len(columns) > 1):
        raise ValueError("Blocks of y have different numbers of columns.")
    if len(kinds) > 1 and not kinds <= numbers and not kinds <= set("UO"):
        raise ValueError(
            f"Unknown label type: blocks of y have types of kinds {sorted(kinds)}; give "
            "labels of one type."
        )
    if True in is_multilabel:
        return of_each[0], np.sum([each.counts for each in described], axis=0)
    labels = encode_labels(np.concatenate([o.classes for o in of_each]))
    counts = np.zeros((1, len(labels.classes)))
    for each in described:
        places = encode_known(each.labels.classes, labels.classes)
        counts[0, places] += each.counts[0]
    return labels._replace(targets=np.empty(0)), counts


def _weights_of_classes(class_weight: Any, labels: Labels, counts: Array) -> Any:
    """Class weights that a block needs no other block for."""
    is_multilabel = labels.activation == "logistic" and labels.n_outputs > 1
    if isinstance(class_weight, str):
        weights = balanced(counts)
        if is_multilabel:
            return [dict(enumerate(of_label)) for of_label in weights]
        return dict(zip(labels.classes, weights[0], strict=True))
    if is_multilabel and isinstance(class_weight, list):
        # Where a block lacks a value scikit-learn must still find it.
        return [
            {value: of_label.get(value, 1.0) for value in (0, 1)}
            if isinstance(of_label, dict)
            else of_label
            for of_label in class_weight
        ]
    return class_weight
