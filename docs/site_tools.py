"""What the pages need beside Sphinx; `docs/conf.py` uses it. Nothing is fetched.

The search of Chinese, the theme's words in Chinese, formulas as MathML, links to
scikit-learn's pages, and the figures of the benchmark's tables. `python docs/site_tools.py`
writes those into README.
"""

import re
import zlib
from functools import cache
from gettext import translation
from pathlib import Path

import pydata_sphinx_theme
from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import locale, search
from sphinx.search.en import SearchEnglish

DOCS = Path(__file__).parent
CHINESE = re.compile(r"[㐀-鿿]+")


def table(name):
    """A table that a benchmark wrote into docs/performance.md, a dict a row."""
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    text = re.search(rf"<!-- {name} -->\n(.*?)<!-- end {name} -->", page, re.DOTALL)[1]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [
        [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        for line in lines
    ]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def figures():
    """What the pages say of the benchmark, by name."""
    found = {}
    for row in table("default_cost"):
        if match := re.match(r"fit, n = (\d+)", row["work"]):
            found[f"fit_{match[1]}"] = f"{float(row['ratio'].split()[0]):.3g}"
            found[f"seconds_{match[1]}"] = row["default"]
        elif match := re.match(r"predict_proba, (\d+) rows", row["work"]):
            found[f"predict_{match[1]}"] = f"{float(row['ratio'].split()[0]):.2g}"
    for row in table("speed"):
        if re.match(r"one L-BFGS iteration.*float64", row["work"]):
            found["speed"] = f"{float(row['ratio'][:-1]):.0f}"
        if "1 000 000 × 30" in row["work"] and row["ratio"].endswith("less"):
            found["memory"] = row["ratio"].split("×")[0]
    return found


class Search(SearchEnglish):
    """English words, and of Chinese each pair of characters, which needs no dictionary."""

    lang = "en"
    js_splitter_code = """
var splitQuery = (query) => query
  .replace(/[\\u3400-\\u9fff]+/g, (run) => " " + (run.length === 1 ? run
    : [...run].slice(1).map((one, i) => run[i] + one).join(" ")) + " ")
  .split(/[^\\p{Letter}\\p{Number}_]+/u)
  .filter((term) => term);
"""

    def split(self, input):
        """Words and pairs."""
        pairs = [
            run[i : i + 2]
            for run in CHINESE.findall(input)
            for i in range(max(1, len(run) - 1))
        ]
        return pairs + super().split(CHINESE.sub(" ", input))

    def word_filter(self, word):
        """A pair is a word."""
        return bool(CHINESE.match(word)) or super().word_filter(word)


def mathml(as_block):
    """A visitor that writes a formula as MathML, which browsers draw by themselves."""

    def visit(self, node):
        text = tex2mathml(node.astext(), as_block=as_block)
        self.body.append(
            f'<div class="formula" tabindex="0">{text}</div>' if as_block else text
        )
        raise SkipNode

    return visit


def inventory(path):
    """A Sphinx inventory of the pages of scikit-learn that ours link to."""
    base = "modules/generated"
    names = [
        "calibration.CalibratedClassifierCV",
        "ensemble.HistGradientBoostingClassifier",
        "feature_selection.RFE",
        "feature_selection.SelectFromModel",
        "linear_model.LogisticRegression",
        "model_selection.GridSearchCV",
        "neural_network.MLPClassifier",
        "neural_network.MLPRegressor",
        "pipeline.Pipeline",
        "preprocessing.StandardScaler",
    ]
    lines = [
        f"sklearn.{name} py:class 1 {base}/sklearn.{name}.html -" for name in names
    ]
    head = "# Sphinx inventory version 2\n# Project: scikit-learn\n# Version: stable\n"
    head += "# The remainder of this file is compressed using zlib.\n"
    body = "\n".join(sorted(lines)) + "\n"
    path.write_bytes(head.encode() + zlib.compress(body.encode()))


# The gallery's sections, and their examples, in order.
SECTIONS = {
    "understand": ["plot_matrices", "plot_descent", "plot_boundary"],
    "sure": ["plot_calibration", "plot_evidence", "plot_evidence_hidden"],
    "features": ["plot_sensitivity", "plot_relevance", "plot_monotonic"],
    "data": ["plot_imbalance", "plot_text", "plot_out_of_core", "plot_dask"],
}


class ExampleOrder:
    """The order of a section's examples; others come last."""

    def __init__(self, src_dir):
        """As sphinx-gallery calls it."""

    def __call__(self, filename):
        """The place of a file."""
        order = [name for names in SECTIONS.values() for name in names]
        name = filename.removesuffix(".py")
        return order.index(name) if name in order else len(order)


def quickstart(app):
    """What the quick start printed in this build, for the pages that show it."""
    page = (DOCS / "gallery" / "quickstart.rst").read_text(encoding="utf-8")
    blocks = re.findall(r"code-block:: none\n\n((?: .*\n|\n)*)", page)
    lines = [
        line.strip("\n") for block in blocks for line in block.rstrip().splitlines()
    ]
    text = "\n".join(line[4:] for line in lines).split("\nsaved")[0].strip("\n")
    (DOCS / "images" / "quickstart.txt").write_text(text + "\n", encoding="utf-8")


@cache
def chinese_words():
    """The translations of Sphinx and of its theme into Chinese."""
    words = translation("sphinx", locale._LOCALE_DIR, ["zh_CN"])
    folder = Path(pydata_sphinx_theme.__file__).parent / "locale"
    words.add_fallback(translation("sphinx", folder, ["zh"], fallback=True))
    return words


def languages(app, pagename, templatename, context, doctree):
    """The page in the other language; a Chinese page says so, and has Chinese menus."""
    pages = app.env.all_docs
    chinese = pagename.endswith("_zh")
    other = pagename.removesuffix("_zh") if chinese else f"{pagename}_zh"
    context["twin"] = other if other in pages else "index" if chinese else "index_zh"
    context["chinese"] = chinese
    if chinese:
        titles = app.env.titles
        order = ["index_zh", *app.env.toctree_includes.get("index_zh", [])]
        context["chinese_pages"] = [(page, titles[page].astext()) for page in order]
        context["language"] = "zh-CN"
        context["_"] = context["gettext"] = chinese_words().gettext


def setup(app):
    """Sphinx calls it, through docs/conf.py."""
    search.languages["en"] = Search
    app.connect("builder-inited", quickstart, priority=900)
    app.connect("html-page-context", languages)
    app.add_html_math_renderer("mathml", (mathml(False), None), (mathml(True), None))


def readme():
    """README's figures, in each language, from the benchmark's tables."""
    names = {
        "default": "this network, raw features",
        "MLP, scaled": "`MLPClassifier`, scaled",
        "logistic, scaled": "`LogisticRegression`, scaled",
        "HistGB": "`HistGradientBoostingClassifier`",
    }
    chinese = {"this network, raw features": "本网络，未缩放的特征", "scaled": "缩放后"}
    rows = {row["contestant"]: row for row in table("curves_held_back")}
    found = figures()
    for end, head, cost in (
        (
            "",
            "| defaults | log-loss, ratio | mean rank of five | seconds a fit |",
            "with 300 rows a fit takes {} times as long as `MLPClassifier`'s, with 30 000 {}.",
        ),
        (
            ".zh",
            "| 默认设置 | 对数损失之比 | 五者中的平均名次 | 每次训练的秒数 |",
            "300 行时一次训练的时间是 `MLPClassifier` 的 {} 倍，30000 行时是 {} 倍。",
        ),
    ):
        cost = cost.format(found["fit_300"], found["fit_30000"])
        lines = [head, "|---|---|---|---|"]
        for key, name in names.items():
            if end:
                for a, b in chinese.items():
                    name = name.replace(a, b).replace(", ", "，")
            row = rows[key]
            cells = name, row["all"], row["mean rank"], row["mean seconds"]
            lines.append("| " + " | ".join(cells) + " |")
        path = DOCS.parent / f"README{end}.md"
        text = path.read_text(encoding="utf-8")
        for key, put in (("curves", "\n" + "\n".join(lines) + "\n"), ("cost", cost)):
            begin, finish = f"<!-- readme_{key} -->", f"<!-- end readme_{key} -->"
            before, rest = text.split(begin)
            text = before + begin + put + finish + rest.split(finish)[1]
        yield path, text


if __name__ == "__main__":
    for path, text in readme():
        path.write_text(text, encoding="utf-8")
