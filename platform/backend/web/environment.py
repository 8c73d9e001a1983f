"""Jinja as the reader uses it: everything is escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from web.words import FILTERS

TEMPLATES = Path(__file__).parent / "templates"

ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= FILTERS
