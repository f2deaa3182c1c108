"""The explorer: one page on which every entry of a pass can be followed.

The page is one script, one stylesheet and one dictionary, all within the package; it
fetches nothing. Without scripts it is a static table.
"""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from sk_twolayer import network
from sk_twolayer._typing import Array

if TYPE_CHECKING:
    from sk_twolayer.inspection._trace import Trace


LANGUAGES = ("en", "zh")
# Entries of recorded parameters that a page holds, thinned. And entries of X and the
# parameters up to which it holds all; beyond, so many features, samples, neurons and
# outputs.
MOST_RECORDED = 250_000
MOST_ENTRIES, MOST = 30_000, {"m": 30, "n": 60, "k": 30, "K": 10}

# Theme and height pass between a page and the frame in it: neither can see the other.
HOST = """<script>(() => {
const frame = document.currentScript?.previousElementSibling;
const h = document.documentElement;
if (!frame) return;
const theme = () => h.dataset.theme ?? ({true: "light", false: "dark"})[
  document.body.dataset.jpThemeLight] ?? (/vscode-(dark|high-contrast)$/.test(
  document.body.dataset.vscodeThemeKind) ? "dark" : undefined);
const tell = () => frame.contentWindow?.postMessage({theme: theme()}, "*");
addEventListener("message", e => {
  if (e.source !== frame.contentWindow || !(e.data?.explorer > 0)) return;
  frame.style.height = Math.min(e.data.explorer, Math.max(innerHeight, 500)) + "px";
});
frame.addEventListener("load", tell);
tell();
for (const node of [h, document.body])
  new MutationObserver(tell).observe(node, {attributes: true});
})()</script>"""


def check_language(language: str) -> None:
    """Raise unless the explorer speaks it.

    Parameters
    ----------
    language : str
        As given.

    Raises
    ------
    ValueError
        If it is none of the languages.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language={language!r}; it must be 'en' or 'zh'.")


def explorer_page(trace: Trace, language: str, sample: int | None = None) -> str:
    """A whole HTML page.

    Parameters
    ----------
    trace : Trace
        What it shows.
    language : {"en", "zh"}
        What it opens in.
    sample : int, default=None
        Whose column is lit.

    Returns
    -------
    str
        It stands alone.
    """
    check_language(language)
    package = files("sk_twolayer.inspection")
    style, script, strings = (
        package.joinpath("explorer" + end).read_text(encoding="utf-8")
        for end in (".css", ".js", ".json")
    )
    dictionary = json.loads(strings)
    data = _data(trace, sample) | {"language": language, "strings": dictionary}
    # A script's text ends at "</script" wherever it stands; JSON has another way to
    # write "<".
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c")
    title = escape(dictionary["title"][LANGUAGES.index(language)])
    return (
        f'<!DOCTYPE html><html lang="{"zh-CN" if language == "zh" else language}">'
        '<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title>'
        f"<style>{style}</style></head><body>"
        f'<main id="app">{_static(trace)}</main>'
        f'<script type="application/json" id="data">{text}</script>'
        f"<script>{script}</script></body></html>"
    )


def explorer_frame(trace: Trace, language: str, sample: int | None = None) -> str:
    """The page in a sandboxed frame, for notebooks and the docs.

    Parameters
    ----------
    trace : Trace
        What it shows.
    language : {"en", "zh"}
        What it opens in.
    sample : int, default=None
        Whose column is lit.

    Returns
    -------
    str
        A fragment of HTML.
    """
    page = escape(explorer_page(trace, language, sample))
    return (
        '<iframe sandbox="allow-scripts" loading="lazy" title="sk_twolayer" '
        f'style="width:100%;height:720px;border:0" srcdoc="{page}"></iframe>{HOST}'
    )


def _static(trace: Trace) -> str:
    """Tables with visible numbers: what is seen where scripts do not run."""
    tables = []
    for matrix in trace:
        rows = matrix.values[: MOST["k"], : MOST["n"]]
        body = "".join(
            "<tr>" + "".join(f"<td>{value:.4g}</td>" for value in row) + "</tr>"
            for row in rows
        )
        part = "" if rows.size == matrix.values.size else ", shown in part"
        caption = escape(f"{matrix.equation}: {matrix.shape_text}{part}")
        tables.append(
            f"<figure><figcaption>{caption}</figcaption><table>{body}</table></figure>"
        )
    style = "figure{max-width:none;margin:12px 0;overflow-x:auto} figure td{padding:3px 7px}"
    return f"<style>{style}</style><p>{escape(trace.summary())}</p>{''.join(tables)}"


def _data(trace: Trace, sample: int | None) -> dict[str, Any]:
    """What the script reads: all data, or chosen entries of a pass computed here."""
    problem = trace.problem
    X, Y, parameters, output = problem[:4]
    frames = trace.frames or [parameters]
    order = _order(X, Y, frames[-1])
    if sample is not None:
        order["n"].remove(sample)
        order["n"].insert(0, sample)
    data: dict[str, Any] = {
        "output": output,
        "rate": trace.learning_rate,
        "order": order,
        "total": trace.sizes,
        "moment": "" if sample is None else f"at=n.{sample}",
        "moderation": None if trace.moderation is None else trace.moderation.tolist(),
    }
    names = {"m": problem.features, "n": problem.samples, "K": problem.outputs}
    size = sum(each.size for each in parameters)
    if X.size + size <= MOST_ENTRIES:
        every = -(-len(frames) * size // MOST_RECORDED)
        if every > 1:
            # The last is one of them.
            kept = range(len(frames) - 1, -1, -every)[::-1]
            data["iterations"] = list(kept)
            frames = [frames[i] for i in kept]
        data |= {"X": X.tolist(), "Y": Y.tolist()}
        data["frames"] = [[each.tolist() for each in frame] for frame in frames]
        data |= {"features": names["m"], "samples": names["n"], "outputs": names["K"]}
        return data
    index = {a: sorted(order[a][: MOST[a]]) for a in MOST}
    values = {matrix.name: matrix for matrix in trace}
    slope = network.sigmoid_derivative(values["Z1"].values)
    chosen = {
        name: matrix.values[np.ix_(*(index.get(a, [0]) for a in matrix.axes))]
        for name, matrix in values.items()
    }
    hidden = np.ix_(index["k"], index["n"])
    chosen["dA1"] = (parameters.W2.T @ values["dZ2"].values)[hidden]
    chosen["S1"] = slope[hidden]
    given = {name: each.tolist() for name, each in chosen.items()}
    data["frames"] = [[given[name] for name in ("W1", "b1", "W2", "b2")]]
    data |= {"X": given["X"], "Y": given["Y"], "index": index, "order": None}
    if sample is not None:
        data["moment"] = f"at=n.{index['n'].index(sample)}"
    data["given"] = given | {"cost": trace.cost}
    if trace.moderation is not None:
        data["moderation"] = trace.moderation[np.ix_(index["K"], index["n"])].tolist()
    data |= {
        key: [names[a][i] for i in index[a]]
        for key, a in (("features", "m"), ("samples", "n"), ("outputs", "K"))
    }
    return data


def _order(X: Array, Y: Array, parameters: network.Parameters) -> dict[str, list[int]]:
    """Along each axis, what to show first.

    Features and neurons with the largest weights on their own scale; one sample of each
    class, the worst predicted of each, and so on in turn.
    """
    weight = np.abs(parameters.W1).sum(axis=0) * X.std(axis=1)
    A1 = network.forward(X, *parameters).A1
    reach = np.abs(parameters.W2).sum(axis=0) * A1.std(axis=1)
    labels = np.unique(Y, axis=1, return_inverse=True)[1].ravel()
    turns = np.empty(len(labels))
    for label in np.unique(labels):
        turns[labels == label] = np.arange(np.sum(labels == label))
    samples = np.lexsort((labels, turns))
    return {
        "m": np.argsort(-weight, kind="stable").tolist(),
        "n": samples.tolist(),
        "k": np.argsort(-reach, kind="stable").tolist(),
        "K": list(range(len(Y))),
    }
