"""What draws the figures in a browser: plotly, compressed, and the script of ours that unpacks it.

It is plotly's own partial bundle for lines and bars, a quarter of the whole that its Python package brings, so that a
browser is done with it in a third of the time. `templates/plotly-basic.min.js.gz` is renewed, when plotly is, by

    npm pack plotly.js-basic-dist-min && tar xf plotly.js-basic-dist-min-*.tgz
    gzip -9nc package/plotly-basic.min.js > runner/report/templates/plotly-basic.min.js.gz
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import zlib
from pathlib import Path
from typing import NamedTuple

TEMPLATES = Path(__file__).parent / "templates"
PLOTLY = TEMPLATES / "plotly-basic.min.js.gz"
_VERSION = re.compile(r"plotly\.js \(basic - minified\) v([0-9.]+)")
_BEGINNING = 400
_GZIP = 16 + zlib.MAX_WBITS


class BrowserScript(NamedTuple):
    """Scripts of a page.

    Args:
        own: ours.
        plotly: plotly's, compressed and in base64.
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
    own, packed = (TEMPLATES / "report.js").read_text(encoding="utf-8"), PLOTLY.read_bytes()
    beginning = zlib.decompressobj(_GZIP).decompress(packed, _BEGINNING).decode("utf-8", "replace")
    found = _VERSION.search(beginning)
    policy = (
        f"default-src 'none'; script-src '{_named(own)}' blob:; style-src 'unsafe-inline'; "
        "img-src data: blob: 'self'; media-src data: 'self'; font-src data:; base-uri 'none'; form-action 'none'"
    )
    return BrowserScript(own, base64.b64encode(packed).decode(), found[1] if found else "", policy)


def _named(script: str) -> str:
    """A script as such a policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
