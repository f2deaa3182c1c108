"""Runs every benchmark and writes its table into docs/performance.md, or its own page.

    python docs/benchmarks/run.py [speed] [tried] [raw] [alpha] [auto_alpha] [adam_passes]
                                  [quality] [curves] [curves_compared]
                                  [curves_held_back] [curves_slow_peers] [ablation] [default_cost]
                                  [invariance] [defaults] [evidence] [evidence_cost]
                                   [intervals] [constraints] [array_api] [dask_cluster]
                                   [dask_growth] [spark] [soak] [threaded_search]

With names, only those tables are run; the others stay as they are.
"""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

from _common import machine

HERE = Path(__file__).parent
PAGE = HERE.parent / "performance.md"
# Tables that have another page.
ELSEWHERE = {
    "soak": "trust.md",
    "intervals": "intervals.md",
    "constraints": "constraints.md",
    "dask_cluster": "scale.md",
    "dask_growth": "scale.md",
    "spark": "scale.md",
}
ROWS = [
    "lbfgs_float64",
    "lbfgs_float32",
    "lbfgs_torch",
    "limit",
    "grid_search",
    "grid_search_one_thread",
    "grid_search_small",
    "memory_fit",
    "predict",
    "memmap",
    "nnet",
    "adam_float64",
    "adam_float32",
]
TABLES = [
    "tried",
    "threaded_search",
    "raw",
    "alpha",
    "auto_alpha",
    "adam_passes",
    "quality",
    "curves",
    "curves_compared",
    "curves_held_back",
    "curves_slow_peers",
    "ablation",
    "default_cost",
    "invariance",
    "defaults",
    "evidence",
    "evidence_cost",
    "array_api",
]
HEAD = "| work | peer | here | peer | ratio | to reach |\n|---|---|---|---|---|---|"


def output(name):
    print(f"# {name}", file=sys.stderr, flush=True)
    result = subprocess.run(
        [sys.executable, HERE / f"{name}.py"],
        check=False,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:]
        print(*last, file=sys.stderr)
        return f"| {name} | not run: {' '.join(last)} | | | | |"
    return result.stdout.strip()


def replace(page, name, text):
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)"
    if not re.search(pattern, page, re.DOTALL):
        raise SystemExit(f"no page has a place for {name}")
    return re.sub(
        pattern, lambda found: f"{found[1]}{text}\n{found[2]}", page, flags=re.DOTALL
    )


def main(names):
    page = PAGE.read_text(encoding="utf-8")
    if not names or "speed" in names:
        lines = [HEAD, *(output(name) for name in ROWS)]
        page = replace(page, "speed", "\n" + "\n".join(lines) + "\n")
        when = f"{datetime.date.today()}, {machine()}."
        page = replace(page, "machine", when)
    for name in TABLES:
        if not names or name in names:
            page = replace(page, name, "\n" + output(name) + "\n")
    PAGE.write_text(page, encoding="utf-8")
    for name, file in ELSEWHERE.items():
        if not names or name in names:
            other = HERE.parent / file
            text = other.read_text(encoding="utf-8")
            text = replace(text, name, "\n" + output(name) + "\n")
            other.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
