"""Nightly load of orders into a local warehouse."""

import csv
import sqlite3
from datetime import timedelta

import prefect
from prefect import Flow, Parameter, task
from prefect.run_configs import KubernetesRun
from prefect.storage import Docker

ORDERS = [
    {"id": "1", "customer": "ada", "amount": "12.50"},
    {"id": "2", "customer": "bob", "amount": "not a number"},
    {"id": "3", "customer": "ada", "amount": "7.50"},
]


@task(max_retries=3, retry_delay=timedelta(seconds=0))
def extract(path):
    logger = prefect.context.get("logger")
    logger.info("Reading %s", path)
    try:
        with open(path, newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(ORDERS[0]))
            writer.writeheader()
            writer.writerows(ORDERS)
        raise


@task
def transform(rows):
    logger = prefect.context.get("logger")
    clean = []
    for row in rows:
        try:
            clean.append((int(row["id"]), row["customer"], float(row["amount"])))
        except ValueError:
            logger.warning("Dropping order %s", row["id"])
    return clean


@task
def create_table(database):
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER, who TEXT, amount REAL)")
        connection.execute("DELETE FROM orders")


@task
def load(database, rows):
    with sqlite3.connect(database) as connection:
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    return len(rows)


@task
def total_by_customer(database):
    with sqlite3.connect(database) as connection:
        query = "SELECT who, SUM(amount) FROM orders GROUP BY who ORDER BY who"
        return dict(connection.execute(query).fetchall())


with Flow("Orders ETL") as flow:
    source = Parameter("source", default="orders.csv")
    database = Parameter("database", default="warehouse.db")
    rows = transform(extract(source))
    loaded = load(database, rows, upstream_tasks=[create_table(database)])
    totals = total_by_customer(database, upstream_tasks=[loaded])

flow.storage = Docker(
    registry_url="registry.example.com/data", image_name="orders", python_dependencies=["pandas"]
)
flow.run_config = KubernetesRun(labels=["production"], cpu_request="500m", memory_request="1Gi")

if __name__ == "__main__":
    state = flow.run()
    assert state.is_successful()
    assert state.result[totals].result == {"ada": 20.0}
    print("EXPECTED", state.result[loaded].result)
