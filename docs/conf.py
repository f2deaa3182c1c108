"""Sphinx configuration."""

from sk_twolayer import __version__

project = "sk_twolayer"
author = "the sk_twolayer developers"
release = version = __version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"navigation_with_keys": True}
exclude_patterns = ["_build", "examples"]
numpydoc_show_class_members = False
