"""What alpha="evidence" costs beside alpha=1: seconds of a fit, and of predict_proba."""

import numpy as np
from _common import alternate, samples, seconds, warnings
from _datasets import real

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore")


def line(work, fixed, evidence, target):
    cells = f"{fixed:.3g} s | {evidence:.3g} s | {evidence / fixed:.1f}×"
    print(f"| {work} | {cells} | {target} |", flush=True)


def fits(X, y, repeats, **options):
    """Seconds of a fit with each, over different starting weights, in turns."""

    def measure(alpha):
        seed = iter(range(100))

        def fit():
            model = TwoLayerSigmoidClassifier(
                alpha=alpha, random_state=next(seed), **options
            )
            return seconds(lambda: model.fit(X, y))

        return fit

    return alternate([measure(1.0), measure("evidence")], repeats)


def main():
    print('| work | alpha=1 | alpha="evidence" | ratio | to reach |')
    print("|---|---|---|---|---|")
    small = np.array([fits(X, y, 5, n_hidden=10) for X, y in real().values()])
    ratio = np.exp(np.log(small[:, 1] / small[:, 0]).mean())
    cells = f"{small[:, 0].mean():.3g} s | {small[:, 1].mean():.3g} s | {ratio:.1f}×"
    print(
        f"| fit of each of the 13 real sets, k = 10; mean seconds, geometric mean "
        f"of the ratios | {cells} | ≤ 5× |",
        flush=True,
    )
    rng = np.random.default_rng(0)
    X = rng.normal(size=(250, 750))
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    line("fit, 250 × 750, k = 8", *fits(X, y, 3, n_hidden=8), "in seconds")
    X, y = samples(100_000)
    line("fit, 100 000 × 30, k = 64", *fits(X, y, 1, n_hidden=64), "≤ 10×")
    models = [
        TwoLayerSigmoidClassifier(10, alpha=alpha, random_state=0).fit(
            X[:2000], y[:2000]
        )
        for alpha in (1.0, "evidence")
    ]
    times = alternate(
        [lambda m=m: seconds(lambda: m.predict_proba(X)) for m in models], 3
    )
    line("predict_proba, 100 000 × 30, k = 10", *times, "—")


if __name__ == "__main__":
    main()
