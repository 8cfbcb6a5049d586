"""A rule: which fault, at which calls, at which of them."""

from __future__ import annotations

import enum
import random
from typing import TYPE_CHECKING, Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from contract.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = "docs/emulator-faults.md"
_ONE_RULE = "a rule is a mapping with `kind`, such as `{kind: reset, call: SaveKernel, first: 1}`"


class Kind(enum.StrEnum):
    """What a fault does to a call."""

    TOO_MANY_REQUESTS = "too-many-requests"
    SERVER_ERROR = "server-error"
    UNAVAILABLE = "unavailable"
    TIME_OUT = "time-out"
    RESET = "reset"
    TRUNCATED = "truncated"
    HTML_403 = "html-403"
    DROPPED_BLOB = "dropped-blob"
    CUT_UPLOAD = "cut-upload"
    EARLIER_ANSWER = "earlier-answer"
    OTHER_VERSION = "other-version"
    UNKNOWN_STATUS = "unknown-status"
    ANSWER = "answer"


_OPTIONS: dict[Kind, frozenset[str]] = {
    Kind.TOO_MANY_REQUESTS: frozenset({"after", "retry_after"}),
    Kind.SERVER_ERROR: frozenset({"after"}),
    Kind.UNAVAILABLE: frozenset({"after", "retry_after"}),
    Kind.TIME_OUT: frozenset({"after", "seconds"}),
    Kind.RESET: frozenset({"after"}),
    Kind.TRUNCATED: frozenset({"bytes"}),
    Kind.HTML_403: frozenset({"after"}),
    Kind.DROPPED_BLOB: frozenset(),
    Kind.CUT_UPLOAD: frozenset({"bytes"}),
    Kind.EARLIER_ANSWER: frozenset({"back"}),
    Kind.OTHER_VERSION: frozenset({"version"}),
    Kind.UNKNOWN_STATUS: frozenset({"status"}),
    Kind.ANSWER: frozenset({"fields"}),
}
_ANY_OPTION = frozenset[str]().union(*_OPTIONS.values())
_TIMES = ("first", "every", "probability")

Count = Annotated[int, Field(ge=1, strict=True)]
Size = Annotated[int, Field(ge=0, strict=True)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Rule(BaseModel):
    """A fault and when it happens.

    Args:
        kind: what happens.
        call: a pattern of the calls that it happens to, see `CallName.matches`.
        skip: how many of those calls are left alone before any count begins.
        first: only that many calls, or all.
        every: only each call whose number is a multiple of this.
        probability: of each call, from 0 to 1, drawn from `seed`.
        seed: for `probability`; the same seed gives the same calls.
        after: the emulator does what it was asked for, and only its answer is lost.
        retry_after: seconds that the answer asks the client to wait, or None to ask nothing.
        seconds: how long a time-out holds the call before the connection is cut.
        bytes: of a body that get through before it is cut, or None for half of it.
        back: which earlier answer is given again, counted back from the last one, or None for the oldest.
        version: of the kernel that is answered about.
        status: that is answered instead of the true one.
        fields: JSON fields that replace those of the true answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    call: str = "*"
    skip: Size = 0
    first: Count | None = None
    every: Count | None = None
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int = 0
    after: bool = False
    retry_after: Seconds | None = 1.0
    seconds: Seconds = 60.0
    bytes: Size | None = None
    back: Count | None = None
    version: Count = 1
    status: str = "FLYING"
    fields: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if foreign := sorted((self.model_fields_set & _ANY_OPTION) - _OPTIONS[self.kind]):
            raise ValueError(f"{foreign[0]} says nothing about {self.kind}")
        if len(given := [name for name in _TIMES if getattr(self, name) is not None]) > 1:
            raise ValueError(f"{given[0]} and {given[1]} contradict each other")
        if self.kind is Kind.ANSWER and not self.fields:
            raise ValueError("answer needs the fields to replace")
        return self

    def happens(self, number: int) -> bool:
        """Whether the rule's call of that number, counted from 1, is hit."""
        counted = number - self.skip
        if counted < 1:
            return False
        if self.first is not None:
            return counted <= self.first
        if self.every is not None:
            return counted % self.every == 0
        if self.probability is not None:
            return random.Random(f"{self.seed}:{counted}").random() < self.probability  # noqa: S311 - repeatable
        return True


_RULES = TypeAdapter(list[Rule])


def parse_rules(value: Any, source: str) -> list[Rule]:
    """The rules that plain data says: one mapping, or a list of them.

    Args:
        value: as read from JSON or YAML.
        source: what errors are about, such as a file's name.

    Raises:
        InputError: something in it is wrong: the first thing that is.
    """
    if isinstance(value, dict) and set(value) == {"faults"}:
        value = value["faults"]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise InputError(source, "these are not rules", _ONE_RULE)
    try:
        return _RULES.validate_python(value)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        number, *key = details["loc"]
        where = f"rule {int(number) + 1}" + "".join(f", {each}" for each in key)
        problem = details["msg"].removeprefix("Value error, ")
        raise InputError(f"{source}, {where}", problem, f"see {REFERENCE}") from None


def read_rules(path: Path) -> list[Rule]:
    """The rules of a YAML or JSON file.

    Raises:
        InputError: it cannot be read, or something in it is wrong.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path.name, f"cannot be read ({error.strerror})", "name a file of faults") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            path.name, f"is not YAML in UTF-8: {' '.join(str(error).split())}", f"see {REFERENCE}"
        ) from None
    return parse_rules(value, path.name)


def parse_header(text: str) -> Rule:
    """The rule of a request's header: a kind, and options after semicolons, such as `time-out; seconds=2; after=true`.

    Raises:
        InputError: it is no such rule.
    """
    kind, *options = (part.strip() for part in text.split(";"))
    values: dict[str, Any] = {}
    for option in filter(None, options):
        name, given, value = option.partition("=")
        if not given:
            raise InputError("the request's header", f"{name!r} has no value", f"see {REFERENCE}")
        values[name.strip()] = _scalar(value.strip())
    [rule] = parse_rules({"kind": kind, **values}, "the request's header")
    return rule


def _scalar(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
