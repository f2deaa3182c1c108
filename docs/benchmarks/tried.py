"""What each idea in the hot path gives, alone and side by side: 2048 x 31, k = 64."""

import numpy as np
from _common import side_by_side
from limit import ours
from scipy.special import expit
from threadpoolctl import threadpool_limits

from sk_twolayer._blocks import aligned, chunks

ROWS, M, K, REPEATS = 2048, 31, 64, 200


def misaligned(shape, dtype):
    """An array that begins 16 bytes after a cache line, as large ones often do."""
    wide = aligned((1, shape[0] * shape[1] + 64), dtype)[0]
    start = 16 // np.dtype(dtype).itemsize
    return wide[start : start + shape[0] * shape[1]].reshape(shape)


def many(function):
    def run():
        for _ in range(REPEATS):
            function()

    return run


def ideas(dtype):
    """Name, the idea, and what it is compared with."""
    rng = np.random.default_rng(0)

    def filled(make, *shape):
        array = make(shape, dtype)
        array[...] = rng.normal(size=shape) * 0.1
        return array

    X, W, T = (filled(aligned, *s) for s in ((ROWS, M), (M, K), (ROWS, K)))
    badX, badT = filled(misaligned, ROWS, M), filled(misaligned, ROWS, K)
    d, product = filled(aligned, ROWS, 1), filled(aligned, ROWS, M)
    out, G = filled(aligned, ROWS, K), filled(aligned, M, K)
    parts = np.empty((ROWS // 256, M, K), dtype)
    size = M * K

    def scaled():
        np.copyto(product, d)
        np.multiply(product, X, out=product)

    def chunked(A):
        (only,) = chunks(A, size)
        return only

    def second(A, B):
        np.matmul(chunked(A).transpose(0, 2, 1), chunked(B), out=parts)

    yield (
        "tanh for expit",
        lambda: np.tanh(T, out=out),
        lambda: expit(T, out=out),
    )
    yield (
        "X W1ᵀ in chunks of 256 rows, one stacked matmul",
        lambda: np.matmul(chunked(X), W, out=chunked(out)),
        lambda: np.dot(X, W, out=out),
    )
    yield (
        "Xᵀ T² in chunks of 256 rows",
        lambda: second(X, T),
        lambda: np.dot(X.T, T, out=G),
    )
    yield (
        "buffers on cache lines, in Xᵀ T²",
        lambda: second(X, T),
        lambda: second(badX, badT),
    )
    yield (
        "rows scaled by a copied factor",
        scaled,
        lambda: np.multiply(X, d, out=product),
    )


def main():
    print("| idea | float64 | float32 |")
    print("|---|---|---|")
    with threadpool_limits(1):
        names, ratios = [], []
        for dtype in (np.float64, np.float32):
            for name, new, old in ideas(dtype):
                names.append(name)
                a, b = side_by_side([many(new), many(old)], repeats=3)
                ratios.append(b / a)
    half = len(names) // 2
    for name, first, then in zip(names[:half], ratios[:half], ratios[half:]):
        print(f"| {name} | {first:.2f}× | {then:.2f}× |")
    gains = []
    for dtype in (np.float64, np.float32):
        one, two = (
            np.median(np.concatenate([ours(dtype, n) for _ in range(3)]))
            for n in (1, 2)
        )
        gains.append(one / two)
    print(
        f"| two threads for one, whole evaluation | {gains[0]:.2f}× | {gains[1]:.2f}× |"
    )


if __name__ == "__main__":
    main()
