"""What draws the figures in a browser: plotly, compressed, and the script of ours that unpacks it."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from plotly.offline import get_plotlyjs

TEMPLATES = Path(__file__).parent / "templates"
_VERSION = re.compile(r"plotly\.js v([0-9.]+)")
_STRONGEST = 9


class BrowserScript(NamedTuple):
    """Scripts of a page.

    Args:
        own: ours.
        plotly: plotly's, compressed and in base64: a quarter of its size, which nobody who opens a page waits for.
        version: plotly's.
        policy: the Content-Security-Policy under which a browser runs ours, and what that makes a file of, and nothing
            else, whatever a session has put into its names and messages.
    """

    own: str
    plotly: str
    version: str
    policy: str


@functools.cache
def browser_script() -> BrowserScript:
    """The scripts."""
    own, plotly = (TEMPLATES / "report.js").read_text(encoding="utf-8"), get_plotlyjs()
    found = _VERSION.search(plotly[:400])
    packed = base64.b64encode(gzip.compress(plotly.encode(), _STRONGEST, mtime=0)).decode()
    policy = (
        f"default-src 'none'; script-src '{_named(own)}' blob:; style-src 'unsafe-inline'; "
        "img-src data: blob: 'self'; media-src data: 'self'; font-src data:; base-uri 'none'; form-action 'none'"
    )
    return BrowserScript(own, packed, found[1] if found else "", policy)


def _named(script: str) -> str:
    """A script as such a policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
