"""What mkdocs calls: documents that lie beside docs/ become pages, and links are right in the site as in a checkout."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"
BESIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md")
"""Documents that are pages too, as they are called in the checkout."""
_LINK = re.compile(r"\[(?P<text>[^\]\[]*)\]\((?P<target>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents that lie beside docs/."""
    for name in BESIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs' own
    """Let the links of a page lead to pages; what is no page stays in the checkout, and is named."""
    own = page.file.src_uri
    return relinked(markdown, own if own in BESIDE else f"{DOCS}/{own}")


def relinked(markdown: str, place: str) -> str:
    """The text of the document at `place` in the checkout, with the links that the site has.

    Args:
        markdown: the text.
        place: with forward slashes, `docs/jobs.md` say.
    """
    of_page = _in_site(place)

    def replaced(found: re.Match[str]) -> str:
        there = posixpath.normpath(posixpath.join(posixpath.dirname(place), found["target"]))
        if (in_site := _in_site(there)) is None:
            return (
                f"{found['text']} (`{there}` in the checkout)" if found["text"].strip("`") != there else found["text"]
            )
        link = posixpath.relpath(in_site, posixpath.dirname(of_page or "") or ".")
        return f"[{found['text']}]({link}{found['anchor'] or ''})"

    return _LINK.sub(replaced, markdown)


def _in_site(place: str) -> str | None:
    """Where a file of the checkout is in the site; None where it is not."""
    if place in BESIDE:
        return place
    return place.removeprefix(f"{DOCS}/") if place.startswith(f"{DOCS}/") else None
