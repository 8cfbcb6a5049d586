"""Classes that a job names: found, and made with the job's arguments, or refused in one sentence."""

from __future__ import annotations

import difflib
import importlib
import inspect
from typing import TYPE_CHECKING, Any

from contract.errors import InputError, RelayError, UnavailableError
from trainer.environments.failures import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from job.components import Component

_KEYWORDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def find_class(subject: str, reference: str) -> Any:
    """What `reference` (`package.module:Name`) names.

    Args:
        subject: which key of the job names it, for the sentence.
        reference: where it is.

    Raises:
        InputError: the module fails, or has no such name.
        UnavailableError: the module, or one that it needs, is not on this machine.
    """
    path, _, name = reference.rpartition(":")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        missing = error.name or path
        needs = "" if path == missing or path.startswith(f"{missing}.") else f"{path} needs it, and "
        problem = f"names {reference}: {needs}there is no module {missing}, neither in the job's sources nor installed"
        raise UnavailableError(subject, problem, "install it, or list its folder under sources") from error
    except Exception as error:
        kind = UnavailableError if isinstance(error, ImportError | OSError) else InputError
        problem = f"names {reference}, whose module cannot be imported: {in_words(error)}"
        raise kind(subject, problem, "correct the module") from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        nearest = difflib.get_close_matches(name, vars(module), n=1)
        remedy = f"did you mean {path}:{nearest[0]}?" if nearest else f"correct the name, or add it to {path}"
        raise InputError(subject, f"names {reference}, and {path} has no {name}", remedy) from error


def make_component(subject: str, component: Component, *around: Any) -> Any:
    """An instance of what a job names.

    Args:
        subject: which key of the job names it, for the sentence.
        component: the class and its arguments.
        around: what the class is given before these.

    Raises:
        InputError: the class cannot be found, or does not take the arguments.
    """
    made_by = find_class(subject, component.reference)
    _refuse_arguments(subject, component, made_by, len(around))
    try:
        return made_by(*around, **component.kwargs)
    except RelayError:
        raise
    except Exception as error:
        raise InputError(
            subject, f"{component.name} cannot be made: {in_words(error)}", "correct its arguments"
        ) from error


def _refuse_arguments(subject: str, component: Component, made_by: Callable[..., Any], given: int) -> None:
    try:
        parameters = list(inspect.signature(made_by).parameters.values())[given:]
    except (TypeError, ValueError):  # it does not say what it takes
        return
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return
    known = [each.name for each in parameters if each.kind in _KEYWORDS]
    for name in component.kwargs:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            remedy = f"did you mean {nearest[0]}?" if nearest else takes
            raise InputError(subject, f"{component.name} has no argument {name}", remedy)
    for each in parameters:
        if each.kind in _KEYWORDS and each.default is inspect.Parameter.empty and each.name not in component.kwargs:
            problem = f"{component.name} lacks its argument {each.name}"
            raise InputError(subject, problem, f"write `{component.name}: {{{each.name}: …}}`")
