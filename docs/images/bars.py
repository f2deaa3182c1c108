"""Writes docs/images/bars.html and bars_zh.html from a table of docs/performance.md.

    python docs/images/bars.py

The first page's chart: the log-loss of each contestant's defaults on data that no choice
was made on, as `docs/benchmarks/curves.py` printed it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from site_tools import table

NAMES = {
    "default": ("this network, raw features", "本网络，未缩放的特征"),
    "MLP, scaled": ("MLPClassifier, scaled", "MLPClassifier，缩放后"),
    "logistic, scaled": ("LogisticRegression, scaled", "LogisticRegression，缩放后"),
    "HistGB": ("HistGradientBoosting", "HistGradientBoosting"),
}
WIDTH, ROW = 360, 46


def chart(language):
    found = {row["contestant"]: float(row["all"]) for row in table("curves_held_back")}
    values = {names[language]: found[key] for key, names in NAMES.items()}
    scale = (WIDTH - 50) / max(values.values())
    marks = []
    for i, (name, value) in enumerate(values.items()):
        y = ROW * i
        marks.append(
            f'<text x="0" y="{y + 14}">{name}</text>'
            f'<rect class="{"theirs" if i else "ours"}" x="0" y="{y + 20}" '
            f'width="{scale * value:.1f}" height="18" rx="2"/>'
            f'<text x="{scale * value + 6:.1f}" y="{y + 34}" font-weight="600">'
            f"{value:.2f}</text>"
        )
    height = ROW * len(values) + 22
    best = ("1: the best of the others", "1：其余四个里最好的")[language]
    label = ("Log-loss, less is better", "对数损失，越小越好")[language]
    spoken = "; ".join(f"{name} {value:.2f}" for name, value in values.items())
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{label}: {spoken}">{"".join(marks)}'
        f'<path d="M{scale:.1f} 18V{height - 18}" stroke="currentColor" '
        f'stroke-dasharray="3 3"/><text x="{scale:.1f}" y="{height - 4}" '
        f'text-anchor="end">{best}</text></svg>\n'
    )


for language, end in enumerate(("", "_zh")):
    path = Path(__file__).with_name(f"bars{end}.html")
    path.write_text(chart(language), encoding="utf-8")
