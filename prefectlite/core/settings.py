"""The checks on what a task is given: each returns the value to keep, or says what to write."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefectlite import configuration
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from prefectlite.engine.result import Result

__all__ = [
    "checked_annotations",
    "checked_batch_size",
    "checked_cache",
    "checked_callable",
    "checked_flag",
    "checked_handlers",
    "checked_name",
    "checked_result",
    "checked_retries",
    "checked_slug",
    "checked_tags",
    "checked_template",
    "checked_timeout",
    "checked_timeout_method",
]

ExceptionTypes = type[Exception] | Iterable[type[Exception]]


def checked_name(name: str) -> str:
    """Return the name of a task."""
    if not isinstance(name, str):
        raise TypeError(f"A task's name must be a string; received {name!r}.")
    return name


def checked_slug(owner: str, slug: str | None) -> str | None:
    """Return what identifies a task within a flow."""
    if slug is not None and not isinstance(slug, str):
        raise TypeError(f"Task {owner!r}: the slug must be a string; received {slug!r}.")
    return slug


def checked_tags(owner: str, tags: Iterable[str] | None) -> set[str]:
    """Return the tags as a set, with those of the surrounding ``with tags(...)`` blocks."""
    if isinstance(tags, str):
        raise TypeError(
            f"Tags should be a set of tags, not a string (task {owner!r}): write tags=[{tags!r}]."
        )
    return {*(tags or ()), *context.get("tags", ())}


def checked_timeout_method(owner: str, timeout_method: str | None) -> str:
    """Return how to end a run whose time is over: "auto", "thread" or "process"."""
    if timeout_method not in (None, "auto", "thread", "process"):
        raise ValueError(
            f"Task {owner!r}: timeout_method must be 'auto', 'thread' or 'process'; received "
            f"{timeout_method!r}."
        )
    return timeout_method or "auto"


def checked_retries(
    owner: str,
    max_retries: int | None,
    retry_delay: timedelta | None,
    retry_on: ExceptionTypes | None,
) -> tuple[int, timedelta | None, set[type[Exception]] | None]:
    """Return retries, delay and exception types, with the defaults of the configuration."""
    defaults = configuration.config.tasks.defaults
    retries = defaults.max_retries if max_retries is None else max_retries
    if not isinstance(retries, int) or retries < 0:
        raise (ValueError if isinstance(retries, int) else TypeError)(
            f"Task {owner!r}: max_retries must be an int of at least 0; received {retries!r}."
        )
    if retries == 0 and retry_delay is not None:
        raise ValueError(
            f"A `max_retries` argument greater than 0 must be provided if specifying a retry delay "
            f"(task {owner!r})."
        )
    if retries == 0 and retry_on is not None:
        raise ValueError(
            f"A number of `max_retries` must be provided if `retry_on` is set (task {owner!r})."
        )
    if retries == 0:
        return 0, None, None
    delay = _configured_delay(defaults.retry_delay) if retry_delay is None else retry_delay
    if delay is None:
        raise ValueError(
            f"A datetime.timedelta `retry_delay` must be provided if max_retries > 0 (task "
            f"{owner!r}): write e.g. retry_delay=timedelta(seconds=10)."
        )
    if not isinstance(delay, timedelta):
        raise TypeError(
            f"Task {owner!r}: retry_delay must be a datetime.timedelta; received {delay!r}. "
            f"Write retry_delay=timedelta(seconds=...)."
        )
    return retries, delay, _checked_exception_types(owner, retry_on)


def _configured_delay(delay: Any) -> Any:
    """Return the configuration's default as a timedelta; it is one, or seconds, or nothing."""
    if isinstance(delay, (int, float)) and not isinstance(delay, bool):
        return timedelta(seconds=delay)
    return delay if isinstance(delay, timedelta) else delay or None


def _checked_exception_types(
    owner: str, retry_on: ExceptionTypes | None
) -> set[type[Exception]] | None:
    if retry_on is None:
        return None
    if isinstance(retry_on, (str, type)) or not isinstance(retry_on, Iterable):
        types = {retry_on}
    else:
        types = set(retry_on)
    for kind in types:
        if not isinstance(kind, type):
            raise TypeError(
                f"Invalid `retry_on` value {kind!r}. Expected an exception type but got an "
                f"instance of {type(kind).__name__} (task {owner!r})."
            )
        if not issubclass(kind, Exception):
            raise TypeError(
                f"Invalid `retry_on` value {kind!r}. Expected an exception subclass: signals and "
                f"interrupts are not retried (task {owner!r})."
            )
    return types or None


def checked_timeout(owner: str, timeout: int | timedelta | None) -> int | None:
    """Return the timeout in whole seconds, with the default of the configuration."""
    if timeout is None:
        timeout = configuration.config.tasks.defaults.timeout or None
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        seconds = timeout.total_seconds()
        whole = int(seconds)
        if whole != seconds:
            # Less than a second would become "no timeout", the opposite of what was asked for.
            whole = max(whole, 1) if seconds > 0 else whole
            warnings.warn(
                f"Task timeouts do not support a sub-second resolution; {seconds} seconds of task "
                f"{owner!r} become {whole}.",
                stacklevel=4,
            )
        timeout = whole
    if not isinstance(timeout, int):
        raise TypeError(
            f"Only integer timeouts (representing seconds) are supported; task {owner!r} received "
            f"{timeout!r}."
        )
    if timeout < 0:
        raise ValueError(f"Task {owner!r}: the timeout cannot be negative; received {timeout!r}.")
    return timeout


def checked_callable(owner: str, argument: str, value: Any) -> Any:
    """Return ``value`` if it can be called."""
    if not callable(value):
        raise TypeError(f"{owner}: {argument} must be a function; received {value!r}.")
    return value


def checked_template(owner: str, argument: str, value: Any) -> Any:
    """Return ``value`` if it is a template, a function that takes the place of one, or None."""
    if value is None or isinstance(value, str) or callable(value):
        return value
    raise TypeError(
        f"Task {owner!r}: {argument} must be a template or a function (**kwargs) -> str; received "
        f"{value!r}."
    )


def checked_cache(
    owner: str, cache_for: timedelta | None, cache_validator: Callable[..., bool] | None
) -> tuple[timedelta | None, Callable[..., bool]]:
    """Return how long results are used again, and the function that decides whether."""
    from prefectlite.engine import cache_validators

    if cache_for is not None and not isinstance(cache_for, timedelta):
        raise TypeError(
            f"Task {owner!r}: cache_for must be a datetime.timedelta; received {cache_for!r}."
        )
    if cache_validator is None:
        default = (
            cache_validators.never_use if cache_for is None else cache_validators.duration_only
        )
        return cache_for, default
    checked_callable(f"Task {owner!r}", "cache_validator", cache_validator)
    if cache_for is None:
        warnings.warn(
            f"cache_validator provided without specifying cache expiration (cache_for); task "
            f"{owner!r} will not be cached.",
            stacklevel=4,
        )
    return cache_for, cache_validator


def checked_handlers(
    owner: str,
    state_handlers: Iterable[Callable[..., Any]] | None,
    on_failure: Callable[..., Any] | None,
) -> list[Callable[..., Any]]:
    """Return the state handlers as a list, with ``on_failure`` as the last of them."""
    if state_handlers is None:
        handlers: list[Callable[..., Any]] = []
    elif isinstance(state_handlers, Sequence) and not isinstance(state_handlers, str):
        handlers = list(state_handlers)
    else:
        raise TypeError(
            f"{owner}: state_handlers should be iterable: a list of functions; "
            f"received {state_handlers!r}."
        )
    for handler in handlers:
        checked_callable(owner, "each of state_handlers", handler)
    if on_failure is not None:
        handlers.append(FailureHandler(checked_callable(owner, "on_failure", on_failure)))
    return handlers


class FailureHandler:
    """A state handler that calls a function when the new state is a failure.

    Args:
        on_failure: a function ``(task_or_flow, state) -> None``.
    """

    __slots__ = ("on_failure",)

    def __init__(self, on_failure: Callable[..., Any]) -> None:
        self.on_failure = on_failure

    def __call__(self, tracked: Any, old_state: Any, new_state: Any) -> Any:
        if new_state.is_failed():
            self.on_failure(tracked, new_state)
        return new_state


def checked_result(
    owner: str,
    result: Result | None,
    result_handler: Any,
    target: str | Callable[..., str] | None,
) -> Result | None:
    """Return the task's `Result`, at the location that ``target`` says."""
    if result_handler is not None:
        warnings.warn(
            f"Task {owner!r}: result_handler= is deprecated; write result= with one of "
            f"prefectlite.engine.results, e.g. result=LocalResult(dir=...).",
            DeprecationWarning,
            stacklevel=4,
        )
        if result is None:
            result = result_handler
    if isinstance(result, type):
        raise TypeError(
            f"Task {owner!r}: result must be an instance; write result={result.__name__}(...)."
        )
    checked_template(owner, "target", target)
    if result is None or not target:
        return result
    if getattr(result, "location", None) not in (None, target):
        warnings.warn(
            f"Both `result.location` and `target` were provided (task {owner!r}). The `target` "
            f"value will be used.",
            stacklevel=4,
        )
    located = result.copy()
    if isinstance(target, str):
        located.location = target
    else:
        located._formatter = target
    return located


ANNOTATIONS = {
    "resources": "a dictionary of numbers by name, such as {'GPU': 1}",
    "workers": "the address or name of a worker, or a list of them",
    "allow_other_workers": "True or False",
    "priority": "a number; higher goes first",
    "retries": "a number of times",
}


def checked_annotations(owner: str, annotations: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what Dask's scheduler is to know of a task, by the names of `ANNOTATIONS`."""
    found = dict(annotations or {})
    for name, value in found.items():
        if name not in ANNOTATIONS:
            raise ValueError(
                f"Task {owner!r}: unknown annotation {name!r}; there are {', '.join(ANNOTATIONS)}."
            )
        if not _is_annotation(name, value):
            raise TypeError(
                f"Task {owner!r}: the annotation {name!r} must be {ANNOTATIONS[name]}; "
                f"received {value!r}."
            )
    return found


def _is_annotation(name: str, value: Any) -> bool:
    if name == "resources":
        return isinstance(value, Mapping) and all(_is_number(each) for each in value.values())
    if name == "workers":
        names = [value] if isinstance(value, str) else value
        return isinstance(names, list | tuple | set) and all(isinstance(n, str) for n in names)
    if name == "allow_other_workers":
        return isinstance(value, bool)
    return _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def checked_flag(setting: str, owner: str, value: Any) -> bool:
    """Return a setting that is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"Task {owner!r}: {setting} must be True or False; received {value!r}.")
    return value


def checked_batch_size(owner: str, batch_size: int | str | None) -> int | str | None:
    """Return the number of elements to be sent together."""
    if batch_size is None or batch_size == "auto":
        return batch_size
    if isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size > 0:
        return batch_size
    raise ValueError(
        f'Task {owner!r}: batch_size must be a number of elements, "auto" or None; '
        f"received {batch_size!r}."
    )
