"""One BFGS iteration of R's nnet, 20 000 x 30, size = 64, against L-BFGS here."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from _common import alternate, per_iteration, row, samples

from sk_twolayer import TwoLayerSigmoidClassifier

R_SCRIPT = """
library(nnet)
X <- matrix(readBin("{path}/X", "double", {n} * 30), ncol = 30)
y <- readBin("{path}/y", "integer", {n})
fit <- function(iterations) system.time(nnet(X, y, size = 64, entropy = TRUE,
    decay = 0.5, maxit = iterations, MaxNWts = 5000, trace = FALSE, Wts = weights,
    abstol = 0, reltol = 0))["elapsed"]
set.seed(0)
weights <- runif(31 * 64 + 65, -0.1, 0.1)
few <- fit(2); many <- fit(7)
cat("seconds", (many - few) / 5, "\\n")
"""


def main():
    work = "one iteration, 20 000 × 30, k = 64, float64"
    if shutil.which("Rscript") is None:
        print(f"| {work} | R nnet's BFGS: R is not installed | — | — | — | ≥ 40× |")
        return
    X, y = samples(20_000)

    def ours(max_iter):
        TwoLayerSigmoidClassifier(
            64, alpha=1.0, max_iter=max_iter, tol=0, random_state=0
        ).fit(X, y)

    with tempfile.TemporaryDirectory() as folder:
        np.asfortranarray(X).T.tofile(Path(folder) / "X")
        y.astype(np.int32).tofile(Path(folder) / "y")
        script = Path(folder) / "fit.R"
        script.write_text(R_SCRIPT.format(path=folder, n=len(X)))

        def theirs():
            result = subprocess.run(
                ["Rscript", str(script)], capture_output=True, text=True, check=True
            )
            return float(re.search(r"seconds (\S+)", result.stdout)[1])

        a, b = alternate([per_iteration(ours, 5, 65), theirs], repeats=3)
    row(
        work,
        "R nnet's BFGS",
        f"{1e3 * a:.2f}",
        f"{1e3 * b:.0f}",
        "ms",
        f"{b / a:.0f}×",
        "≥ 40×",
    )


if __name__ == "__main__":
    main()
