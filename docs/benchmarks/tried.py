"""What each idea in the hot path gives, alone and side by side: 2048 x 31, k = 64."""

import numpy as np
from _common import side_by_side
from limit import limit, ours
from scipy.special import expit
from threadpoolctl import threadpool_limits

from sk_twolayer._engine.blocks import aligned, chunks
from sk_twolayer._engine.outputs import choose_output

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
    for name, rows, columns, neurons in (
        ("455 samples, k = 100: X W1ᵀ in chunks of 256 rows and the rest", 455, M, 100),
        ("128 features: X W1ᵀ in chunks of 96 rows and the rest", ROWS, 129, K),
    ):
        A, B = filled(aligned, rows, columns), filled(aligned, columns, neurons)
        C = filled(aligned, rows, neurons)
        pairs = [chunks(array, columns * neurons) for array in (A, C)]

        def in_chunks(B=B, pairs=pairs):
            for samples, products in zip(*pairs, strict=True):
                np.matmul(samples, B, out=products)

        yield name, in_chunks, lambda A=A, B=B, C=C: np.dot(A, B, out=C)
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
    raw, b1, G1 = X[:, :-1].copy(), W[-1].copy(), np.empty(K, dtype)
    features, product_of_raw = X[:, :-1], filled(aligned, ROWS, M - 1)
    ones = np.ones(ROWS, dtype)

    def beside_one():
        features[...] = raw
        np.matmul(chunked(X), W, out=chunked(out))
        second(product, out)

    def where_they_lie():
        np.matmul(chunked(raw), W[:-1], out=chunked(out))
        np.add(out, b1, out=out)
        second_of_raw = chunked(product_of_raw).transpose(0, 2, 1)
        np.matmul(second_of_raw, chunked(out), out=parts[:, :-1])
        np.dot(ones, out, out=G1)

    yield (
        "samples copied beside a 1, for b1 in passes of its own",
        *(
            beside_one,
            where_they_lie,
        ),
    )
    Z2, work, A2 = (
        T[:, :1].copy(),
        np.empty((ROWS, 1), dtype),
        np.empty((ROWS, 2), dtype),
    )
    sigmoid = choose_output("logistic", 1)

    def probabilities():
        np.copyto(work, Z2)
        sigmoid.probabilities(work, A2)

    def by_expit():
        expit(Z2, out=A2[:, 1:])
        np.negative(Z2, out=work)
        expit(work, out=A2[:, :1])

    yield "both probabilities as 1 / (1 + exp(±Z2)), for expit", probabilities, by_expit


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
    for name, first, then in zip(
        names[:half], ratios[:half], ratios[half:], strict=True
    ):
        print(f"| {name} | {first:.2f}× | {then:.2f}× |")
    gains, parts = [], []
    for dtype in (np.float64, np.float32):
        best = np.median([limit(dtype, 1) for _ in range(3)])
        one, two = (
            np.median(np.concatenate([ours(dtype, n) for _ in range(3)]))
            for n in (1, 2)
        )
        gains.append(one / two)
        parts.append(best / one)
    print(
        f"| two threads for one, whole evaluation | {gains[0]:.2f}× | {gains[1]:.2f}× |"
    )
    print(f"| one thread, of its limit | {parts[0]:.2f} | {parts[1]:.2f} |")


if __name__ == "__main__":
    main()
