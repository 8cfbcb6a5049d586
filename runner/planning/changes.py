"""What changed since a session was packaged: its job, its own sources, and kaggle-relay's own code.

The first two make a finished session stale, since they are the user's. kaggle-relay's own code is another matter: a
finished job is never done again because the tool was updated. Its change is said, and recorded where a run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from contract.differences import differences
from runner.sources import DECIDING_FOLDERS, OWN_FOLDERS, changed_files, identity_from_table

if TYPE_CHECKING:
    from contract.documents.runs import Identity
    from runner.lineage import SessionState
    from runner.planning.wanted import Wanted

Table = dict[str, list[str]]
"""Both digests of each source by its name in the bundle."""

_NAMED = 3
_OWN = frozenset(folder.name for folder in OWN_FOLDERS)
_DECIDING = frozenset(folder.name for folder in DECIDING_FOLDERS)


class Told(NamedTuple):
    """The sources of a packaged session, the job's own and kaggle-relay's; None where that is not known any more."""

    sources: Identity | None
    code: Identity | None


def told_apart(session: SessionState) -> Told:
    """The sources that a session was packaged from.

    A document from before they were told apart has one digest of all; the table in the package tells more.
    """
    inputs = session.package.inputs
    if inputs.code is not None:
        return Told(inputs.sources, inputs.code)
    if not (table := session.source_table):
        return Told(None, None)
    python = inputs.sources.python
    return Told(
        identity_from_table(_part(table, own=True), python), identity_from_table(_part(table, own=False), python)
    )


def sources_changed(session: SessionState | None, wanted: Wanted) -> bool:
    """Whether the job's own sources mean something else than when `session` was packaged, as far as is known."""
    before = told_apart(session).sources if session is not None else None
    return before is not None and not before.means(wanted.sources)


def same_inputs(one: SessionState, other: SessionState) -> bool:
    """Whether two sessions were packaged from the same job and the same sources of its own."""
    return (
        one.package.inputs.training == other.package.inputs.training
        and told_apart(one).sources == told_apart(other).sources
    )


def changed_inputs(session: SessionState, wanted: Wanted) -> tuple[str, ...]:
    """What of the user's changed since a session was packaged, in words; empty when it is up to date."""
    now = wanted.inputs
    changes = [str(change) for change in differences(session.package.inputs.training, now.training)]
    if sources_changed(session, wanted):
        changes.append(f"its sources{_names(session, wanted, own=True)}")
    return tuple(changes)


def changed_code(session: SessionState | None, wanted: Wanted) -> str | None:
    """That kaggle-relay's own code means something else than when a session was packaged, with its files, or None."""
    before = told_apart(session).code if session is not None else None
    if session is None or before is None or wanted.code is None or before.means(wanted.code):
        return None
    return f"kaggle-relay's own code changed{_names(session, wanted, own=False)}"


def changes_between(before: SessionState, after: SessionState) -> tuple[str, ...]:
    """What of its job and its sources was other in a session than in an earlier one, in words."""
    changes = [str(change) for change in differences(before.package.job, after.package.job)]
    then, now = told_apart(before), told_apart(after)
    is_same_python = before.package.inputs.sources.python == after.package.inputs.sources.python
    tables = (before.source_table, after.source_table) if is_same_python else ({}, {})
    for own, what in ((True, "its sources changed"), (False, "kaggle-relay's own code changed")):
        one, other = (then.sources, now.sources) if own else (then.code, now.code)
        if one is not None and other is not None and not one.means(other):
            changes.append(f"{what}{_named(*tables, own=own)}")
    return tuple(changes)


def _names(session: SessionState, wanted: Wanted, *, own: bool) -> str:
    """The files that changed, in parentheses, where it is known which."""
    if session.package.inputs.sources.python != wanted.sources.python:
        return ""
    return _named(session.source_table, wanted.source_table(), own=own)


def _named(before: Table, now: Table, *, own: bool) -> str:
    before, now = _part(before, own=own), _part(now, own=own)
    names = changed_files(before, now) if before and now else []
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})"


def _part(table: Table, *, own: bool) -> Table:
    """The job's own sources in a table, or those of kaggle-relay that decide weights."""
    if own:
        return {name: digests for name, digests in table.items() if _folder(name) not in _OWN}
    return {name: digests for name, digests in table.items() if _folder(name) in _DECIDING}


def _folder(name: str) -> str:
    return name.partition("/")[0]
