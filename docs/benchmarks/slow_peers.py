"""CatBoost and RealMLP on some of the learning curves' points, kept in slow_peers.csv.

    pip install '.[benchmark]'
    python docs/benchmarks/slow_peers.py [--sizes 250,100,1000] [--seeds 0]

They take many times as long as all else in curves.py, which reads the file instead.
Points that it has already are not run again: delete their lines to measure anew. Each is
written when it is done. Defaults, on one thread; seconds are the processor's of the fit,
which other work on the machine disturbs little, and the default's beside them are from
the same process.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from _datasets import COMPARED, COMPARED_FAMILIES, TUNED, TUNED_FAMILIES, draw
from sklearn.metrics import log_loss

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = ["set", "n", "seed", "contestant", "version", "log_loss", "seconds"]
CATBOOST, REALMLP = "CatBoost", "RealMLP-TD-S"
PEERS = (CATBOOST, REALMLP)
OURS = "default"
# CatBoost takes minutes for 2000 features, and for many classes: that is left out, and
# these come last.
LEFT_OUT = "wide"
LAST = ("digits", "flavia", "20 classes", "hpc")


def read():
    """What was measured: (set, n, seed) to contestant to log-loss and seconds."""
    found = {}
    if FILE.exists():
        with FILE.open(newline="") as file:
            for row in csv.DictReader(file):
                key = row["set"], int(row["n"]), int(row["seed"])
                numbers = float(row["log_loss"]), float(row["seconds"])
                found.setdefault(key, {})[row["contestant"]] = numbers
    return found


def versions():
    """The file's contestants and their versions, as one reads them."""
    with FILE.open(newline="") as file:
        rows = {(row["contestant"], row["version"]) for row in csv.DictReader(file)}
    return ", ".join(f"{name} ({version})" for name, version in sorted(rows))


def contestants(seed):
    """Name to version and estimator."""
    import torch
    from catboost import CatBoostClassifier
    from pytabkit import RealMLP_TD_S_Classifier

    from sk_twolayer import TwoLayerSigmoidClassifier, __version__

    torch.set_num_threads(1)
    catboost = CatBoostClassifier(
        random_seed=seed, thread_count=1, verbose=0, allow_writing_files=False
    )
    realmlp = RealMLP_TD_S_Classifier(
        device="cpu", random_state=seed, n_threads=1, verbosity=0
    )
    return {
        OURS: (
            f"sk_twolayer {__version__}",
            TwoLayerSigmoidClassifier(random_state=seed),
        ),
        CATBOOST: (f"catboost {version('catboost')}", catboost),
        REALMLP: (
            f"pytabkit {version('pytabkit')}, torch {version('torch')}",
            realmlp,
        ),
    }


def measured(model, X, y, X_new, y_new):
    """Log-loss on the new rows, NaN where it can't learn these, and seconds."""
    start = time.process_time()
    try:
        model.fit(X, y)
        seconds = time.process_time() - start
        probabilities = model.predict_proba(X_new)
    except Exception as error:  # noqa: BLE001
        print(f"{type(model).__name__}: {error}", file=sys.stderr)
        return float("nan"), time.process_time() - start
    return log_loss(y_new, probabilities, labels=model.classes_), seconds


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="250,100,1000")
    parser.add_argument("--seeds", default="0")
    options = parser.parse_args()
    names = TUNED + COMPARED + TUNED_FAMILIES + COMPARED_FAMILIES
    jobs = [
        (name, int(n), int(seed))
        for many_classes in (False, True)
        for seed in options.seeds.split(",")
        for n in options.sizes.split(",")
        for name in names
        if name != LEFT_OUT and (name in LAST) == many_classes
    ]
    # What is imported at the first fit only is no part of the first point's.
    for _, model in contestants(0).values():
        measured(model, *draw("moons", 100, 0))
    known = read()
    if not FILE.exists():
        FILE.write_text(",".join(COLUMNS) + "\n")
    for key in jobs:
        drawn = draw(*key)
        if drawn is None:
            continue
        for name, (its_version, model) in contestants(key[2]).items():
            if name in known.get(key, {}):
                continue
            loss, seconds = measured(model, *drawn)
            row = [*key, name, its_version, f"{loss:.4f}", f"{seconds:.3f}"]
            with FILE.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(row)


if __name__ == "__main__":
    main()
