"""Sphinx configuration. Nothing is fetched when the pages are built."""

import runpy
import warnings
from pathlib import Path

from sk_twolayer import __version__

project = "sk_twolayer"
author = "the sk_twolayer developers"
release = version = __version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "benchmarks", "examples", "gallery/*.ipynb"]
numpydoc_show_class_members = False
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = f"sk_twolayer {version}"
html_static_path = ["_static"]
# All pages at the left: the theme's own bar shows a section's pages, of which the flat
# ones have none.
html_sidebars = {"**": ["globaltoc.html"]}
html_css_files, html_js_files = ["explorer.css"], ["frames.js"]
html_theme_options = {
    "navigation_with_keys": True,
    "navbar_end": ["version-switcher", "theme-switcher"],
    "switcher": {"json_url": "_static/switcher.json", "version_match": version},
    "check_switcher": False,
    "show_prev_next": False,
}

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/(plot_|quickstart)",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
}
# Short runs that end before they converge are the point of some examples.
warnings.filterwarnings("ignore", message=".*stopped at max_iter", append=True)

# The traces shown on the pages: drawn with each build, so that they are never stale.
for script in ("trace.py", "lesson.py"):
    runpy.run_path(str(Path(__file__).parent / "images" / script))


def chinese(app, pagename, templatename, context, doctree):
    """A Chinese page says so, for screen readers and the choice of glyphs."""
    if pagename.endswith("_zh"):
        context["language"] = "zh-CN"


def setup(app):
    """Sphinx calls it."""
    app.connect("html-page-context", chinese)
