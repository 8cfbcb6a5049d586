"""The table of compatible changes as Markdown, and the command that renews it in a document.

`python -m restore.compatibility_table docs/resume.md` touches nothing but what stands between the two marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from contract.errors import InputError, RelayError
from contract.storage.files import write_bytes
from restore.compatibility_rules import RULES, Rule

BEGIN = "<!-- compatibility: made by `python -m restore.compatibility_table docs/resume.md` -->"
END = "<!-- compatibility: end -->"


def table() -> str:
    """All rules as a Markdown table, a line for each field, in their order: where two cover a field, the first decides.

    Fields side by side whose verdict and reason are the same share a line.
    """
    rows: list[tuple[list[str], Rule]] = []
    for rule in RULES:
        if rows and (rows[-1][1].outcome, rows[-1][1].why, rows[-1][1].when) == (rule.outcome, rule.why, rule.when):
            rows[-1][0].append(f"`{rule.path}`")
        else:
            rows.append(([f"`{rule.path}`"], rule))
    lines = [
        f"| {', '.join([*paths, *([rule.when.text] if rule.when else [])])} | {rule.outcome} | {rule.why} |"
        for paths, rule in rows
    ]
    return "\n".join(["| a change of | verdict | why |", "|---|---|---|", *lines])


def renewed(document: str) -> str:
    """`document` with the table of now between its two marks.

    Raises:
        InputError: it does not have the two marks, once each and in order.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before + after:
        problem = "lacks the two marks between which the table of compatible changes stands"
        raise InputError("document", problem, f"write {BEGIN} and {END} on lines of their own, once")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Renew the table in the document that is named; return the exit code."""
    try:
        if len(arguments) != 1:
            raise InputError("arguments", "must be one document", "write `docs/resume.md`")
        path = Path(arguments[0])
        write_bytes(path, renewed(path.read_text(encoding="utf-8")).encode())
    except (RelayError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
