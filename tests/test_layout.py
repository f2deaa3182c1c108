"""The package's layout: few levels, each importing only from those below."""

import ast
from pathlib import Path

import sk_twolayer

ROOT = Path(sk_twolayer.__file__).parent
FOLDERS = ("_engine", "_evidence", "inspection")
# Functions may take so many arguments, but for
MOST_ARGUMENTS = 7
LONG = {
    # the estimator's parameters, which scikit-learn wants by name,
    ("_estimator", "__init__"),
    ("dask", "__init__"),
    # scikit-learn's fit with starting weights and with validation data,
    ("_estimator", "fit"),
    # and the article's six matrices, as `network` takes them.
    ("_trace", "from_parameters"),
}


def imports(path):
    """Names under `sk_twolayer.` that a module imports when it runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = [n for n in ast.walk(tree) if isinstance(n, ast.If)]
    for node in (n for n in typing_only if "TYPE_CHECKING" in ast.dump(n.test)):
        node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            # What is no module is a name in the module before it: see `place`.
            yield from (f"{node.module}.{name.name}" for name in node.names)


def place(name, inside=None):
    """The file or folder of ROOT, or of the folder `inside`, that a name is in."""
    parts = name.split(".")[1:] if name.startswith("sk_twolayer.") else []
    if inside is not None:
        parts = parts[1:] if parts[:1] == [inside] else []
    folder = ROOT / (inside or "")
    known = {path.stem for path in folder.glob("*.py")} | set(FOLDERS)
    return parts[0] if parts and parts[0] in known else None


def graph(inside=None):
    """Each module of a folder, or folder in ROOT, and what it imports there."""
    found = {}
    for path in sorted((ROOT / (inside or "")).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        node = place(name, inside)
        if node is not None and node != "__init__":
            below = {place(imported, inside) for imported in imports(path)}
            # Names of types, which signatures use, are no level.
            found.setdefault(node, set()).update(below - {None, node, "_typing"})
    return found


def levels(of):
    """Level of each node, 1 for those that import none; a cycle has none."""
    found = {}
    while len(found) < len(of):
        free = [n for n in of if n not in found and of[n] <= found.keys()]
        assert free, f"a cycle among {sorted(of.keys() - found.keys())}"
        found |= {n: 1 + max((found[b] for b in of[n]), default=0) for n in free}
    return found


def test_levels():
    found = levels(graph())
    assert max(found.values()) <= 6
    assert found["network"] == 1
    assert found["_engine"] < found["_evidence"] < found["_estimator"] < found["onnx"]
    # The ways to choose alpha do not know each other, nor inspection how to train.
    assert "_evidence" not in graph()["_cross_validation"]
    assert graph()["_engine"] <= {"network", "_compat"}
    assert not graph()["_solvers"]
    assert not {"_engine", "_evidence", "_training"} & graph()["inspection"]


def test_no_folder_has_a_cycle():
    for folder in FOLDERS:
        assert len(levels(graph(folder))) > 4


def test_no_function_takes_many_arguments():
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                taken = node.args
                every = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]
                every += [each for each in (taken.vararg, taken.kwarg) if each]
                names = {each.arg for each in every} - {"self", "cls"}
                if len(names) > MOST_ARGUMENTS:
                    found.add((path.stem, node.name))
    assert found == LONG
