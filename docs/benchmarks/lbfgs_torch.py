"""One L-BFGS iteration, 100 000 x 30, k = 64, float32, against PyTorch on the CPU."""

import numpy as np
from _common import alternate, per_iteration, row, samples

from sk_twolayer import TwoLayerSigmoidClassifier


def main():
    import torch

    X, y = samples(100_000, dtype=np.float32)
    A, t = torch.from_numpy(X), torch.from_numpy(y.astype(np.float32))[:, None]

    def ours(max_iter):
        TwoLayerSigmoidClassifier(
            64, alpha=1.0, max_iter=max_iter, tol=0, random_state=0
        ).fit(X, y)

    def theirs():
        """Seconds an iteration, the first evaluation left out."""
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(30, 64), torch.nn.Sigmoid(), torch.nn.Linear(64, 1)
        )
        parameters = list(model.parameters())
        loss = torch.nn.BCEWithLogitsLoss()

        def run(max_iter):
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
                cost = loss(model(A), t) + penalty / (2 * len(X))
                cost.backward()
                return cost

            optimizer.step(closure)

        return per_iteration(run, 2, 12)()

    a, b = alternate([per_iteration(ours, 5, 45), theirs])
    row(
        "one L-BFGS iteration, 100 000 × 30, k = 64, float32",
        f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads",
        f"{1e3 * a:.1f}",
        f"{1e3 * b:.1f}",
        "ms",
        f"{b / a:.1f}×",
        "≥ 2×",
    )


if __name__ == "__main__":
    main()
