"""The middleware around the emulator's app that injects faults."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from emulator.faults.exchange import Exchange
from emulator.faults.injections import inject
from emulator.faults.names import call_name
from emulator.faults.plan import Answer, FaultPlan
from emulator.faults.rules import Kind, parse_header, parse_rules

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.faults.rules import Rule

ADMIN_PATH = "/_emulator/faults"
HEADER = "x-emulator-fault"
_JSON = [(b"content-type", b"application/json")]


class FaultInjection:
    """An ASGI app that does to another one's requests and answers what its rules say.

    It stands outermost, right inside uvicorn: some faults cut the connection, which no middleware could hand on.

    Args:
        app: the emulator's.
        plan: the rules in force and the journal.
    """

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self._app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or fail to."""
        exchange = Exchange(self._app, scope, receive, send)
        if scope["type"] != "http":
            await exchange.pass_on()
        elif scope["path"] == ADMIN_PATH:
            await self._administer(exchange)
        else:
            await self._exchange(exchange)

    async def _exchange(self, exchange: Exchange) -> None:
        call = call_name(exchange.scope)
        question = None
        if self._plan.remembers(call):
            body = await exchange.body()
            question = f"{call.address} {hashlib.sha256(body).hexdigest()}"
            exchange = exchange.with_body(body)
        try:
            own = _own_rule(exchange.scope)
        except InputError as error:
            await exchange.body()
            await exchange.give(_json_answer(400, {"code": 400, "message": str(error)}))
            return
        rule = self._plan.choose(call, question, own)
        if rule is not None and rule.kind is Kind.EARLIER_ANSWER and question is not None:
            await exchange.give(self._plan.earlier(question, rule.back))
        elif rule is not None:
            await inject(rule, exchange)
        elif question is not None:
            answer = await exchange.answer_of_app()
            self._plan.remember(question, answer)
            await exchange.give(answer)
        else:
            await exchange.pass_on()

    async def _administer(self, exchange: Exchange) -> None:
        body = await exchange.body()
        status, answer = self._administered(exchange.scope["method"], body)
        await exchange.give(_json_answer(status, answer))

    def _administered(self, method: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            return 200, self._plan.as_json()
        if method == "DELETE":
            self._plan.clear()
            return 200, self._plan.as_json()
        if method != "POST":
            return 405, {"code": 405, "message": f"{ADMIN_PATH} knows GET, POST and DELETE"}
        try:
            rules = parse_rules(json.loads(body), f"POST {ADMIN_PATH}")
        except ValueError:
            return 400, {"code": 400, "message": f"POST {ADMIN_PATH}: the body is not JSON"}
        except InputError as error:
            return 400, {"code": 400, "message": str(error)}
        return 201, {"rules": self._plan.add(rules)}


def _own_rule(scope: Scope) -> Rule | None:
    for name, value in scope["headers"]:
        if name == HEADER.encode():
            rule = parse_header(value.decode("latin-1"))
            if rule.kind is Kind.EARLIER_ANSWER:
                raise InputError(
                    f"the header {HEADER}",
                    "earlier-answer needs a rule that stands for more than one request",
                    "post a rule instead",
                )
            return rule
    return None


def _json_answer(status: int, value: dict[str, Any]) -> Answer:
    return Answer(status, _JSON, json.dumps(value).encode())
