"""When a task may run, by the states of its upstream tasks.

A trigger is called with the upstream states by edge. It returns True for "run", or raises a
signal that says what becomes of the task instead: TRIGGERFAIL, SKIP or PAUSE. A mapped upstream
counts as its elements. A state that comes by more than one edge counts once. Without any upstream
the triggers let the task run, but for `manual_only` and `not_all_skipped`.

A trigger of one's own is any function of the same kind; returning False is a failed trigger.

Example:
    >>> cleanup = Task(trigger=always_run)
    >>> report = Task(trigger=some_successful(at_least=0.8))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prefectlite.engine import signals
from prefectlite.engine.state import State
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from prefectlite.core.edge import Edge

    UpstreamStates = dict[Edge, State]
    Trigger = Callable[[UpstreamStates], bool]
    Threshold = int | float

__all__ = [
    "all_failed",
    "all_finished",
    "all_successful",
    "always_run",
    "any_failed",
    "any_successful",
    "manual_only",
    "not_all_skipped",
    "some_failed",
    "some_successful",
]


def _distinct_states(upstream_states: UpstreamStates) -> set[State]:
    """List the states to judge by, with the elements in the place of a mapped parent."""
    states: set[State] = set()
    for state in upstream_states.values():
        if state.is_mapped():
            states.update(state.map_states)  # type: ignore[attr-defined]
        else:
            states.add(state)
    return states


def all_finished(upstream_states: UpstreamStates) -> bool:
    """Run when every upstream task has come to an end, good or bad; also named `always_run`.

    Args:
        upstream_states: the upstream states by edge.

    Returns:
        True.

    Raises:
        TRIGGERFAIL: one of them has not finished.
    """
    if not all(state.is_finished() for state in _distinct_states(upstream_states)):
        raise signals.TRIGGERFAIL(
            'Trigger was "all_finished" but some of the upstream tasks were not finished.'
        )
    return True


always_run = all_finished


def all_successful(upstream_states: UpstreamStates) -> bool:
    """Run when every upstream task ended well; the default of tasks. A skip is a success.

    Args:
        upstream_states: the upstream states by edge.

    Returns:
        True.

    Raises:
        TRIGGERFAIL: one of them did not succeed.
    """
    if not all(state.is_successful() for state in _distinct_states(upstream_states)):
        raise signals.TRIGGERFAIL(
            'Trigger was "all_successful" but some of the upstream tasks failed.'
        )
    return True


def all_failed(upstream_states: UpstreamStates) -> bool:
    """Run when every upstream task failed.

    Args:
        upstream_states: the upstream states by edge.

    Returns:
        True.

    Raises:
        TRIGGERFAIL: one of them did not fail.
    """
    if not all(state.is_failed() for state in _distinct_states(upstream_states)):
        raise signals.TRIGGERFAIL(
            'Trigger was "all_failed" but some of the upstream tasks succeeded.'
        )
    return True


def any_successful(upstream_states: UpstreamStates) -> bool:
    """Run when at least one upstream task ended well, or there is none.

    Args:
        upstream_states: the upstream states by edge.

    Returns:
        True.

    Raises:
        TRIGGERFAIL: none of them succeeded.
    """
    if upstream_states and not any(
        state.is_successful() for state in _distinct_states(upstream_states)
    ):
        raise signals.TRIGGERFAIL(
            'Trigger was "any_successful" but none of the upstream tasks succeeded.'
        )
    return True


def any_failed(upstream_states: UpstreamStates) -> bool:
    """Run when at least one upstream task failed, or there is none.

    Args:
        upstream_states: the upstream states by edge.

    Returns:
        True.

    Raises:
        TRIGGERFAIL: none of them failed.
    """
    if upstream_states and not any(
        state.is_failed() for state in _distinct_states(upstream_states)
    ):
        raise signals.TRIGGERFAIL('Trigger was "any_failed" but none of the upstream tasks failed.')
    return True


def not_all_skipped(upstream_states: UpstreamStates) -> bool:
    """Run when every upstream task ended well and at least one was not skipped.

    A task with this trigger wants `skip_on_upstream_skip=False`: else one skip skips it.

    Args:
        upstream_states: the upstream states by edge.

    Returns:
        True.

    Raises:
        SKIP: all of them were skipped, or there is none.
        TRIGGERFAIL: one of them did not succeed.
    """
    states = _distinct_states(upstream_states)
    if all(state.is_skipped() for state in states):
        raise signals.SKIP("All upstreams were skipped", result=None)
    if not all(state.is_successful() for state in states):
        raise signals.TRIGGERFAIL(
            'Trigger was "not_all_skipped" but some of the upstream tasks failed.'
        )
    return True


def manual_only(upstream_states: UpstreamStates) -> bool:
    """Never run by itself: the task is paused until somebody resumes it.

    Args:
        upstream_states: the upstream states by edge; they do not matter.

    Returns:
        True if `context.resume` says that somebody did.

    Raises:
        PAUSE: nobody resumed the task yet.
    """
    if context.get("resume"):
        return True
    raise signals.PAUSE('Trigger function is "manual_only"')


def some_failed(at_least: Threshold | None = None, at_most: Threshold | None = None) -> Trigger:
    """Make a trigger that runs when so many upstream tasks failed.

    Args:
        at_least: the smallest number that will do; below 1, the smallest share of all.
        at_most: the largest number that will do; below 1, the largest share of all.

    Returns:
        The trigger. It raises TRIGGERFAIL when the numbers are not met.

    Example:
        >>> alarm = Task(trigger=some_failed(at_least=0.1))
    """

    def _some_failed(upstream_states: UpstreamStates) -> bool:
        return _within(
            "some_failed", upstream_states, lambda state: state.is_failed(), at_least, at_most
        )

    return _some_failed


def some_successful(at_least: Threshold | None = None, at_most: Threshold | None = None) -> Trigger:
    """Make a trigger that runs when so many upstream tasks ended well.

    Args:
        at_least: the smallest number that will do; below 1, the smallest share of all.
        at_most: the largest number that will do; below 1, the largest share of all.

    Returns:
        The trigger. It raises TRIGGERFAIL when the numbers are not met.

    Example:
        >>> total = Task(trigger=some_successful(at_least=3))
    """

    def _some_successful(upstream_states: UpstreamStates) -> bool:
        return _within(
            "some_successful",
            upstream_states,
            lambda state: state.is_successful(),
            at_least,
            at_most,
        )

    return _some_successful


def _within(
    trigger_name: str,
    upstream_states: UpstreamStates,
    counts: Callable[[State], bool],
    at_least: Threshold | None,
    at_most: Threshold | None,
) -> bool:
    """Tell whether the number of states that count lies between two thresholds."""
    if not upstream_states:
        return True
    states = _distinct_states(upstream_states)
    number = sum(1 for state in states if counts(state))

    def as_number(threshold: Threshold) -> float:
        return threshold * len(states) if threshold < 1 else threshold

    enough = at_least is None or number >= as_number(at_least)
    not_too_many = at_most is None or number <= as_number(at_most)
    if not (enough and not_too_many):
        raise signals.TRIGGERFAIL(f'Trigger was "{trigger_name}" but thresholds were not met.')
    return True
