"""Empty worlds for gymnasium's Box2D environments, so that an episode depends on nothing before it."""

from __future__ import annotations

from typing import Any

_GYMNASIUMS = "gymnasium.envs.box2d."


def renew_world(env: Any) -> None:
    """Give one of gymnasium's Box2D environments a new world before its reset; any other stays as it is.

    BipedalWalker and CarRacing clear their world at a reset and use it again, but the order in which
    it goes through contacts still depends on the episodes before, and rounding with it. LunarLander
    makes a new one for this reason (Farama-Foundation/Gymnasium, issue 728).
    """
    world = getattr(env, "world", None)
    if world is None or not any(each.__module__.startswith(_GYMNASIUMS) for each in type(env).__mro__):
        return
    env._destroy()  # noqa: SLF001 - what its reset would do with the old world
    env.world = type(world)(gravity=world.gravity)
