"""Checks what the wheel and the sdist hold: python tests/check_distribution.py dist"""

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main(folder):
    (wheel,) = Path(folder).glob("*.whl")
    (sdist,) = Path(folder).glob("*.tar.gz")
    assert wheel.name.endswith("-py3-none-any.whl"), wheel.name
    packed = {
        name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name
    }
    ours = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "sk_twolayer").rglob("*")
        if path.suffix in (".py", ".typed", ".js", ".css", ".json")
    }
    assert packed == ours, packed ^ ours
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"LICENSE", "README.md", "pyproject.toml", "setup.cfg", *ours}
    assert needed <= names, needed - names
    print(f"{wheel.name}: {len(packed)} files; {sdist.name}: {len(names)} entries")


if __name__ == "__main__":
    main(sys.argv[1])
