"""Which environment an id names, and what to write where it names none."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
import sys
from typing import TYPE_CHECKING

import gymnasium as gym

from contract.errors import InputError, UnavailableError
from trainer.environments.failures import in_words

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

REGISTERED_BY = {
    "ALE/": "ale_py",
    "MiniGrid-": "minigrid",
    "BabyAI-": "minigrid",
    "Fetch": "gymnasium_robotics",
    "HandManipulate": "gymnasium_robotics",
    "HandReach": "gymnasium_robotics",
    "AntMaze": "gymnasium_robotics",
    "PointMaze": "gymnasium_robotics",
    "Adroit": "gymnasium_robotics",
    "FrankaKitchen": "gymnasium_robotics",
    "highway-": "highway_env",
    "parking-": "highway_env",
    "roundabout-": "highway_env",
    "racetrack-": "highway_env",
    "sumo-rl": "sumo_rl",
}
"""How the ids of well-known packages begin, and the module that registers them."""


def registered_spec(env_id: str) -> EnvSpec:
    """What is registered under an id, whose module, if it names one, is imported.

    Raises:
        InputError: nothing is: the sentence says what comes nearest.
        UnavailableError: the module is not on this machine.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        _import(env_id, module)
    try:
        return gym.spec(name)
    except gym.error.Error as error:
        raise InputError(f"environment {env_id}", _problem(error, name), _remedy(module, name)) from error


def _problem(error: gym.error.Error, name: str) -> str:
    if isinstance(error, gym.error.NamespaceNotFound):
        return f"is not known: nothing is registered under {name.rpartition('/')[0]}/"
    if isinstance(error, gym.error.NameNotFound):
        return "is not known: no environment of this name is registered"
    if isinstance(error, gym.error.VersionNotFound | gym.error.DeprecatedEnv):
        return "is not known: there is no such version of it any more, or not yet"
    return f"is not known: {' '.join(str(error).split()).rstrip('.')}"


def _import(env_id: str, module: str) -> None:
    subject, top = f"environment {env_id}", module.partition(".")[0]
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = str(error.name)
        if missing == module or module.startswith(f"{missing}."):
            places = f"neither in the job's sources nor installed in {sys.prefix}"
            problem = f"is not known: there is no module {missing}, {places}"
            nearest = difflib.get_close_matches(top, [each.name for each in pkgutil.iter_modules()], n=1)
            remedy = f"did you mean {nearest[0]}?" if nearest else "install it, or list its folder under sources"
            raise UnavailableError(subject, problem, remedy) from error
        problem = (
            f"is not known: {module} needs the module {missing}, which is neither in the job's sources nor installed"
        )
        remedy = f"install {missing}, or list its folder under sources"
        raise UnavailableError(subject, problem, remedy) from error
    except Exception as error:
        problem = f"is not known: its module {module} cannot be imported: {in_words(error)}"
        kind = UnavailableError if isinstance(error, ImportError | OSError) else InputError
        raise kind(subject, problem, "correct the module, or env.id") from error


def _remedy(module: str, name: str) -> str:
    there = {_without_version(each): each for each in sorted(gym.registry, key=_version)}  # the newest one last
    if (newest := there.get(_without_version(name))) is not None:
        return f"write {_joined(module, newest)}"
    owner = next((module for beginning, module in REGISTERED_BY.items() if name.startswith(beginning)), None)
    if owner is not None and owner != module:
        return f"write {owner}:{name}, so that {owner}, which registers it, is imported"
    by_lower = {each.lower(): each for each in there}
    nearest = difflib.get_close_matches(_without_version(name).lower(), by_lower, n=1)
    if nearest:
        return f"did you mean {_joined(module, there[by_lower[nearest[0]]])}?"
    if module:
        return f"register it when {module} is imported, or correct env.id"
    return f"write the module that registers it before it, as in my_package:{name}"


def _joined(module: str, name: str) -> str:
    return f"{module}:{name}" if module else name


def _without_version(env_id: str) -> str:
    return re.sub(r"-v\d+$", "", env_id)


def _version(env_id: str) -> int:
    found = re.search(r"-v(\d+)$", env_id)
    return int(found[1]) if found else -1
