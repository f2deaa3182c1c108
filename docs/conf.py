"""Sphinx configuration. Nothing is fetched when the pages are built."""

import os
import runpy
import sys
import warnings
from pathlib import Path

from sk_twolayer import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import site_tools

project = "sk_twolayer"
author = "the sk_twolayer developers"
copyright = "the sk_twolayer developers. BSD 3-clause licence"
release = version = __version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "benchmarks", "examples", "gallery/*.ipynb"]
templates_path = ["_templates"]

# Signatures by names alone: numpydoc's sections say the types.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = True
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
myst_heading_anchors = 3
myst_enable_extensions = [
    "attrs_block",
    "colon_fence",
    "deflist",
    "dollarmath",
    "substitution",
]
html_math_renderer = "mathml"

# Where the repository is, Read the Docs knows that clones it; a link says so only there.
repository = os.environ.get("READTHEDOCS_GIT_CLONE_URL", "").removesuffix(".git")
if not repository.startswith("https://"):
    repository = ""
myst_substitutions = site_tools.figures() | {
    "version": version,
    "repository": f"[repository]({repository})" if repository else "repository",
}

site_tools.inventory(HERE / "sklearn.inv")
intersphinx_mapping = {"sklearn": ("https://scikit-learn.org/stable/", "sklearn.inv")}

html_theme = "pydata_sphinx_theme"
html_title = "sk_twolayer"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_sidebars = {"**": ["contents.html"]}
html_css_files, html_js_files = ["site.css"], ["frames.js"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "sk_twolayer", "alt_text": "sk_twolayer, home"},
    "navigation_with_keys": True,
    "navbar_center": ["links.html"],
    "navbar_persistent": ["search-button-field", "language.html"],
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "icon_links": [
        {
            "name": "PyPI",
            "url": "https://pypi.org/project/sk-twolayer/",
            "icon": "fa-solid fa-box",
        },
    ],
    "show_prev_next": True,
    "footer_end": [],
}
if repository:
    html_theme_options["icon_links"].append(
        {"name": "Repository", "url": repository, "icon": "fa-solid fa-code-branch"}
    )

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/(plot_|quickstart)",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sk_twolayer",),
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "subsection_order": [f"examples/{name}" for name in site_tools.SECTIONS],
    "within_subsection_order": "site_tools.ExampleOrder",
    "abort_on_example_error": True,
}
# Short runs that end before they converge are the point of some examples.
warnings.filterwarnings("ignore", message=".*stopped at max_iter", append=True)

# What is drawn with each build, so that it is never stale.
for script in ("trace.py", "lesson.py", "matrices.py", "bars.py"):
    runpy.run_path(str(HERE / "images" / script), run_name="sphinx")


def setup(app):
    """Sphinx calls it."""
    site_tools.setup(app)
