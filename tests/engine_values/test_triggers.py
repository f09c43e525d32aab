"""Which upstream states let a task run, and what becomes of it otherwise."""

from __future__ import annotations

import cloudpickle
import pytest

from prefectlite import context, triggers
from prefectlite.core.edge import Edge
from prefectlite.core.task import Task
from prefectlite.engine.signals import PAUSE, SKIP, TRIGGERFAIL
from prefectlite.engine.state import (
    Cached,
    Cancelled,
    Failed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Skipped,
    Success,
    TriggerFailed,
)


def upstream(*states):
    return {Edge(Task(name=f"u{i}"), Task(name="d")): state for i, state in enumerate(states)}


UPSTREAMS = {
    "none": [],
    "S S": [Success(), Success()],
    "S F": [Success(), Failed()],
    "F F": [Failed(), Failed()],
    "K K": [Skipped(), Skipped()],
    "K S": [Skipped(), Success()],
    "K F": [Skipped(), Failed()],
    "pending": [Pending()],
    "retrying F": [Retrying(), Failed()],
    "trigger failed": [TriggerFailed()],
    "cached": [Cached()],
    "cancelled": [Cancelled()],
    "S S S F": [Success(), Success(), Success(), Failed()],
    "map S F": [Mapped(map_states=[Success(), Failed()])],
    "map S S": [Mapped(map_states=[Success(), Success()])],
    "map F F": [Mapped(map_states=[Failed(), Failed()])],
    "map K K": [Mapped(map_states=[Skipped(), Skipped()])],
    "map empty": [Mapped(map_states=[])],
    "map pending S": [Mapped(map_states=[Pending(), Success()])],
}

# What Prefect 1.4.1 lets run.
LETS_RUN = {
    "all_finished": set(UPSTREAMS) - {"pending", "retrying F", "map pending S"},
    "all_successful": {"none", "S S", "K K", "K S", "cached", "map S S", "map K K", "map empty"},
    "all_failed": {"none", "F F", "trigger failed", "map F F", "map empty"},
    "any_successful": {
        *("none", "S S", "S F", "K K", "K S", "K F", "cached", "S S S F"),
        *("map S F", "map S S", "map K K", "map pending S"),
    },
    "any_failed": {
        *("none", "S F", "F F", "K F", "retrying F", "trigger failed", "S S S F"),
        *("map S F", "map F F"),
    },
    "not_all_skipped": {"S S", "K S", "cached", "map S S"},
}
SKIPS = {"none", "K K", "map K K", "map empty"}
MESSAGES = {
    "all_finished": 'Trigger was "all_finished" but some of the upstream tasks were not finished.',
    "all_successful": 'Trigger was "all_successful" but some of the upstream tasks failed.',
    "all_failed": 'Trigger was "all_failed" but some of the upstream tasks succeeded.',
    "any_successful": 'Trigger was "any_successful" but none of the upstream tasks succeeded.',
    "any_failed": 'Trigger was "any_failed" but none of the upstream tasks failed.',
    "not_all_skipped": 'Trigger was "not_all_skipped" but some of the upstream tasks failed.',
}


@pytest.mark.parametrize("states", UPSTREAMS)
@pytest.mark.parametrize("name", LETS_RUN)
def test_trigger(name, states):
    trigger = getattr(triggers, name)
    given = upstream(*UPSTREAMS[states])
    if states in LETS_RUN[name]:
        assert trigger(given) is True
    elif name == "not_all_skipped" and states in SKIPS:
        with pytest.raises(SKIP, match="All upstreams were skipped"):
            trigger(given)
    else:
        with pytest.raises(TRIGGERFAIL) as raised:
            trigger(given)
        assert str(raised.value) == raised.value.state.message == MESSAGES[name]
        assert isinstance(raised.value.state, TriggerFailed)


def test_always_run_is_all_finished():
    assert triggers.always_run is triggers.all_finished


class TestManualOnly:
    @pytest.mark.parametrize("states", UPSTREAMS)
    def test_pauses(self, states):
        with pytest.raises(PAUSE, match='Trigger function is "manual_only"') as raised:
            triggers.manual_only(upstream(*UPSTREAMS[states]))
        assert type(raised.value.state) is Paused
        assert raised.value.state.start_time is None

    def test_runs_when_resumed(self):
        with context(resume=True):
            assert triggers.manual_only(upstream(Failed())) is True
        with context(resume=False), pytest.raises(PAUSE):
            triggers.manual_only({})


# Thresholds, upstream states, and whether so many failures and so many successes let run.
THRESHOLDS = [
    ({}, "F F", True, True),
    ({"at_least": 0}, "S F", True, True),
    ({"at_least": 1}, "S F", True, True),
    ({"at_least": 1}, "S S", False, True),
    ({"at_least": 1}, "F F", True, False),
    ({"at_least": 1}, "none", True, True),
    ({"at_least": 1}, "map empty", False, False),
    ({"at_least": 0.5}, "map empty", True, True),
    ({"at_least": 2}, "S F", False, False),
    ({"at_least": 2}, "map F F", True, False),
    ({"at_most": 1}, "F F", False, True),
    ({"at_most": 1}, "S F", True, True),
    ({"at_least": 1, "at_most": 1}, "S S S F", True, False),
    ({"at_least": 0.5}, "S F", True, True),
    ({"at_least": 0.5}, "S S S F", False, True),
    ({"at_least": 0.25}, "S S S F", True, True),
    ({"at_least": 0.3}, "S S S F", False, True),
    ({"at_most": 0.5}, "S S S F", True, False),
    # One is a number and not a share, even as a float.
    ({"at_least": 1.0}, "S F", True, True),
    ({"at_most": 0.0}, "S S", True, False),
    ({"at_least": 2.5}, "S S S F", False, True),
    ({"at_most": 0}, "pending", True, True),
]


@pytest.mark.parametrize(("thresholds", "states", "failed_runs", "successful_runs"), THRESHOLDS)
@pytest.mark.parametrize("name", ["some_failed", "some_successful"])
def test_thresholds(name, thresholds, states, failed_runs, successful_runs):
    trigger = getattr(triggers, name)(**thresholds)
    given = upstream(*UPSTREAMS[states])
    if failed_runs if name == "some_failed" else successful_runs:
        assert trigger(given) is True
    else:
        with pytest.raises(TRIGGERFAIL) as raised:
            trigger(given)
        assert str(raised.value) == f'Trigger was "{name}" but thresholds were not met.'


def test_thresholds_come_in_order():
    with pytest.raises(TRIGGERFAIL):
        triggers.some_failed(2)(upstream(Failed(), Success()))
    with pytest.raises(TRIGGERFAIL):
        triggers.some_failed(None, 0)(upstream(Failed(), Success()))


def test_a_state_that_comes_by_two_edges_counts_once():
    state = Failed()
    with pytest.raises(TRIGGERFAIL):
        triggers.some_failed(at_least=2)(upstream(state, state))
    # Two states that are equal are still two.
    assert triggers.some_failed(at_least=2)(upstream(Failed(), Failed()))


def test_elements_count_and_their_own_elements_do_not():
    nested = Mapped(map_states=[Mapped(map_states=[Success(), Failed()]), Success()])
    assert triggers.all_successful(upstream(nested)) is True


def test_triggers_travel():
    for trigger in (triggers.all_successful, triggers.some_failed(at_least=0.5)):
        again = cloudpickle.loads(cloudpickle.dumps(trigger))
        with pytest.raises(TRIGGERFAIL):
            again(upstream(Success(), Pending()))
