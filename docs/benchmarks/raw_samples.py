"""One evaluation of cost and gradient, against that of another checkout.

    python docs/benchmarks/raw_samples.py CHECKOUT

Each checkout's package is loaded in a process of its own; both are asked in turns, the
order changing, and the least of an evaluation's CPU times (of all threads together)
counts, since what else the machine does only adds to it. Up to 32 MB samples are kept
between evaluations.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _common import machine, samples

HERE = str(Path(__file__).resolve().parents[2])
TURNS = 8
CHILD = """
import json, sys, time
from importlib import import_module
sys.path.insert(0, sys.argv[1])
import numpy as np
from sk_twolayer._engine.moments import Moments

def engine(name):
    # An earlier checkout has it among the other modules.
    try:
        return import_module("sk_twolayer._engine." + name)
    except ImportError:
        return import_module("sk_twolayer._" + name)

CrossEntropyObjective = engine("objective").CrossEntropyObjective
choose_output, Workers = engine("outputs").choose_output, engine("threads").Workers

def make(path, mapped, k, threads):
    X, y = np.load(path, mmap_mode="r" if mapped else None), np.load(path + ".y.npy")
    output = choose_output("logistic", 1)
    scales = Moments.of(X).standardisation(0.0, X.dtype)
    options = {"standardisation": scales, "workers": Workers(threads)}
    try:
        Block, Layout = engine("blocks").Block, engine("layout").Layout
    except ImportError:
        return CrossEntropyObjective(X, y, k, 1, output, **options)
    samples = Block(X, y), Layout(X.shape[1], k, 1), output
    try:
        return CrossEntropyObjective(engine("partition").Partition(*samples, **options))
    except ImportError:
        return CrossEntropyObjective(*samples, **options)

last = None
for line in sys.stdin:
    case = json.loads(line)
    if case != last:
        last, objective = case, make(*case)
        theta = 0.1 * np.random.default_rng(0).normal(size=objective.size)
    times = []
    with objective.workers.started():
        for _ in range(5):
            start = time.process_time()
            objective.value_and_gradient(theta)
            times.append(time.process_time() - start)
    print(min(times), flush=True)
"""


def child(checkout):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, checkout],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ask(process, case):
    process.stdin.write(json.dumps(case) + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def compare(before, after, case):
    """CPU seconds of an evaluation, before and after."""
    times = {before: [], after: []}
    for turn in range(TURNS):
        for process in (before, after) if turn % 2 else (after, before):
            times[process].append(ask(process, case))
    return min(times[before]), min(times[after])


def main(checkout):
    before, after = child(checkout), child(HERE)
    print(f"{machine()}.\n")
    print(
        "| samples × 30 | k | one thread: CPU time before | after | ratio "
        "| two threads: before | after | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for dtype, small, large in (
            (np.float64, 100_000, 300_000),
            (np.float32, 200_000, 600_000),
        ):
            for n, shift, mapped, name in (
                (small, 0, False, "kept"),
                (large, 0, False, "not kept"),
                (large, 0, True, "not kept, memory-mapped"),
                (large, 100, False, "not kept, means of 100 deviations"),
            ):
                X, y = samples(n, dtype=dtype)
                path = str(Path(folder) / f"{np.dtype(dtype).name} {name}.npy")
                np.save(path, X + dtype(shift))
                np.save(path + ".y.npy", y.astype(np.int8))
                for k in (10, 64):
                    cells = []
                    for threads in (1, 2):
                        case = [path, mapped, k, threads]
                        a, b = compare(before, after, case)
                        cells += [f"{1e3 * a:.0f} ms", f"{1e3 * b:.0f} ms"]
                        cells.append(f"{b / a:.2f}")
                    what = f"{n:,} {np.dtype(dtype).name}, {name}".replace(",", " ", 1)
                    print(f"| {what} | {k} | {' | '.join(cells)} |", flush=True)
    for process in (before, after):
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
