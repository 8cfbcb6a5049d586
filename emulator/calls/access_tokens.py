"""The call by which the client asks whose access token it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kagglesdk.security.types.oauth_service import IntrospectTokenRequest, IntrospectTokenResponse

from emulator.calls.wire import Call

if TYPE_CHECKING:
    from emulator.calls.wire import Caller


def introspect_token(caller: Caller, request: Any) -> Any:
    """Whose token it is; an unknown one is not active."""
    response = IntrospectTokenResponse()
    user = caller.emulator.accounts.token_owner(request.token)
    if user is not None:
        response.active = True
        response.username = user
        response.user_id = caller.emulator.accounts.user_id(user)
    return response


CALLS = {"security.OAuthService/IntrospectToken": Call(IntrospectTokenRequest, introspect_token, is_open=True)}
