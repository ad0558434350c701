"""A persona and what was made of it, as one HTML file: `write(content, path)`. No script, nothing fetched, prints well."""

from .content import Content, Edited, Restored, Timing
from .html import page, write

__all__ = ["Content", "Edited", "Restored", "Timing", "page", "write"]
