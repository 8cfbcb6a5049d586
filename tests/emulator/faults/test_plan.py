"""Which of several rules hits a call, and what is counted."""

from __future__ import annotations

from emulator.faults.names import CallName
from emulator.faults.plan import Answer, FaultPlan
from emulator.faults.rules import Kind, Rule

PUSH = CallName("kernels.KernelsApiService/SaveKernel", "POST /api/v1/kernels.KernelsApiService/SaveKernel")
FILE = CallName("download", "GET /files/1")


def kinds(plan: FaultPlan, call: CallName, times: int) -> list[Kind | None]:
    rules = [plan.choose(call, None, None) for _ in range(times)]
    return [rule.kind if rule else None for rule in rules]


def test_the_first_rule_that_hits_does_and_each_counts_every_call() -> None:
    plan = FaultPlan()
    assert plan.add([Rule(kind=Kind.RESET, first=1), Rule(kind=Kind.SERVER_ERROR, every=2)]) == [1, 2]
    assert kinds(plan, PUSH, 4) == [Kind.RESET, Kind.SERVER_ERROR, None, Kind.SERVER_ERROR]
    assert [(each["rule"], each["nth"]) for each in plan.as_json()["journal"]] == [(1, 1), (2, 2), (2, 4)]


def test_calls_that_a_rule_is_not_about_do_not_count() -> None:
    plan = FaultPlan()
    plan.add([Rule(kind=Kind.HTML_403, call="download", every=2)])
    assert kinds(plan, FILE, 1) + kinds(plan, PUSH, 3) + kinds(plan, FILE, 1) == [*[None] * 4, Kind.HTML_403]


def test_the_rule_of_a_request_comes_first_and_spares_the_others_none() -> None:
    plan = FaultPlan()
    plan.add([Rule(kind=Kind.RESET, first=1)])
    own = Rule(kind=Kind.UNAVAILABLE)
    assert plan.choose(PUSH, None, own) is own
    assert kinds(plan, PUSH, 1) == [None]


def test_there_is_no_earlier_answer_before_the_first() -> None:
    plan = FaultPlan()
    plan.add([Rule(kind=Kind.EARLIER_ANSWER, call="SaveKernel", first=1)])
    assert plan.remembers(PUSH)
    assert not plan.remembers(FILE)
    assert plan.choose(PUSH, "question", None) is None
    plan.remember("question", Answer(200, [], b"one"))
    assert plan.choose(PUSH, "another question", None) is None
    chosen = plan.choose(PUSH, "question", None)
    assert chosen is not None
    assert chosen.kind is Kind.EARLIER_ANSWER


def test_earlier_answers_are_counted_from_either_end() -> None:
    plan = FaultPlan()
    for body in (b"one", b"two", b"three"):
        plan.remember("question", Answer(200, [], body))
    assert [plan.earlier("question", back).body for back in (None, 1, 2, 9)] == [b"one", b"three", b"two", b"one"]


def test_cleared_it_knows_nothing_and_numbers_go_on() -> None:
    plan = FaultPlan()
    plan.add([Rule(kind=Kind.RESET)])
    kinds(plan, PUSH, 2)
    plan.clear()
    assert plan.as_json() == {"rules": [], "journal": [], "calls": {}}
    assert plan.add([Rule(kind=Kind.RESET)]) == [2]
