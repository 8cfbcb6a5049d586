"""The rules in force, what they have counted, and the journal of what they did."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.faults.rules import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.faults.names import CallName
    from emulator.faults.rules import Rule

HEADER_RULE = 0
"""The number under which the journal names a rule that came with a request."""
_REMEMBERED_ANSWERS = 64
_JOURNAL_LENGTH = 10_000


@dataclass(frozen=True)
class Injection:
    """A fault that was injected.

    Args:
        number: counted from 1, in the order of the requests.
        rule: the number of the rule, or 0 for one that came with the request.
        kind: what was done.
        call: the name of the call that it was done to.
        address: its method and path.
        nth: which of the rule's calls it was, counted from 1.
        after: whether the call had been carried out.
    """

    number: int
    rule: int
    kind: Kind
    call: str
    address: str
    nth: int
    after: bool


@dataclass(frozen=True)
class Answer:
    """An answer that was given.

    Args:
        status: of HTTP.
        headers: as sent.
        body: all of it.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass
class _Entry:
    rule: Rule
    seen: int = 0
    injected: int = 0


@dataclass
class FaultPlan:
    """What goes wrong on a server, and what has gone wrong. It lives as long as the server does."""

    _rules: dict[int, _Entry] = field(default_factory=dict)
    _last_rule: int = HEADER_RULE
    _journal: deque[Injection] = field(default_factory=lambda: deque(maxlen=_JOURNAL_LENGTH))
    _injected: int = 0
    _calls: Counter[str] = field(default_factory=Counter)
    _answers: dict[str, deque[Answer]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_REMEMBERED_ANSWERS))
    )

    def add(self, rules: Iterable[Rule]) -> list[int]:
        """Put rules in force, after those that are; return their numbers."""
        numbers = []
        for rule in rules:
            self._last_rule += 1
            self._rules[self._last_rule] = _Entry(rule)
            numbers.append(self._last_rule)
        return numbers

    def clear(self) -> None:
        """Forget the rules, the journal, the counts and the answers; numbers of rules go on."""
        self._rules.clear()
        self._journal.clear()
        self._calls.clear()
        self._answers.clear()
        self._injected = 0

    def remembers(self, call: CallName) -> bool:
        """Whether a rule may want an answer to this call later."""
        entries = self._rules.values()
        return any(entry.rule.kind is Kind.EARLIER_ANSWER and call.matches(entry.rule.call) for entry in entries)

    def choose(self, call: CallName, question: str | None, own: Rule | None) -> Rule | None:
        """Count the call; the rule that hits it, noted in the journal: the request's own, else the first that does.

        Args:
            call: what was asked.
            question: what tells it from other questions of that name, where answers are remembered.
            own: the rule that came with the request.
        """
        self._calls[call.name] += 1
        hit: tuple[int, Rule, int] | None = None if own is None else (HEADER_RULE, own, 1)
        for number, entry in self._rules.items():
            if not call.matches(entry.rule.call) or not self._can(entry.rule, question):
                continue
            entry.seen += 1
            if hit is None and entry.rule.happens(entry.seen):
                entry.injected += 1
                hit = (number, entry.rule, entry.seen)
        if hit is None:
            return None
        number, rule, nth = hit
        self._injected += 1
        self._journal.append(Injection(self._injected, number, rule.kind, call.name, call.address, nth, rule.after))
        return rule

    def _can(self, rule: Rule, question: str | None) -> bool:
        """Whether there is what the rule needs: a first answer cannot be an earlier one."""
        return rule.kind is not Kind.EARLIER_ANSWER or bool(question is not None and self._answers.get(question))

    def remember(self, question: str, answer: Answer) -> None:
        """Note an answer for later."""
        self._answers[question].append(answer)

    def earlier(self, question: str, back: int | None) -> Answer:
        """The answer `back` before the one to come, or the oldest that is known.

        Raises:
            LookupError: there is none.
        """
        answers = self._answers.get(question, ())
        return answers[0 if back is None else max(0, len(answers) - back)]

    def as_json(self) -> dict[str, Any]:
        """Rules, journal and calls, as the admin route shows them."""
        rules = [
            {"rule": number, **entry.rule.model_dump(mode="json", exclude_unset=True)}
            | {"calls_seen": entry.seen, "injected": entry.injected}
            for number, entry in self._rules.items()
        ]
        return {"rules": rules, "journal": [asdict(each) for each in self._journal], "calls": dict(self._calls)}
