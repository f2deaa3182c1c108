"""Samples on another library's device, through the array API standard: a plain engine.

An array of torch or CuPy stays where it lies, and so does all that is made of its
rows. Theta and what solvers do with it are NumPy's: an evaluation sends the weights,
folded as for NumPy's own samples, and fetches the cost and its gradient, each in one
array. There are no buffers, no chunks and no threads, since the library has its own;
blocks only bound the memory of what is made besides. It stands beside `partition`, whose
sums these are, and is no substitute for it on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from sk_twolayer._compat import convert_to_numpy
from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layers import Folding
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import MOMENT_ROWS, Moments
from sk_twolayer._engine.outputs import Output, Softmax
from sk_twolayer._engine.partition import Add
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers
from sk_twolayer._typing import Array, Result
from sk_twolayer.network import Parameters

Rows = Any

# What is made of a block's rows takes so many bytes: on a CPU it should stay in the
# cache, and elsewhere be large enough that starting each operation does not count.
CPU_BYTES, DEVICE_BYTES = 2**22, 2**29


def refuse_gradient(A: Any) -> None:
    """Say that what PyTorch tracks for a gradient would lose it in NumPy."""
    if getattr(A, "requires_grad", False):
        raise ValueError(
            "A tensor that requires grad is not supported here: NumPy, which is part of "
            "this, gives no gradient. Give its values, A.detach()."
        )


class Device(NamedTuple):
    """Where arrays lie.

    Attributes
    ----------
    xp : module
        The library, by the names of the array API standard.
    device : object
        Its name of the place.
    """

    xp: Any
    device: Any

    def send(self, A: Array) -> Any:
        """A NumPy array, there; where float64 is not to be had, as float32."""
        if A.dtype == np.float64 and "float64" not in self.dtypes:
            A = A.astype(np.float32)
        # PyTorch takes no negative strides, and warns of what is read-only.
        return self.xp.asarray(np.require(A, None, ["C", "W"]), device=self.device)

    def fetch(self, A: Any) -> Array:
        """An array of there, as NumPy's."""
        refuse_gradient(A)
        return np.asarray(convert_to_numpy(A, self.xp))

    @property
    def dtypes(self) -> dict[str, Any]:
        """The types of real numbers that the place has, by name, the most precise first."""
        info = self.xp.__array_namespace_info__()
        found = info.dtypes(device=self.device, kind="real floating")
        return {name: found[name] for name in ("float64", "float32") if name in found}

    @property
    def widest(self) -> Any:
        """The most precise type of real numbers."""
        return next(iter(self.dtypes.values()))

    def dtype_of(self, X: Any) -> np.dtype[Any]:
        """NumPy's type for that of X, float64 or float32."""
        return np.dtype("float32" if X.dtype == self.xp.float32 else "float64")

    def blocks(self, X: Any, columns: int) -> Iterator[slice]:
        """Rows of X in runs, of which so many columns are made besides."""
        on_cpu = "cpu" in str(self.device).lower()
        bytes_ = CPU_BYTES if on_cpu else DEVICE_BYTES
        itemsize = self.dtype_of(X).itemsize
        rows = max(bytes_ // (itemsize * (X.shape[1] + columns)), 1)
        for start in range(0, X.shape[0], rows):
            yield slice(start, min(start + rows, X.shape[0]))


class _Forward:
    """The forward pass, of weights that are folded as `Folding` does it."""

    def __init__(
        self,
        place: Device,
        layout: Layout,
        standardisation: Standardisation | None,
        dtype: np.dtype[Any],
    ) -> None:
        self.place = place
        self.folding = Folding(layout, standardisation, dtype, is_sparse=False)
        self._center, self._scale = (
            None if each is None else place.send(each) for each in self.folding.loading
        )

    def layers(self, theta: Array) -> list[Any]:
        """Half of W1' over b1', half of W2', and c2: sent as one array."""
        parts = self.folding.layers(theta)
        sent = self.place.send(np.concatenate([part.ravel() for part in parts]))
        layers, start = [], 0
        for part in parts:
            end = start + part.size
            layers.append(self.place.xp.reshape(sent[start:end], part.shape))
            start = end
        return layers

    def hidden(self, X: Any, layers: list[Any]) -> tuple[Any, Any]:
        """Rows as the products take them, beside a 1 that carries b1; and their T."""
        xp = self.place.xp
        # In X's own precision, which is exact near the centre.
        if self._center is not None:
            X = X - self._center
        if self._scale is not None:
            X = X * self._scale
        ones = xp.ones((X.shape[0], 1), dtype=X.dtype, device=self.place.device)
        X = xp.concat([X, ones], axis=1)
        # The first row of the table in docs/inside.rst.
        return X, xp.tanh(X @ layers[0])

    def outputs(self, T: Any, layers: list[Any]) -> Any:
        """Z2 of T."""
        # The table's second row.
        return T @ layers[1] + layers[2]


class DevicePartition(_Forward):
    """Samples on a device, and their sums at theta; see `SumsOverSamples`.

    Parameters
    ----------
    place : Device
        Where X lies.
    samples : Block
        Samples, X there and the others NumPy's, as `Partition` takes them.
    layout, output, standardisation
        As `Partition` takes them.
    """

    def __init__(
        self,
        place: Device,
        samples: Block,
        layout: Layout,
        output: Output,
        standardisation: Standardisation | None = None,
    ) -> None:
        X, targets, weight, _ = self._samples = samples
        dtype = place.dtype_of(X)
        super().__init__(place, layout, standardisation, dtype)
        self.output, self.workers, self._wide = output, Workers(), place.widest
        self.n = int(X.shape[0])
        self.total = float(self.n if weight is None else np.sum(weight))
        self._X, self._targets = X, place.send(targets)
        self._weight = None if weight is None else place.send(weight.astype(dtype))

    def cost(self, theta: Array) -> float:
        """Sum of the weighted costs at theta, in nats."""
        return float(self._sums(theta, self._all(), with_gradient=False)[0])

    def cost_and_gradient(
        self, theta: Array, factor: float = 1.0
    ) -> tuple[float, Array]:
        """That sum, and its gradient by theta times a factor, in a new array."""
        return self._with_gradient(theta, self._all(), factor)

    def batches(
        self, batch_size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[Rows, float]]:
        """One epoch of batches, shuffled, and each one's part of all samples."""
        # NumPy shuffles, so that a seed gives the same batches wherever X lies.
        order = self.place.send(rng.permutation(self.n))
        for start in range(0, self.n, batch_size):
            rows = order[start : min(start + batch_size, self.n)]
            yield rows, rows.shape[0] / self.n

    def batch_cost_and_gradient(
        self, theta: Array, rows: Rows, factor: float
    ) -> tuple[float, Array]:
        """A batch's cost and gradient likewise."""
        return self._with_gradient(theta, iter([rows]), factor)

    def visit(
        self, theta: Array, start: Callable[[], Result], add: Add[Result]
    ) -> list[Result]:
        """Sums over blocks, which are fetched: see `Partition.visit`."""
        found, layers, fetch = start(), self.layers(theta), self.place.fetch
        for rows in self._all():
            X, T = self.hidden(self._X[rows, :], layers)
            targets = self.output.prepare(
                self._samples.targets[rows], self.folding.dtype
            )
            weight = self._samples.weight
            weight = None if weight is None else weight[rows]
            Z2 = np.array(fetch(self.outputs(T, layers)))
            add(Block(fetch(X), targets, weight), fetch(T), Z2, found)
        return [found]

    def thinned(self, step: int) -> DevicePartition:
        """Every step-th sample, with the same variables."""
        X, targets, weight, _ = self._samples
        weight = None if weight is None else weight[::step]
        few = Block(X[::step, ...], targets[::step], weight)
        layout, standardisation = self.folding.layout, self.folding.standardisation
        return DevicePartition(self.place, few, layout, self.output, standardisation)

    def _all(self) -> Iterator[slice]:
        # X beside a 1 and times dZ2, T and its square, and some of Z2's width.
        m, k, K = self.folding.layout
        return self.place.blocks(self._X, 2 * m + 2 * k + 8 * K)

    def _with_gradient(
        self, theta: Array, blocks: Iterator[Rows], factor: float
    ) -> tuple[float, Array]:
        found = self._sums(theta, blocks, with_gradient=True)
        cost, gradient = float(found[0]), np.array(found[1:], dtype=float)
        self.folding.gradient(gradient, factor)
        return cost, gradient

    def _sums(self, theta: Array, blocks: Iterator[Rows], with_gradient: bool) -> Array:
        """The cost, and behind it the gradient by `Layers`; fetched as one array."""
        xp, layers, total = self.place.xp, self.layers(theta), None
        for rows in blocks:
            X, T = self.hidden(self._rows(self._X, rows), layers)
            targets = self._rows(self._targets, rows)
            costs, dZ2 = self._costs(self.outputs(T, layers), targets)
            if self._weight is not None:
                weight = self._rows(self._weight, rows)
                costs, dZ2 = costs * weight, dZ2 * weight[:, None]
            parts = [xp.sum(costs, dtype=self._wide)]
            if with_gradient:
                # The table's fifth row, and its fourth: by half_W1, by half_W2 and by c2.
                by_W1 = self._by_W1(X, T, dZ2, layers[1])
                parts += [by_W1, T.T @ dZ2, xp.sum(dZ2, axis=0)]
            # Sums of blocks are added with all digits that there are.
            wide = [xp.astype(xp.reshape(p, (-1,)), self._wide) for p in parts]
            of_block = xp.concat(wide)
            total = of_block if total is None else total + of_block
        return self.place.fetch(total)

    def _by_W1(self, X: Any, T: Any, dZ2: Any, half_W2: Any) -> Any:
        """X' dZ1, with dZ1 = dZ2 half_W2' (1 - T^2); of one output without dZ1."""
        if dZ2.shape[1] > 1:
            return X.T @ ((dZ2 @ half_W2.T) * (1 - T * T))
        # Three passes over (b, k) less: docs/inside.rst.
        D = X * dZ2
        total = self.place.xp.sum(D, axis=0)[:, None]
        return (total - D.T @ (T * T)) * half_W2.T

    def _rows(self, A: Any, rows: Rows) -> Any:
        if isinstance(rows, slice):
            return A[rows, ...]
        # Not every library takes an array of numbers in brackets.
        return self.place.xp.take(A, rows, axis=0)

    def _costs(self, Z2: Any, targets: Any) -> tuple[Any, Any]:
        """Cost of each sample (b,), and dZ2 (b, K): those of `outputs`."""
        xp = self.place.xp
        targets = targets[:, None] if targets.ndim == 1 else targets
        if not isinstance(self.output, Softmax):
            sign = 1 - 2 * xp.astype(targets, Z2.dtype)
            # The log-odds of the wrong label: the cost is log(1 + exp(t)), and its slope
            # by t, which is |A2 - Y|, has all digits near 0, too.
            t = Z2 * sign
            costs = softplus(xp, t)
            return xp.sum(costs, axis=1), xp.exp(t - costs) * sign
        classes = xp.arange(Z2.shape[1], dtype=targets.dtype, device=self.place.device)
        own = xp.astype(targets == classes[None, :], Z2.dtype)
        Z2 = Z2 - xp.max(Z2, axis=1, keepdims=True)
        E = xp.exp(Z2)
        # The class's own term is kept apart: A2 - 1 would cancel where A2 is near 1.
        others = xp.sum(E * (1 - own), axis=1, keepdims=True)
        total = xp.sum(E, axis=1, keepdims=True)
        of_class = xp.sum(Z2 * own, axis=1, keepdims=True)
        costs = xp.where(of_class == 0, xp.log1p(others), xp.log(total) - of_class)
        return costs[:, 0], (E * (1 - own) - others * own) / total


class DeviceNetwork(_Forward):
    """A trained network on a device; its methods are those of the estimator.

    Parameters
    ----------
    place : Device
        Where X lies.
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), NumPy's.
    standardisation : Standardisation
        That of training.
    output : Output
        The output layer.
    dtype : dtype
        X's, as NumPy's.
    """

    def __init__(
        self,
        place: Device,
        parameters: Parameters,
        standardisation: Standardisation,
        output: Output,
        dtype: np.dtype[Any],
    ) -> None:
        (K, k), m = parameters.W2.shape, parameters.W1.shape[1]
        layout = Layout(m, k, K)
        super().__init__(place, layout, standardisation, dtype)
        self._layers = self.layers(layout.from_parameters(parameters, standardisation))
        self._output = output

    def Z2(self, X: Any) -> Any:
        """Z2 (n, K) of samples (n, m)."""
        m, k, K = self.folding.layout
        parts = [
            self.outputs(self.hidden(X[rows, :], self._layers)[1], self._layers)
            for rows in self.place.blocks(X, m + 2 * k + K)
        ]
        return self.place.xp.concat(parts)

    def decision_function(self, X: Any) -> Any:
        """Z2, without an axis where there is one output."""
        Z2 = self.Z2(X)
        return Z2[:, 0] if Z2.shape[1] == 1 else Z2

    def predict(self, X: Any) -> Any:
        """Each sample's class by its number (n,), or its row of labels (n, L)."""
        xp, Z2 = self.place.xp, self.Z2(X)
        if isinstance(self._output, Softmax):
            return xp.argmax(Z2, axis=1)
        likely = xp.astype(Z2 > 0, xp.int64)
        return likely[:, 0] if Z2.shape[1] == 1 else likely

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the probabilities (n, columns)."""
        xp, Z2 = self.place.xp, self.Z2(X)
        if isinstance(self._output, Softmax):
            Z2 = Z2 - xp.max(Z2, axis=1, keepdims=True)
            return Z2 - xp.log(xp.sum(xp.exp(Z2), axis=1, keepdims=True))
        of_one = -softplus(xp, -Z2)
        if Z2.shape[1] > 1:
            return of_one
        return xp.concat([-softplus(xp, Z2), of_one], axis=1)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities (n, columns)."""
        return self.place.xp.exp(self.predict_log_proba(X))


def softplus(xp: Any, t: Any) -> Any:
    """log(1 + exp(t)), by exp(-|t|), which does not overflow."""
    return xp.log1p(xp.exp(-xp.abs(t))) + xp.where(t > 0, t, xp.zeros_like(t))


def moments_and_extremes(
    place: Device, X: Any, sample_weight: Array | None
) -> tuple[Moments, Array]:
    """`Moments.of` samples on a device, and their `extremes`."""
    xp, wide = place.xp, place.widest
    n, m = X.shape
    total = float(n if sample_weight is None else np.sum(sample_weight))
    weight = None
    if sample_weight is not None:
        weight = xp.astype(place.send(sample_weight), wide)
    # Sums about a point inside the data: no cancellation when the mean is far from 0.
    origin = xp.mean(xp.astype(X[: min(n, MOMENT_ROWS), :], wide), axis=0)
    first = second = largest = xp.zeros_like(origin)
    highest = lowest = xp.astype(X[0, :], wide)
    for rows in place.blocks(X, 3 * m):
        block = xp.astype(X[rows, :], wide)
        highest = xp.maximum(highest, xp.max(block, axis=0))
        lowest = xp.minimum(lowest, xp.min(block, axis=0))
        shifted = block - origin
        largest = xp.maximum(largest, xp.max(xp.abs(shifted), axis=0))
        weighted = shifted
        if weight is not None:
            weighted = weight[rows, None] * shifted
        first = first + xp.sum(weighted, axis=0)
        second = second + xp.sum(weighted * shifted, axis=0)
    sums = xp.stack([origin, first, second, largest, highest, lowest])
    at, first, second, largest, *ends = place.fetch(sums).astype(float)
    dtype = place.dtype_of(X)
    found = Moments.of_sums(at, first, second, largest, total, dtype)
    return found, np.array(ends)


def projected(place: Device, X: Any, line: Array) -> Array:
    """X line (n,), in NumPy, with all digits that the device has."""
    xp, wide = place.xp, place.widest
    line = xp.astype(place.send(line), wide)
    # Row by row, its features side by side, as `project` has it.
    parts = []
    for rows in place.blocks(X, 2):
        each = xp.astype(X[rows, :], wide) * line
        parts.append(xp.sum(xp.reshape(xp.reshape(each, (-1,)), each.shape), axis=1))
    return place.fetch(xp.concat(parts)).astype(float)
