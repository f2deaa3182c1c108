"""The fast objective against the reference equations."""

import copy
import pickle
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import approx_fprime

from sk_twolayer import network
from sk_twolayer._engine import blocks as _blocks
from sk_twolayer._engine import partition as _partition
from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.forward import Network
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.partition import ExactPartition, ExactSum
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers
from tests.helpers import gradient_by_parameters, make_objective, pack


def reference(X, Y, parameters, alpha, weight, output):
    """Cost and gradient from `network`, whole-number weights as repeated rows."""
    X, Y = np.repeat(X, weight, axis=0), np.repeat(Y, weight, axis=0)
    n = len(X)
    activations = network.forward(X.T, *parameters, output=output)
    g = network.backward(X.T, Y.T, parameters.W2, activations)
    W1, _, W2, _ = parameters
    cost = network.cross_entropy(activations.Z2, Y.T, output=output)
    cost += alpha / (2 * n) * (np.sum(W1**2) + np.sum(W2**2))
    return cost, pack((g.dW1 + alpha / n * W1, g.db1, g.dW2 + alpha / n * W2, g.db2))


@st.composite
def problems(draw):
    """A random problem: sizes, output, weights, blocks, threads, layout, limits."""
    n, m, k = draw(st.integers(1, 40)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    activation = draw(st.sampled_from(["logistic", "softmax"]))
    outputs = draw(st.integers(1 if activation == "logistic" else 2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(n, m))
    if activation == "softmax":
        targets = rng.integers(0, outputs, n)
        Y = np.eye(outputs)[targets]
    else:
        targets = rng.integers(0, 2, (n, outputs))
        Y = targets.astype(float)
    weight = rng.integers(1, 4, n) if draw(st.booleans()) else np.ones(n, int)
    X *= draw(st.sampled_from([1e-8, 1.0, 10.0, 1e8]))
    if draw(st.booleans()):
        X[:, 0] = 0
    shapes = [(k, m), (k, 1), (outputs, k), (outputs, 1)]
    size = draw(st.sampled_from([0.1, 1.0, 10.0]))
    parameters = network.Parameters(*(size * rng.normal(size=s) for s in shapes))
    scales = None
    if draw(st.booleans()):
        spread = X.std(axis=0) + 1e-3
        scales = Standardisation(X.mean(axis=0), 1 / spread)
    layout = draw(st.sampled_from(["C", "F", "strided", "sparse"]))
    if layout == "F":
        X = np.asfortranarray(X)
    if layout == "strided":
        X = np.repeat(X, 2, axis=1)[:, ::2]
    options = {
        "alpha": draw(st.sampled_from([0.0, 0.7])),
        "standardisation": scales,
        "block_rows": draw(st.sampled_from([1, 3, 16, 64])),
        "workers": Workers(draw(st.integers(1, 3))),
    }
    # Small ones reach with a few samples what large problems do.
    limits = {
        "KEPT_BYTES": draw(st.sampled_from([0, _blocks.KEPT_BYTES])),
        "GROUP_ROWS": draw(st.sampled_from([1, 20, _blocks.GROUP_ROWS])),
    }
    if draw(st.booleans()):
        limits["SMALL_PRODUCT"] = draw(st.integers(1, 20)) * (m + 1) * k
        limits["CHUNK_UNIT"] = draw(st.sampled_from([1, 4]))
    is_sparse = layout == "sparse"
    return X, targets, Y, weight, parameters, activation, is_sparse, options, limits


@settings(max_examples=300, deadline=None)
@given(problems())
def test_equals_the_equations(problem):
    X, targets, Y, weight, parameters, activation, is_sparse, options, limits = problem
    output = choose_output(activation, Y.shape[1])
    name = "softmax" if activation == "softmax" else "sigmoid"
    alpha = options["alpha"]
    expected_cost, expected = reference(X, Y, parameters, alpha, weight, name)
    with patch.multiple(_blocks, **limits), options["workers"].started():
        objective = make_objective(
            sparse.csr_array(X) if is_sparse else X,
            targets.astype(np.int8),
            len(parameters.W1),
            Y.shape[1],
            output,
            sample_weight=None if (weight == 1).all() else weight.astype(float),
            **options,
        )
        theta = objective.from_parameters(parameters)
        alone = objective.value(theta)
        cost, gradient = objective.value_and_gradient(theta)
        # Nothing is left over from one evaluation to the next.
        again, same_gradient = objective.value_and_gradient(theta)
    assert cost == again
    np.testing.assert_array_equal(gradient, same_gradient)
    # Rounding of Z1 is relative to its largest term, and both sides have it.
    largest = 1 + np.abs(X).max() * np.abs(parameters.W1).max()
    slack = 1e-12 * max(1, largest * np.abs(parameters.W2).max())
    # The reference's log_softmax rounds as its Z2 does, also for a cost near 0.
    Z2 = network.forward(X.T, *parameters).Z2
    rounding = 1e-15 * (1 + np.abs(Z2).max())
    assert cost == pytest.approx(expected_cost, rel=slack, abs=rounding)
    assert alone == pytest.approx(expected_cost, rel=slack, abs=rounding)
    # The chain rule through the change of variables, by its own Jacobian.
    found = pack(gradient_by_parameters(objective, gradient))
    scale = 1 + np.abs(X).max()
    error = np.abs(found - expected).max()
    assert error <= slack * scale * max(1, np.abs(parameters.W2).max())


@pytest.mark.parametrize(
    "activation, outputs", [("logistic", 1), ("logistic", 3), ("softmax", 3)]
)
@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_gradient_matches_finite_differences(
    activation, outputs, standardised, is_sparse
):
    rng = np.random.default_rng(0)
    n, m, k = 23, 5, 4
    X = rng.normal(size=(n, m)) + 1
    shape = n if activation == "softmax" else (n, outputs)
    targets = rng.integers(0, 3 if activation == "softmax" else 2, shape)
    scales = Standardisation(X.mean(axis=0), 1 / X.std(axis=0))
    objective = make_objective(
        sparse.csr_array(X) if is_sparse else X,
        targets,
        k,
        outputs,
        choose_output(activation, outputs),
        alpha=0.7,
        sample_weight=rng.uniform(0.5, 2, n),
        standardisation=scales if standardised else None,
        block_rows=10,
    )
    theta = rng.normal(size=objective.size)
    numeric = approx_fprime(theta, lambda t: objective.value_and_gradient(t)[0])
    gradient = objective.value_and_gradient(theta)[1]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6)
    back = objective.from_parameters(objective.to_parameters(theta))
    np.testing.assert_allclose(back, theta, rtol=1e-12, atol=1e-12)


def off_centre(ratio, dtype, size=1.0, n=600, m=6):
    """Features whose means are so many deviations from 0, and their standardisation."""
    rng = np.random.default_rng(0)
    deviation = size * rng.uniform(0.5, 2, m)
    sign = rng.choice([-1, 1], m)
    X = ((rng.normal(size=(n, m)) + ratio * sign) * deviation).astype(dtype)
    units = X / dtype(size)
    # Rounded as `standardise` does.
    center = (size * units.mean(axis=0, dtype=float)).astype(dtype)
    scale = (1 / (size * units.std(axis=0, dtype=float))).astype(dtype)
    return X, Standardisation(center.astype(float), scale.astype(float))


RATIOS = [
    *((np.float64, ratio, 1.0, 1e-9) for ratio in (0, 32, 1e3, 1e5, 1e6, 1e8)),
    *((np.float32, ratio, 1.0, 2e-6) for ratio in (0, 1.5, 3, 25, 1e3, 1e5)),
    # Sums of raw products would overflow, and folded weights would become 0.
    *((np.float32, 0, size, 2e-6) for size in (1e-37, 1e36)),
    *((np.float64, 0, size, 1e-9) for size in (1e-150, 1e306)),
]


@pytest.mark.parametrize("dtype, ratio, size, tolerance", RATIOS)
@pytest.mark.parametrize(
    "form", ["kept", "not kept", "sparse", "batch", "batch, not kept"]
)
@pytest.mark.parametrize("activation, outputs", [("logistic", 1), ("softmax", 3)])
def test_raw_samples_give_the_gradient_of_standardised_ones(
    dtype, ratio, size, tolerance, form, activation, outputs
):
    is_sparse = form == "sparse"
    if is_sparse and (size != 1 or ratio > (1e6 if dtype == np.float64 else 1.5)):
        pytest.skip("sparse samples can't be centred, and are as given")
    X, scales = off_centre(ratio, dtype, size)
    n, m = X.shape
    k, rng = 5, np.random.default_rng(1)
    targets = rng.integers(0, max(outputs, 2), n).astype(np.int8)
    Y = np.eye(outputs)[targets] if outputs > 1 else targets[:, None].astype(float)
    with patch.object(_blocks, "KEPT_BYTES", 0 if "not kept" in form else 10**9):
        objective = make_objective(
            sparse.csr_array(X) if is_sparse else X,
            targets,
            k,
            outputs,
            choose_output(activation, outputs),
            standardisation=scales,
            block_rows=256,
        )
    # Steep enough for many neurons to be saturated, where rounding costs most.
    theta = 2 * rng.normal(size=objective.size)
    # The reference trains on standardised samples, and on the article's b2.
    same = Standardisation(np.zeros(m), np.ones(m))
    parameters = objective.layout.to_parameters(theta, same)
    standardised = (X.astype(float) - scales.center) * scales.scale
    name = "softmax" if activation == "softmax" else "sigmoid"
    weight = np.ones(n, int)
    cost, _ = reference(standardised, Y, parameters, 0, weight, name)
    activations = network.forward(standardised.T, *parameters, output=name)
    g = network.backward(standardised.T, Y.T, parameters.W2, activations)
    by_W1 = np.vstack([g.dW1.T, g.db1.T])
    by_W2 = np.vstack([g.dW2.T - 0.5 * g.db2.T, g.db2.T])
    expected = np.concatenate([by_W1.ravel(), by_W2.ravel()])
    if form.startswith("batch"):
        (batch,) = objective.batches(n, np.random.RandomState(0))
        found_cost, found = objective.batch_value_and_gradient(theta, batch)
    else:
        found_cost, found = objective.value_and_gradient(theta)
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    assert found_cost == pytest.approx(cost, rel=10 * tolerance)


@pytest.mark.parametrize("dtype, ratio, size, tolerance", RATIOS)
def test_raw_samples_give_the_predictions_of_standardised_ones(
    dtype, ratio, size, tolerance
):
    X, scales = off_centre(ratio, dtype, size)
    m, rng = X.shape[1], np.random.default_rng(1)
    same = Standardisation(np.zeros(m), np.ones(m))
    layout = Layout(m, 5, 3)
    theta = rng.normal(size=layout.size)
    standardised = (X.astype(float) - scales.center) * scales.scale
    parameters = layout.to_parameters(theta, same)
    expected = network.forward(standardised.T, *parameters).Z2.T
    network_ = Network(layout.to_parameters(theta, scales), scales, Workers())
    found = network_.apply(X, lambda Z2, out: np.copyto(out, Z2), 3, lambda block: None)
    # b1 is b1 in raw units: of what it has, the ratio leaves so many digits.
    tolerance = max(tolerance, 1e-15 * ratio)
    np.testing.assert_allclose(found, expected, rtol=0, atol=10 * tolerance)


def test_fold_and_unfold_are_inverse_and_the_gradient_goes_by_the_transpose():
    rng = np.random.default_rng(0)
    scales = Standardisation(rng.normal(size=4), rng.uniform(0.5, 2, 4))
    V, g = rng.normal(size=(2, 5, 3))
    W, back, by_V = V.copy(), V.copy(), g.copy()
    scales.fold(W)
    x = rng.normal(size=4)
    Z1 = np.append((x - scales.center) * scales.scale, 1) @ V
    np.testing.assert_allclose(np.append(x, 1) @ W, Z1, rtol=1e-14)
    back[...] = W
    scales.unfold(back)
    np.testing.assert_allclose(back, V, rtol=1e-14)
    scales.fold_gradient(by_V, np.empty_like(g))
    assert np.sum(by_V * V) == pytest.approx(np.sum(g * W), rel=1e-13)


@pytest.mark.parametrize(
    "way", [copy.deepcopy, copy.copy, lambda o: pickle.loads(pickle.dumps(o))]
)
@pytest.mark.parametrize("form", ["kept", "not kept", "sparse"])
@pytest.mark.parametrize("activation, outputs", [("logistic", 1), ("softmax", 3)])
def test_a_copied_objective_is_the_same_objective(way, form, activation, outputs):
    rng = np.random.default_rng(0)
    X, scales = off_centre(2, np.float64)
    targets = rng.integers(0, max(outputs, 2), len(X)).astype(np.int8)
    with patch.object(_blocks, "KEPT_BYTES", 0 if form == "not kept" else 10**9):
        objective = make_objective(
            sparse.csr_array(X) if form == "sparse" else X,
            targets,
            3,
            outputs,
            choose_output(activation, outputs),
            sample_weight=rng.uniform(0.5, 2, len(X)),
            standardisation=scales,
            workers=Workers(2),
            block_rows=100,
        )
        objective.set_precision(rng.uniform(0.5, 2, objective.size))
        theta = rng.normal(size=objective.size)
        with objective.workers.started():
            cost, gradient = objective.value_and_gradient(theta)
            copied = way(objective)
            # What one evaluates is not seen by the other.
            objective.value_and_gradient(2 * theta)
        found_cost, found = copied.value_and_gradient(theta)
    assert found_cost == cost
    np.testing.assert_array_equal(found, gradient)


@pytest.mark.parametrize("form", ["kept", "not kept", "sparse"])
@pytest.mark.parametrize("activation, outputs", [("logistic", 1), ("softmax", 3)])
def test_exact_sums_do_not_tell_how_samples_lie(monkeypatch, form, activation, outputs):
    """Which place has which samples, in what order, and its threads: the same bits."""
    monkeypatch.setattr(_partition, "PIECE_ROWS", 130)
    rng = np.random.default_rng(0)
    X, scales = off_centre(2, np.float64)
    targets = rng.integers(0, max(outputs, 2), len(X)).astype(np.int8)
    weight = rng.uniform(0.5, 2, len(X))
    output = choose_output(activation, outputs)
    layout = Layout(X.shape[1], 3, outputs)
    theta = rng.normal(size=layout.size)
    with patch.object(_blocks, "KEPT_BYTES", 0 if form == "not kept" else 10**9):
        whole = make_objective(
            sparse.csr_array(X) if form == "sparse" else X,
            targets,
            3,
            outputs,
            output,
            sample_weight=weight,
            standardisation=scales,
        )
    arrays = []
    for few in np.array_split(np.arange(len(X)), [100, 101, 450]):
        rows = sparse.csr_array(X[few]) if form == "sparse" else X[few]
        arrays.append(Block(rows, targets[few], weight[few]))

    def sums(places, threads):
        partitions = [
            ExactPartition(
                [arrays[i] for i in place],
                layout,
                output,
                standardisation=scales,
                workers=Workers(threads),
                keep=form == "kept",
            )
            for place in places
        ]
        partitions = pickle.loads(pickle.dumps(partitions))
        found = []
        for partition in partitions:
            with partition.workers.started():
                found.append(partition.exact_gradient(theta, 1 / whole.total))
                cost = partition.exact_cost(theta).rounded()
                assert cost[0] == found[-1].rounded()[0]
        assert sum(p.total for p in partitions) == pytest.approx(whole.total)
        return ExactSum.of(found).rounded()

    once = sums([[0, 1, 2, 3]], 1)
    for places, threads in [
        ([[0, 1, 2, 3]], 3),
        ([[3], [1, 0], [2]], 1),
        ([[2, 3], [0], [1]], 2),
    ]:
        np.testing.assert_array_equal(sums(places, threads), once)
    cost, gradient = whole.value_and_gradient(theta)
    assert once[0] / whole.total == pytest.approx(cost, rel=1e-13)
    np.testing.assert_allclose(once[1:], gradient, rtol=1e-11, atol=1e-15)


def test_exact_sums_keep_what_rounding_takes():
    terms = [1e16, 1.0, -1e16, 3e-10, 1e9, -1e9, -1.0]
    for order in ([0, 1, 2, 3, 4, 5, 6], [6, 4, 0, 3, 5, 2, 1], [3, 2, 6, 1, 5, 0, 4]):
        parts = [ExactSum(), ExactSum()]
        for i in order:
            parts[i % 2].add(np.array([terms[i]]))
        assert ExactSum.of(parts).rounded()[0] == pytest.approx(3e-10, rel=1e-6)
