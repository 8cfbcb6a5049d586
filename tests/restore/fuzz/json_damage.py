"""JSON documents of ours with something wrong in one place, by what their fields take."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.restore.fuzz.guard import Draw

    Place = tuple[str | int, ...]

KINDS: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "fraction": 0.5,
    "text": "x",
    "list": [],
    "object": {},
}
DIGESTS = (
    *("", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", " " + "0" * 63, "\u0660" * 64, "../" + "0" * 61),
    *("0" * 63 + "\0", "-" + "0" * 63),
)
NOT_COUNTS = (-1, -(1 << 63), 0.5, 1e300, "7", True, [7])
FORMATS = (0, 2, -1, 3, 1 << 31, 1 << 63, 10**40, 1.5, "1", "2", "", None, [1], {"1": 1}, "x\n" * 500, False)
MARK = "@@here@@"


@dataclass(frozen=True)
class Rules:
    """What a document takes besides what stands in it.

    Args:
        anything: fields below which anything may stand.
        also: other kinds that fields take; `*` stands for any key or place.
        optional: fields that may be missing.
        names: objects with names of the writer's choice, which may have one more.
    """

    anything: frozenset[str] = frozenset()
    also: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    optional: frozenset[Place] = frozenset()
    names: frozenset[Place] = frozenset()


class Flaw(NamedTuple):
    """What is done at a place: it is given a value, or goes."""

    place: Place
    value: Any
    gone: bool = False

    def of(self, document: Any) -> Any:
        """The document with it."""
        changed = copy.deepcopy(document)
        if not self.place:
            return self.value
        inside = at(changed, self.place[:-1])
        if self.gone:
            del inside[self.place[-1]]
        else:
            inside[self.place[-1]] = self.value
        return changed


def kind_of(value: object) -> str:
    """The kind of a JSON value."""
    kinds = {bool: "boolean", int: "integer", float: "fraction", str: "text", list: "list", dict: "object"}
    return kinds.get(type(value), "null")


def at(document: Any, place: Place) -> Any:
    """What stands at a place."""
    for step in place:
        document = document[step]
    return document


def places(document: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a document, itself included."""
    yield place
    steps = (
        document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    )
    for step in steps:
        yield from places(document[step], (*place, step))


def _fits(place: Place, pattern: Place) -> bool:
    return len(place) == len(pattern) and all(part in {step, "*"} for step, part in zip(place, pattern, strict=True))


def flaws(document: Any, rules: Rules) -> list[Flaw]:
    """Everything that is wrong with a document when it is done to it."""
    found: list[Flaw] = []
    for place in places(document):
        if place and place[0] in rules.anything and len(place) > 1:
            continue
        value = at(document, place)
        taken = {kind_of(value)}.union(*(kinds for pattern, kinds in rules.also.items() if _fits(place, pattern)))
        found += [Flaw(place, wrong) for kind, wrong in KINDS.items() if kind not in taken]
        if place and isinstance(place[-1], str) and not any(_fits(place, pattern) for pattern in rules.optional):
            found.append(Flaw(place, None, gone=True))
        if isinstance(value, dict) and place not in rules.names and (not place or place[0] not in rules.anything):
            found += [Flaw((*place, name), wrong) for name, wrong in itertools.product(("x", "x\n" * 400), (None, 1))]
        if kind_of(value) == "integer" and place != ("format",):
            found += [
                Flaw(place, wrong) for wrong in NOT_COUNTS if kind_of(wrong) not in taken or wrong in (-1, -(1 << 63))
            ]
        if isinstance(value, str) and len(value) == 64:
            found += [Flaw(place, wrong) for wrong in DIGESTS]
    return [*found, *(Flaw(("format",), wrong) for wrong in FORMATS)]


def nested(levels: int) -> str:
    """Lists in lists."""
    return "[" * levels + "]" * levels


NO_JSON = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "-" + "9" * 400, nested(2_000), "[" * 100_000),
    *("nul", "'x'", "0x10", "01", "+1", "1.", ".5", ",", "]", "1 2", "1}", "[1,]", "{1: 2}", "/* */ 1", '"\n"'),
    *('"\\x41"', '"\\ud800"', '["\\udfff"]', '{"\\ud800": 1}', '{"a": 1, "a": 1}', '{"a": 1, "a": 2}'),
    *(f"[{'0,' * 1_000_000}0]", f"[{'{},' * 250_000}0]", "[" * 300_000),
)
"""What has no place in a document of ours, whatever the field: no JSON, or too much of it."""


def _with_text(document: dict[str, Any], place: Place, text: str) -> bytes:
    """The document with any text in one place."""
    return json.dumps(Flaw(place, MARK).of(document)).replace(f'"{MARK}"', text).encode()


def _no_json_inside(draw: Draw, document: dict[str, Any]) -> bytes:
    place = draw(st.sampled_from([place for place in places(document) if place]))
    return _with_text(document, place, draw(st.sampled_from(NO_JSON)))


def _cut_off(draw: Draw, document: dict[str, Any]) -> bytes:
    text = json.dumps(document)
    return text[: draw(st.integers(0, len(text) - 1))].encode()


def _said_twice(draw: Draw, document: dict[str, Any]) -> bytes:
    objects = [place for place in places(document) if isinstance(at(document, place), dict) and at(document, place)]
    place = draw(st.sampled_from(objects))
    inside = at(document, place)
    key = draw(st.sampled_from(sorted(inside)))
    value = draw(st.sampled_from([inside[key], None]))
    text = f"{json.dumps(inside)[:-1]}, {json.dumps(key)}: {json.dumps(value)}}}"
    return _with_text(document, place, text) if place else text.encode()


def _encoded(draw: Draw, document: dict[str, Any]) -> bytes:
    encoding = draw(st.sampled_from(["utf-16", "utf-32-le", "utf-8-sig", "cp037"]))
    return json.dumps(document).encode(encoding)


def _between(draw: Draw, document: dict[str, Any]) -> bytes:
    befores, afters = ["[", "\0", "//\n", "\x1b[2J", "null "], ["x", "{}", "\0", ",", "]"]
    pairs = [*((before, "") for before in befores), *(("", after) for after in afters), ("[", "]")]
    before, after = draw(st.sampled_from(pairs))
    return f"{before}{json.dumps(document)}{after}".encode()


def _no_text(draw: Draw, document: dict[str, Any]) -> bytes:
    content = json.dumps(document).encode()
    index = draw(st.integers(0, len(content) - 1))
    foreign: bytes = draw(st.sampled_from([b"\xff", b"\xc0\x80", b"\xed\xa0\x80"]))
    return content[:index] + foreign + content[index:]


def other_text(draw: Draw, document: dict[str, Any]) -> bytes:
    """The document as bytes that no strict reader takes."""
    forms = (_no_json_inside, _no_json_inside, _no_json_inside, _cut_off, _said_twice, _encoded, _between, _no_text)
    form: Callable[[Draw, dict[str, Any]], bytes] = draw(st.sampled_from(forms))
    return form(draw, document)


def nasty_values() -> st.SearchStrategy[Any]:
    """Values that programs trip over, most of which are JSON nevertheless."""
    leaves = st.one_of(
        st.sampled_from(
            [None, True, False, 0, -1, 1 << 63, 10**250, 10**400, -0.0, 1e308, 5e-324, "", "\0", "\x1b[2J", "x\n" * 500]
        ),
        st.sampled_from(
            ["\u202e", "\ud800", "../../x", "/etc/passwd", "%s%n", "{0.__class__}", "${HOME}", "__proto__", "NaN"]
        ),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
        max_leaves=8,
    )
