"""Sphinx configuration."""

from sk_twolayer import __version__

project = "sk_twolayer"
author = "the sk_twolayer developers"
release = version = __version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
]
# Nothing is fetched when the pages are built.
intersphinx_mapping = {}
html_theme = "pydata_sphinx_theme"
html_theme_options = {"navigation_with_keys": True}
exclude_patterns = ["_build", "examples", "benchmarks"]
html_title = f"sk_twolayer {version}"
numpydoc_show_class_members = False
