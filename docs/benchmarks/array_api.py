"""One L-BFGS iteration on PyTorch's arrays, against the same network by hand in PyTorch.

    python docs/benchmarks/array_api.py [rows features neurons]

On a GPU where there is one, else on the CPU and at a size for CI. Beside both stands
what this package's own engine takes on this machine's CPU for the same samples.
"""

import os
import sys

# scikit-learn asks that SciPy knows of it when it is imported.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import sklearn
from _common import alternate, per_iteration, samples

from sk_twolayer import TwoLayerSigmoidClassifier

SIZES = {"cpu": (20_000, 30, 64), "cuda": (1_000_000, 100, 256)}


def by_hand(torch, A, t, k):
    """A function of max_iter: nn.Sequential, autograd and PyTorch's own L-BFGS."""
    device, (n, m) = A.device, A.shape

    def fit(max_iter):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(m, k), torch.nn.Sigmoid(), torch.nn.Linear(k, 1)
        ).to(device, A.dtype)
        parameters = list(model.parameters())
        loss = torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.LBFGS(
            parameters,
            max_iter=max_iter,
            history_size=20,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

        def closure():
            optimizer.zero_grad()
            penalty = sum((p**2).sum() for p in parameters if p.ndim == 2)
            cost = loss(model(A), t) + penalty / (2 * n)
            cost.backward()
            return cost

        # Its costs are numbers of the host: it waits for the device.
        optimizer.step(closure)

    return fit


def main(sizes):
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        # One thread each: threads that wait for each other on a busy machine say little.
        torch.set_num_threads(1)
    n, m, k = sizes or SIZES[device]
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(
        f"On {name}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads.\n"
    )
    print(
        "| one iteration | on the device | PyTorch by hand | ratio | NumPy's engine |"
    )
    print("|---|---|---|---|---|")
    for dtype in (np.float32, np.float64):
        X, y = samples(n, m, dtype)
        A, b = torch.asarray(X, device=device), torch.asarray(y, device=device)
        t = b.to(A.dtype)[:, None]

        def fit(max_iter, X, y):
            TwoLayerSigmoidClassifier(
                k,
                alpha=1.0,
                max_iter=max_iter,
                tol=0,
                random_state=0,
                n_jobs=1 if device == "cpu" else -1,
            ).fit(X, y)

        def there(max_iter, A=A, b=b):
            with sklearn.config_context(array_api_dispatch=True):
                fit(max_iter, A, b)

        def here(max_iter, X=X, y=y):
            fit(max_iter, X, y)

        contestants = [there, by_hand(torch, A, t, k), here]
        found = alternate([per_iteration(c, 5, 25) for c in contestants])
        ours, hand, engine = 1e3 * found
        print(
            f"| {n:_} × {m}, k = {k}, {np.dtype(dtype).name} | {ours:.1f} ms | "
            f"{hand:.1f} ms | {hand / ours:.2f}× | {engine:.1f} ms |".replace("_", " ")
        )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
