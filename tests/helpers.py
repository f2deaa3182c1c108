"""The article's parameters as one vector, for finite differences."""

import numpy as np

from sk_twolayer.network import Parameters


def pack(parameters):
    return np.concatenate([np.ravel(p) for p in parameters])


def unpack(theta, m, k, outputs):
    cuts = np.cumsum([k * m, k, outputs * k])
    shapes = [(k, m), (k, 1), (outputs, k), (outputs, 1)]
    return Parameters(*(p.reshape(s) for p, s in zip(np.split(theta, cuts), shapes)))
