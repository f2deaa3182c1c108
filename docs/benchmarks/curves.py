"""Learning curves: the defaults' log-loss on new rows, from 100 to 4000 rows to learn.

    python docs/benchmarks/curves.py [--compared] [--held-back] [--sizes 100,500]
                                     [--points FILE]
    python docs/benchmarks/curves.py --slow-peers [--points FILE [--print]]

The table by which defaults are judged. For each data set, size and one of two seeds the
rows are drawn anew; the ratio is that to the least log-loss of logistic regression,
MLPClassifier behind a scaler, HistGradientBoosting and this network's own best number
for alpha (ten neurons behind a scaler, the best of six on the test rows themselves).
`--compared` takes the sets on which choices were compared, `--held-back` those that none
was made on. `--points` writes each point.
`--slow-peers` ranks CatBoost and RealMLP too, at the points that slow_peers.py has kept;
there `--points` keeps the others' losses, and `--print` takes the points that it has.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ["PYTHONWARNINGS"] = "ignore"

import numpy as np
import slow_peers
from _datasets import (
    COMPARED,
    COMPARED_FAMILIES,
    HELD_BACK,
    HELD_BACK_FAMILIES,
    TUNED,
    TUNED_FAMILIES,
    draw,
)
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

SIZES = (100, 250, 500, 1000, 2000, 4000)
SEEDS = (0, 1)
OWN = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
# A network that was found no better than the class shares has about their log-loss.
LITTLE = 1.001
OURS, SHARES, BEST_ALPHA = "**default**", "class shares", "own best alpha"


def contestants(seed):
    scaled_mlp = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed))
    return {
        OURS: TwoLayerSigmoidClassifier(random_state=seed),
        "logistic, scaled": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000)
        ),
        "MLP, scaled": scaled_mlp,
        "HistGB": HistGradientBoostingClassifier(random_state=seed),
    }


def tried(model, X, y, X_test, y_test):
    """Log-loss on the test rows, and seconds of the fit."""
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    loss = log_loss(y_test, model.predict_proba(X_test), labels=model.classes_)
    return loss, seconds


def point(name, n, seed):
    """Each contestant's log-loss and seconds; None where the set has too few rows."""
    warnings.simplefilter("ignore")
    drawn = draw(name, n, seed)
    if drawn is None:
        return None
    y, y_test = drawn[1], drawn[3]
    found = {m: tried(model, *drawn) for m, model in contestants(seed).items()}
    numbers = [
        tried(
            make_pipeline(
                StandardScaler(),
                TwoLayerSigmoidClassifier(10, alpha=alpha, random_state=seed),
            ),
            *drawn,
        )
        for alpha in OWN
    ]
    found[BEST_ALPHA] = min(numbers)[0], sum(seconds for _, seconds in numbers)
    classes, count = np.unique(y, return_counts=True)
    shares = np.tile(count / len(y), (len(y_test), 1))
    found[SHARES] = log_loss(y_test, shares, labels=classes), 0.0
    return (name, n, seed), found


def losses_at(key):
    """The point, and each quick contestant's log-loss."""
    warnings.simplefilter("ignore")
    drawn = draw(*key)
    return key, [tried(model, *drawn)[0] for model in contestants(key[2]).values()]


def rank_slow_peers(points, only_print):
    """Print the ranks with CatBoost and RealMLP, whose figures the file has."""
    kept, known = slow_peers.read(), {}
    if points and os.path.exists(points):
        with open(points) as file:
            known = {tuple(key): found for key, found in map(json.loads, file)}
    keys = [k for k in kept if len(kept[k]) == 1 + len(slow_peers.PEERS)]
    # Where a class has too few rows, not all of them learn.
    keys = [
        k for k in keys if np.isfinite([loss for loss, _ in kept[k].values()]).all()
    ]
    rest = [] if only_print else [key for key in keys if key not in known]
    parallel = Parallel(n_jobs=-1, return_as="generator")
    for key, found in parallel(delayed(losses_at)(key) for key in rest):
        known[key] = found
        if points:
            with open(points, "a") as file:
                print(json.dumps([key, found]), file=file)
    keys = [key for key in keys if key in known]
    quick = [known[key] for key in keys]
    slow = [[kept[key][peer][0] for peer in slow_peers.PEERS] for key in keys]
    losses = np.hstack([quick, slow])
    models = [*contestants(0), *slow_peers.PEERS]
    ranks = rankdata(losses, axis=1)
    logs = np.log(losses / losses[:, [models.index(slow_peers.CATBOOST)]])
    tuned = np.array([key[0] in TUNED + TUNED_FAMILIES for key in keys])
    n_of = np.array([key[1] for key in keys])
    sizes = sorted(set(n_of))
    print("| contestant | mean rank | on other data | log-loss / CatBoost's", end=" ")
    print("| on other data |", *(f"seconds, n = {n} |" for n in sizes))
    print("|" + " --- |" * (5 + len(sizes)))
    for i, model in enumerate(models):
        cells = [f"{ranks[tuned, i].mean():.2f}", f"{ranks[~tuned, i].mean():.2f}"]
        cells += [f"{np.exp(logs[of, i].mean()):.2f}" for of in (tuned, ~tuned)]
        own = slow_peers.OURS if model == OURS else model
        if own in kept[keys[0]]:
            seconds = np.array([kept[key][own][1] for key in keys])
            cells += [f"{seconds[n_of == n].mean():.2f}" for n in sizes]
        else:
            cells += ["—"] * len(sizes)
        print(f"| {model} | {' | '.join(cells)} |")
    few = f"{tuned.sum()} points of the data that the default was made on, and of the "
    print(f"\n{few}others {(~tuned).sum()}; one seed. {slow_peers.versions()}.")
    pairs = [(kept[k][slow_peers.OURS], kept[k][slow_peers.CATBOOST]) for k in keys]
    times = np.array([[ours[1], theirs[1]] for ours, theirs in pairs])
    of_times = np.log(times[:, 0] / times[:, 1])
    total = times[:, 0].sum() / times[:, 1].sum()
    first = (ranks[:, models.index(OURS)] == 1).sum()
    print(f"The default is first at {first} of them; its seconds over CatBoost's are")
    print(
        f"{np.exp(of_times.mean()):.2f} as a geometric mean, {total:.2f} in sum,",
        end=" ",
    )
    print(f"and at most a fifth at {(of_times <= np.log(0.2)).sum()} points.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compared", action="store_true")
    parser.add_argument("--held-back", action="store_true")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--points")
    parser.add_argument("--slow-peers", action="store_true")
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    if options.slow_peers:
        rank_slow_peers(options.points, options.print)
        return
    sizes = [int(size) for size in options.sizes.split(",")]
    names = TUNED + TUNED_FAMILIES
    if options.compared:
        names = COMPARED + COMPARED_FAMILIES
    if options.held_back:
        names = HELD_BACK + HELD_BACK_FAMILIES
    jobs = [(name, n, seed) for n in sizes[::-1] for name in names for seed in SEEDS]
    points = Parallel(n_jobs=-1)(delayed(point)(*job) for job in jobs)
    points = [p for p in points if p is not None]
    if options.points:
        with open(options.points, "w") as file:
            for key, found in points:
                cells = (
                    f"{m} {loss:.4f} ({s:.2f} s)" for m, (loss, s) in found.items()
                )
                print(*key, *cells, sep="; ", file=file)
    models = [m for m in points[0][1] if m != SHARES]
    losses = np.array([[found[m][0] for m in models] for _, found in points])
    seconds = np.array([[found[m][1] for m in models] for _, found in points])
    shares = np.array([found[SHARES][0] for _, found in points])
    n_of = np.array([key[1] for key, _ in points])
    peers = [i for i, m in enumerate(models) if m != OURS]
    ratios = losses / losses[:, peers].min(axis=1, keepdims=True)
    geometric = np.exp(np.log(ratios).mean(axis=0))
    rank = rankdata(losses, axis=1).mean(axis=0)
    head = [f"n = {n}" for n in sizes]
    print("| contestant |", *(f"{h} |" for h in head), end=" ")
    print("all | worst | worse than class shares | mean rank | mean seconds |")
    print("|" + " --- |" * (len(head) + 6))
    for i, model in enumerate(models):
        cells = [np.exp(np.log(ratios[n_of == n, i]).mean()) for n in sizes]
        cells = " | ".join(f"{c:.2f}" for c in cells)
        worse, much = (
            int((losses[:, i] > least).sum()) for least in (shares, LITTLE * shares)
        )
        print(
            f"| {model} | {cells} | **{geometric[i]:.3f}** | {ratios[:, i].max():.2f} | "
            f"{worse} of {len(points)}, {much} by 0.1 % | {rank[i]:.2f} | {seconds[:, i].mean():.2f} |"
        )
    worst = np.argsort(-ratios[:, models.index(OURS)])[:5]
    named = (f"{' '.join(map(str, points[i][0]))} {ratios[i, 0]:.2f}" for i in worst)
    print(
        f"\nThe default's five worst points (set, n, seed, ratio): {'; '.join(named)}."
    )


if __name__ == "__main__":
    main()
