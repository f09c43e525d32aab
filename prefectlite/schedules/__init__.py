"""When flows run on their own: schedules, the clocks they are made of, filters, adjustments.

Example::

    from prefectlite import Flow
    from prefectlite.schedules import CronSchedule

    with Flow("nightly", schedule=CronSchedule("0 2 * * *")) as flow:
        ...
    flow.run()  # waits for two o'clock UTC, runs, waits for the next night
"""

from __future__ import annotations

from prefectlite.schedules import adjustments, clocks, filters, schedules
from prefectlite.schedules.schedules import CronSchedule as CronSchedule
from prefectlite.schedules.schedules import IntervalSchedule as IntervalSchedule
from prefectlite.schedules.schedules import RRuleSchedule as RRuleSchedule
from prefectlite.schedules.schedules import Schedule as Schedule

__all__ = [
    "CronSchedule",
    "IntervalSchedule",
    "RRuleSchedule",
    "Schedule",
    "adjustments",
    "clocks",
    "filters",
    "schedules",
]
