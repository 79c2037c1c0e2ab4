"""For mkdocs: what pages say on the site where they say something else in the repository."""

from __future__ import annotations

import re
from typing import Any

_OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./[^)]*\)")
"""A link to a file of the repository that is no page: the site does not have it."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to files outside of docs/ become their text."""
    return _OUTSIDE.sub(r"\1", markdown)
