"""The lesson's code prints what the page says, in both languages."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {name: DOCS / f"{name}.md" for name in ("lesson", "lesson_zh")}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_code_prints_what_stands_below_it(name):
    text = PAGES[name].read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") == 2
    space = {}
    for code, printed in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, space)  # noqa: S102
        assert out.getvalue() == printed


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_table_of_sigmoids_and_the_sum_by_hand_are_right(name):
    text = PAGES[name].read_text(encoding="utf-8").replace("−", "-")
    z, sigmoid = (
        [float(cell) for cell in line.split("|")[2:-1]]
        for line in re.findall(r"^\| (?:z|σ\(z\)) .*$", text, re.MULTILINE)
    )
    assert (np.round(1 / (1 + np.exp(-np.array(z))), 2) == sigmoid).all()
    total, result = re.search(r"^(1 × 2 .*?) = (\d+)", text, re.MULTILINE).groups()
    assert eval(total.replace("×", "*")) == int(result) == 2


def test_the_chinese_is_written_as_chinese():
    text = PAGES["lesson_zh"].read_text(encoding="utf-8")
    assert not re.search(r"[\u4e00-\u9fff，。：；][ \n](?=[\u4e00-\u9fff])", text)
    # Only where the article's own word is explained.
    assert text.count("特征值") == 4


def test_both_pages_open_the_explorer_at_the_same_moments():
    moments = [
        re.findall(r'src="_static/lesson(?:_zh)?.html#(.*?)"', page)
        for page in (path.read_text(encoding="utf-8") for path in PAGES.values())
    ]
    assert moments[0] == moments[1] and len(moments[0]) == 11
