"""Every call that the kaggle backend makes, and every fault that can happen to it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.faults.rules import Kind, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Stage(enum.Enum):
    """Where a session stands when the fault begins."""

    NEW = "a job's first session is to be submitted"
    SECOND = "its second one is, and its dataset and kernel are there"
    GPU = "a first session that asks for a GPU is to be submitted"
    TOKEN = "the account is known by a token only"  # noqa: S105 - words
    RUNNING = "it runs for a while"
    ENDED = "it has ended and is to be brought home, and so has the one before"


@dataclass(frozen=True)
class Case:
    """A fault at a call.

    Args:
        call: which.
        fields: of the rule, but for the call.
        stage: when.
        lasts: whether it happens to every such call until the user gives up, or to the first one.
    """

    call: str
    fields: tuple[tuple[str, Any], ...]
    stage: Stage
    lasts: bool

    @property
    def rule(self) -> Rule:
        """The rule that makes it happen."""
        fields: dict[str, Any] = dict(self.fields)
        return Rule(call=self.call, **fields) if self.lasts else Rule(call=self.call, first=1, **fields)

    def __str__(self) -> str:
        fields = dict(self.fields)
        back = "-again" if fields.get("back") else ""
        after = "-after" if fields.get("after") else ""
        moment = self.stage.name.lower()
        return f"{self.call}-{moment}-{fields['kind']}{back}{after}-{'always' if self.lasts else 'once'}"


Fault = tuple[tuple[str, Any], ...]


def _fault(kind: Kind, **fields: Any) -> Fault:
    return (("kind", kind), *fields.items())


_REFUSED = (
    _fault(Kind.TOO_MANY_REQUESTS, retry_after=0.05),
    _fault(Kind.SERVER_ERROR),
    _fault(Kind.UNAVAILABLE, retry_after=0.05),
    _fault(Kind.TIME_OUT, seconds=1.0),
    _fault(Kind.RESET),
    _fault(Kind.TRUNCATED),
    _fault(Kind.HTML_403),
)
_LOST_ANSWERS = (
    _fault(Kind.TOO_MANY_REQUESTS, retry_after=0.05, after=True),
    _fault(Kind.SERVER_ERROR, after=True),
    _fault(Kind.UNAVAILABLE, retry_after=0.05, after=True),
    _fault(Kind.TIME_OUT, seconds=1.0, after=True),
    _fault(Kind.RESET, after=True),
    _fault(Kind.HTML_403, after=True),
)
_STATUS = (
    _fault(Kind.UNKNOWN_STATUS),
    _fault(Kind.EARLIER_ANSWER),
    _fault(Kind.EARLIER_ANSWER, back=1),
)
_OTHER_VERSION = (_fault(Kind.OTHER_VERSION, version=2),)
_UPLOADED = (_fault(Kind.DROPPED_BLOB), _fault(Kind.CUT_UPLOAD))

FAULTS: tuple[tuple[str, Stage, tuple[Fault, ...]], ...] = (
    ("GetKernel", Stage.NEW, _REFUSED),
    ("GetKernel", Stage.ENDED, (*_REFUSED, *_OTHER_VERSION)),
    ("ListDatasetFiles", Stage.NEW, _REFUSED),
    ("StartBlobUpload", Stage.NEW, (*_REFUSED, *_LOST_ANSWERS)),
    ("upload", Stage.NEW, (*_REFUSED, *_LOST_ANSWERS, *_UPLOADED)),
    ("CreateDataset", Stage.NEW, (*_REFUSED, *_LOST_ANSWERS)),
    ("CreateDatasetVersion", Stage.SECOND, (*_REFUSED, *_LOST_ANSWERS)),
    ("GetDatasetStatus", Stage.NEW, (*_REFUSED, *_STATUS)),
    ("SaveKernel", Stage.SECOND, (*_REFUSED, *_LOST_ANSWERS)),
    ("GetAcceleratorQuotaStatistics", Stage.GPU, _REFUSED),
    ("IntrospectToken", Stage.TOKEN, _REFUSED),
    ("GetKernelSessionStatus", Stage.RUNNING, (*_REFUSED, *_STATUS)),
    ("GetKernelSessionStatus", Stage.ENDED, _OTHER_VERSION),
    ("log-stream", Stage.RUNNING, (*_REFUSED, *_OTHER_VERSION)),
    ("ListKernelSessionOutput", Stage.ENDED, (*_REFUSED, *_OTHER_VERSION, _fault(Kind.EARLIER_ANSWER))),
    ("download", Stage.ENDED, _REFUSED),
)


def cases() -> Iterator[Case]:
    """The matrix."""
    for call, stage, faults in FAULTS:
        for fault in faults:
            yield Case(call, fault, stage, lasts=False)
            # Whoever is always shown another version cannot know that his own was ever pushed.
            if (call, fault) != ("GetKernel", *_OTHER_VERSION):
                yield Case(call, fault, stage, lasts=True)


def share(matrix: Sequence[Case]) -> list[Case]:
    """A part of the matrix: each call, each fault, and each kind and each stage with either duration.

    What a fault does to a call is one piece of code for every call, and what is begun again after one is another for
    every fault, so that the whole product finds little more.
    """
    wanted = {word for case in matrix for word in _words(case)}
    chosen = []
    while wanted:
        best = max(matrix, key=lambda case: len(_words(case) & wanted))
        chosen.append(best)
        wanted -= _words(best)
    return sorted(chosen, key=matrix.index)


def _words(case: Case) -> set[tuple[object, ...]]:
    """What a case has in it, each of which is to be in the part."""
    fields = dict(case.fields)
    fault = (fields["kind"], bool(fields.get("after")), bool(fields.get("back")))
    return {
        ("call", case.call),
        ("fault", *fault),
        ("kind", fields["kind"], case.lasts),
        ("stage", case.stage, case.lasts),
    }
