"""Each script of docs/recipes runs, where what its first lines install is there."""

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "docs" / "recipes").glob("*.py"))


def needed(script):
    """What its docstring's pip line installs."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    (line,) = re.findall(r"^pip install (.+)$", text, re.MULTILINE)
    return line.split()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_recipe(script, tmp_path):
    for package in needed(script):
        if find_spec(package.replace("scikit-learn", "sklearn")) is None:
            pytest.skip(f"{package} is not installed")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_page_has_them_all():
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert SCRIPTS
    assert sorted(re.findall(r"recipes/(\w+)\.py", page)) == [s.stem for s in SCRIPTS]
