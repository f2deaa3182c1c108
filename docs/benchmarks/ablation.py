"""The default's machinery, one piece at a time switched off: is each worth its lines?

    python docs/benchmarks/ablation.py [--sizes 100,250] [--n-jobs 1]
                                       [--points FILE [--print]]

On the learning curves' points with at most 1000 rows, or with more for pieces that only
many samples meet; one seed, without the four slowest sets. A figure is the log-loss on
new rows with the piece off over that of the full default, as a geometric mean with its
standard error; above 1 the piece helps. Seconds are the processor's, as a ratio of sums.
The named cases are what the default must do whatever the mean says. `--points` keeps what
was measured, and goes on where a run was stopped; `--print` prints what it has till then,
with a question mark for cases that were not tried.

Nothing here is a parameter of the package: pieces are constants and functions that are
patched.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ["PYTHONWARNINGS"] = "ignore"

import numpy as np
from _datasets import COMPARED, COMPARED_FAMILIES, TUNED, TUNED_FAMILIES, draw
from joblib import Parallel, delayed
from sklearn.metrics import log_loss

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer import _cross_validation as folds
from sk_twolayer import _estimator as estimator
from sk_twolayer import _lots as lots
from sk_twolayer import _samples as samples
from sk_twolayer import _solvers as solvers
from sk_twolayer import _training as training
from sk_twolayer._engine import moments, prior

SIZES, SEED = (100, 250, 1000), 0
FULL = "the full default"


# ---- ways to switch a piece off


def constants(**values):
    """Constants, in every module that has them."""
    modules = folds, training, lots, samples, prior
    places = [(m, name) for name in values for m in modules if hasattr(m, name)]
    if missing := values.keys() - {name for _, name in places}:
        raise ValueError(f"no module has {missing}")
    return [mock.patch.object(m, name, values[name]) for m, name in places]


def neurons(count):
    return [mock.patch.object(estimator, "count_neurons", lambda _: count)]


def without_fallback():
    return constants(GAIN_OVER_SHARES=-np.inf)


def narrow_start():
    """Weights as MLPClassifier draws them."""
    drawn = training.initial_parameters

    def narrow(*args):
        return drawn(*args[:4], False, *args[5:])

    return [mock.patch.object(training, "initial_parameters", narrow)]


def cold_folds():
    """Each evaluation's folds begin at the drawn weights."""
    evaluate = folds._Folds.evaluate

    def anew(self, alpha, thetas, by_relevance=False, **options):
        self.first = getattr(self, "first", thetas)
        if not by_relevance:
            thetas = self.first
        return evaluate(self, alpha, thetas, by_relevance, **options)

    return [mock.patch.object(folds._Folds, "evaluate", anew)]


def one_way():
    """The final fit goes to the chosen precision at once."""
    chosen = folds.choose_alpha

    def choose(*args):
        found = chosen(*args)
        return found._replace(begin=(found.alpha, 1.0))

    return [mock.patch.object(folds, "choose_alpha", choose)]


def relevance_judged(verdict):
    """Relevance never or always, whatever the folds say."""
    evaluate = folds._Folds.evaluate

    def judged(self, alpha, thetas, by_relevance=False, **options):
        if not by_relevance:
            return evaluate(self, alpha, thetas, **options)
        return verdict, thetas

    return [mock.patch.object(folds._Folds, "evaluate", judged)]


def with_precision(of_W2=1.0, of_biases=(0.0, 0.0)):
    """W2's precision so many times W1's, and that of the biases."""

    def precision_of(layout, of_W1, alpha, **_):
        return prior.precision_of(layout, of_W1, of_W2 * alpha, of_biases)

    return [mock.patch.object(folds, "precision_of", precision_of)]


# Name to what gives the patches that switch it off.
PIECES = {
    "relevance": partial(relevance_judged, np.inf),
    "relevance only where the folds say so: always": partial(relevance_judged, -np.inf),
    "two rounds of relevance: one": partial(constants, RELEVANCE_ROUNDS=1),
    "one precision for both layers: W2's a tenth": partial(with_precision, 0.1),
    "one precision for both layers: W2's ten times": partial(with_precision, 10.0),
    "biases are free: precisions of 0.25 and 0.01": partial(
        with_precision, of_biases=(prior.B1_PRECISION, prior.B2_PRECISION)
    ),
    "the search begins low: at 1": partial(constants, BEGINS=((4, 1.0), (2, 0.1))),
    "a second beginning": partial(constants, BEGINS=((3, 1.0),)),
    "copies are left out together": lambda: [
        mock.patch.object(folds, "are_copies", lambda *_: False)
    ],
    "steps of sqrt(10): of 10": partial(
        constants,
        GRID=tuple(10.0**e for e in (-2.5, -1.5, -0.5, 0.5, 1.5)),
        BEGINS=((2, 1.0), (1, 0.1)),
    ),
    "at most 200 iterations: 1000": partial(constants, SEARCH_ITERATIONS=1000),
    "precisions within 1e-2 and 1e2: 1e-4 and 1e4": partial(
        constants,
        GRID=tuple(10 ** (e / 2) for e in range(-8, 9)),
        BEGINS=((7, 1.0), (5, 0.1)),
    ),
    "a step gains a nat: anything": partial(constants, GAIN=1e-9),
    "four nats over the class shares: none": partial(constants, GAIN_OVER_SHARES=0.0),
    "class shares, and a second beginning, where nothing is better": without_fallback,
    "folds begin where the last ended: anew": cold_folds,
    "the final fit goes the same way: at once": one_way,
    "the search's looser tol: 1e-4": partial(constants, SEARCH_TOL=1e-4),
    "relevance's floor of 0.1: 0.03": partial(constants, FLOOR=0.03),
    "less tolerance of many classes, and features": lambda: [
        mock.patch.object(folds, "search_tol", lambda *_: folds.SEARCH_TOL)
    ],
    "wide start": narrow_start,
    "lone values set no scale": lambda: [
        mock.patch.object(moments.Moments, "without_lone_values", lambda self, *_: self)
    ],
    "steps on a grid": lambda: [
        mock.patch.dict(solvers.lbfgs.__kwdefaults__, exact_steps=False)
    ],
    "neurons grow with n: always 30": partial(neurons, 30),
    "neurons grow with n: always 10": partial(neurons, 10),
    "neurons grow with n: always 100": partial(neurons, 100),
    "five folds: three": partial(constants, FOLDS=3),
    "a search on 2000 samples: on all": partial(constants, MOST_SAMPLES=10**9),
    "of each class a hundred": partial(constants, OF_CLASS=0),
}
# What only many samples meet, and where it is measured.
OF_MANY = {
    "neurons grow with n: always 30": (4000,),
    "a search on 2000 samples: on all": (4000,),
    "of each class a hundred": (4000,),
}
# These four take more time than all the others together.
LEFT_OUT = ("digits", "diamonds", "flavia", "wide")


@contextmanager
def without(piece):
    """The default with one piece switched off."""
    with ExitStack() as stack:
        for patch in [] if piece == FULL else PIECES[piece]():
            stack.enter_context(patch)
        yield


# ---- named cases: of each whether the default does what it must


def fitted(X, y, seed=0):
    return TwoLayerSigmoidClassifier(random_state=seed).fit(X, y)


def loss_of(X, y, X_new, y_new):
    model = fitted(X, y)
    return log_loss(y_new, model.predict_proba(X_new), labels=model.classes_)


def xor(copies):
    X = np.repeat([[0.0, 0], [0, 1], [1, 0], [1, 1]], copies, axis=0)
    y = np.repeat([0, 1, 1, 0], copies)
    return all(fitted(X, y, seed).score(X, y) == 1 for seed in range(3))


def wave():
    X = np.random.RandomState(0).normal(size=(300, 1))
    y = (np.sin(3 * X[:, 0]) > 0).astype(int)
    return fitted(X, y).score(X, y) > 0.97


def fast_wave():
    X = np.random.default_rng(0).normal(size=(5000, 1))
    y = (np.sin(10 * X[:, 0]) > 0).astype(int)
    return loss_of(X[:2000], y[:2000], X[2000:], y[2000:]) < 0.3


def rings():
    X = np.random.default_rng(100).normal(size=(5000, 2))
    y = (np.floor(2 * np.hypot(*X.T)) % 2).astype(int)
    return loss_of(X[:2000], y[:2000], X[2000:], y[2000:]) < 0.4


def miscoded():
    rng = np.random.RandomState(0)
    Z = rng.normal(size=(600, 3))
    y = (Z[:, 0] > 0).astype(int)
    Z[0, 0] = 10_000
    return fitted(Z[:300], y[:300]).score(Z[300:], y[300:]) > 0.95


def wide():
    rng = np.random.RandomState(0)
    y = rng.randint(0, 2, 1060)
    X = rng.normal(size=(1060, 1000))
    X[:, :50] += 2 * y[:, None]
    return loss_of(X[:60], y[:60], X[60:], y[60:]) < 0.15


def noise():
    losses = []
    for seed in range(5):
        rng = np.random.RandomState(seed)
        X, y = rng.normal(size=(2200, 20)), rng.randint(0, 2, 2200)
        losses.append(loss_of(X[:200], y[:200], X[200:], y[200:]))
    return np.mean(losses) < 0.71


def apart():
    rng = np.random.RandomState(0)
    y = rng.randint(0, 2, 1642)
    X = rng.normal(size=(1642, 2)) + 8 * y[:, None]
    return loss_of(X[:821], y[:821], X[821:], y[821:]) < 0.005


def few_events(sides):
    """Of 20 000 on one or both sides of the others; the shares' log-loss is 0.0079."""

    def drawn(seed):
        rng = np.random.RandomState(seed)
        X, y = rng.normal(size=(20_000, 5)), (np.arange(20_000) < 20).astype(int)
        X[:20] += 2.5 * rng.choice(sides, (20, 1))
        return X, y

    (X, y), (X_new, y_new) = drawn(0), drawn(1)
    model = fitted(X, y)
    total = model.predict_proba(X)[:, 1].sum()
    return 15 < total < 25 and log_loss(y_new, model.predict_proba(X_new)) < 0.004


def clusters():
    return loss_of(*draw("clusters", 1000, 1)) < 0.5


def copies():
    X, y, X_new, y_new = draw("clusters", 500, 0)
    of_copies = loss_of(np.repeat(X, 3, axis=0), np.repeat(y, 3), X_new, y_new)
    return of_copies < 1.3 * loss_of(X, y, X_new, y_new)


def row_order():
    X, y, X_new, _ = draw("diamonds", 500, 0)
    order = np.random.RandomState(0).permutation(len(y))
    found = fitted(X, y), fitted(X[order], y[order])
    one, other = (model.predict_proba(X_new) for model in found)
    return np.abs(one - other).max() < 1e-6


CASES = {
    "XOR": partial(xor, 1),
    "XOR, 32 times": partial(xor, 32),
    "wave": wave,
    "fast wave": fast_wave,
    "rings": rings,
    "miscoded value": miscoded,
    "60 × 1000": wide,
    "noise": noise,
    "classes far apart": apart,
    "20 events of 20 000": partial(few_events, [1]),
    "20 events of 20 000, on both sides": partial(few_events, [-1, 1]),
    "clusters": clusters,
    "copies of rows": copies,
    "row order": row_order,
}


def failed(piece):
    """The named cases that fail without it."""
    warnings.simplefilter("ignore")
    with without(piece):
        return ", ".join(name for name, case in CASES.items() if not case())


# ---- the points


def measured(piece, name, n):
    """Log-loss and processor seconds; None where the set has too few rows."""
    warnings.simplefilter("ignore")
    drawn = draw(name, n, SEED)
    if drawn is None:
        return None
    X, y, X_new, y_new = drawn
    with without(piece):
        model = TwoLayerSigmoidClassifier(random_state=SEED)
        begun = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - begun
    return log_loss(y_new, model.predict_proba(X_new), labels=model.classes_), seconds


def run(job):
    piece, name, n = job
    return job, failed(piece) if name is None else measured(piece, name, n)


def sizes_of(piece, sizes):
    """Where a piece is measured; the full default wherever any is."""
    if piece == FULL:
        return sorted({*sizes, *(n for some in OF_MANY.values() for n in some)})
    return OF_MANY.get(piece, sizes)


def row(piece, points, sizes, cases):
    """One line of the table."""

    def compared(names):
        keys = [k for k in points[piece] if k[0] in names and k[1] in sizes]
        pairs = [(points[piece][k], points[FULL][k]) for k in keys]
        if not pairs:
            return "—", [], "—"
        (losses, seconds), (full, full_seconds) = np.array(pairs).transpose(1, 2, 0)
        logs = np.log(losses / full)
        error = logs.std() / np.sqrt(len(logs))
        text = f"{np.exp(logs.mean()):.3f} ± {error:.3f}"
        return (
            text,
            list(zip(logs, keys, strict=True)),
            seconds.sum() / full_seconds.sum(),
        )

    tuned, at, ratio = compared(TUNED + TUNED_FAMILIES)
    also, others, _ = compared(COMPARED + COMPARED_FAMILIES)
    if not at:
        return None
    worst, (name, n) = max(at + others)
    where = f"{np.exp(worst):.2f} ({name}, {n})" if worst > 0.005 else "—"
    return f"| {piece} | {tuned} | {also} | {where} | {ratio:.2f} | {cases or '—'} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--points")
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=-1)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    pieces = [FULL, *PIECES]
    names = TUNED + TUNED_FAMILIES + COMPARED + COMPARED_FAMILIES
    jobs = [
        (piece, name, n)
        for piece in pieces
        for n in sizes_of(piece, sizes)
        for name in names
        if name not in LEFT_OUT
    ]
    jobs += [(piece, None, 0) for piece in pieces]
    # The quickest first, for what a run that is stopped has kept.
    jobs.sort(key=lambda job: job[2] or 300)
    known = {}
    file = Path(options.points) if options.points else None
    if file and file.exists():
        lines = file.read_text().splitlines()
        known = {tuple(job): found for job, found in map(json.loads, lines)}
    rest = [] if options.print else [job for job in jobs if job not in known]
    parallel = Parallel(n_jobs=options.n_jobs, return_as="generator_unordered")
    for job, found in parallel(delayed(run)(job) for job in rest):
        known[job] = found
        if file:
            with file.open("a") as kept:
                print(json.dumps([job, found]), file=kept)
    points = {piece: {} for piece in pieces}
    for (piece, name, n), found in known.items():
        if name is not None and found is not None and piece in points:
            points[piece][name, n] = found
    head = "| without | tuned on | compared on | worst point | seconds | fails |"
    rule = "| --- | --- | --- | --- | --- | --- |"
    print(head, rule, sep="\n")
    for piece in pieces:
        at = sizes if piece == FULL else sizes_of(piece, sizes)
        line = row(piece, points, at, known.get((piece, None, 0), "?"))
        if line and piece in OF_MANY:
            label = f"{piece}, n = {', '.join(map(str, at))}"
            line = line.replace(f"| {piece} |", f"| {label} |", 1)
        if line:
            print(line)
    count = sum(n in sizes for _, n in points[FULL])
    print(
        f"\n{count} points of n = {', '.join(map(str, sizes))}, but where it says others."
    )


if __name__ == "__main__":
    main()
