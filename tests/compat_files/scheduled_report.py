"""A report on a schedule; the deployment at the bottom."""

from datetime import datetime, time, timedelta

import pendulum
import prefect
from prefect import Flow, Parameter, task
from prefect.executors import LocalDaskExecutor
from prefect.run_configs import DockerRun
from prefect.schedules import CronSchedule, IntervalSchedule, Schedule, clocks, filters
from prefect.storage import S3

weekdays = Schedule(
    clocks=[
        clocks.CronClock("0 6 * * *", start_date=pendulum.datetime(2021, 1, 1, tz="Europe/Berlin")),
        clocks.IntervalClock(
            timedelta(hours=12),
            start_date=pendulum.datetime(2021, 1, 1, 18, tz="UTC"),
            parameter_defaults={"region": "south"},
        ),
    ],
    filters=[filters.is_weekday],
    not_filters=[filters.between_times(time(12), time(13))],
)


@task
def window():
    today = prefect.context["scheduled_start_time"]
    return today.subtract(days=1), today


@task(log_stdout=True)
def build(region, window):
    start, end = window
    print(f"Report of {region}")
    return f"{region}: {(end - start).days} day"


with Flow("Daily report", schedule=weekdays) as flow:
    region = Parameter("region", default="north")
    report = build(region, window())

flow.executor = LocalDaskExecutor(scheduler="threads", num_workers=2)
flow.storage = S3(bucket="flows", key="daily/report.py", stored_as_script=True)
flow.run_config = DockerRun(image="example/report:latest")

if __name__ == "__main__":
    following = weekdays.next(3, after=pendulum.datetime(2021, 1, 4, 7, tz="UTC"))
    assert [moment.isoformat() for moment in following][:2] == [
        "2021-01-04T18:00:00+00:00",
        "2021-01-05T06:00:00+01:00",
    ], following
    hourly = IntervalSchedule(start_date=datetime(2021, 1, 1), interval=timedelta(hours=1))
    assert len(hourly.next(5)) == 5
    assert len(CronSchedule("*/5 * * * *").next(2)) == 2
    state = flow.run(run_on_schedule=False)
    assert state.result[report].result == "north: 1 day"
    flow.register(project_name="reports", labels=["docker"])
    print("EXPECTED report")
