"""A small model, and the article's parameters as one vector."""

import numpy as np

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.partition import Partition
from sk_twolayer._engine.sums import BlockSums, OneOutputSums
from sk_twolayer.network import Parameters


def quick(**options):
    defaults = {"n_hidden": 4, "alpha": 1.0, "random_state": 0}
    return TwoLayerSigmoidClassifier(**defaults | options)


def make_objective(X, targets, k, K, output, sample_weight=None, alpha=0.0, **options):
    samples, layout = Block(X, targets, sample_weight), Layout(X.shape[1], k, K)
    objective = CrossEntropyObjective(Partition(samples, layout, output, **options))
    return penalised(objective, alpha)


def penalised(objective, alpha):
    """The objective with alpha / 2 (|W1|^2 + |W2|^2), of the original weights."""
    precision = np.zeros(objective.size)
    first, second = objective.split(precision)
    first[:-1] = alpha * objective.scale[:, None] ** 2
    second[:-1] = alpha
    objective.set_precision(precision)
    return objective


def standardise(X, alpha, sample_weight=None):
    return Moments.of(X, sample_weight).standardisation(alpha, X.dtype)


def before_each_block(monkeypatch, function):
    """Calls the function before each block of an evaluation with its gradient."""
    for kind in (BlockSums, OneOutputSums):

        def add(self, block, original=kind.add):
            function()
            original(self, block)

        monkeypatch.setattr(kind, "add", add)


def interrupt_at(monkeypatch, call):
    """Ctrl-C in that block of an evaluation, counted from 1."""
    calls = {"n": 0}

    def interrupt():
        calls["n"] += 1
        if calls["n"] == call:
            raise KeyboardInterrupt

    before_each_block(monkeypatch, interrupt)


def pack(parameters):
    return np.concatenate([np.ravel(p) for p in parameters])


def unpack(theta, m, k, outputs):
    cuts = np.cumsum([k * m, k, outputs * k])
    shapes = [(k, m), (k, 1), (outputs, k), (outputs, 1)]
    return Parameters(
        *(p.reshape(s) for p, s in zip(np.split(theta, cuts), shapes, strict=True))
    )


def gradient_by_parameters(objective, gradient):
    """The gradient by W1, b1, W2, b2 from that by the solver's variables."""
    first, second = objective.split(gradient)
    db1 = first[-1][:, None]
    # V1 = W1 / scale and c1 = b1 + W1 center, so dW1 = dV1 / scale + dc1 center'.
    dW1 = (first[:-1] / objective.scale[:, None]).T + db1 * objective.center
    db2 = second[-1][:, None]
    dW2 = second[:-1].T + (0 if objective.standardisation is None else 0.5 * db2)
    return dW1, db1, dW2, db2
