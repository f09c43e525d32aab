"""Prefect 1's tasks for SQLite, which need no service."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from prefectlite.core.task import Task
from prefectlite.utilities.tasks import defaults_from_attrs

__all__ = ["SQLiteQuery", "SQLiteScript"]


class SQLiteQuery(Task):
    """Runs one query on a database; changes are not committed, as in Prefect 1: use a script.

    Args:
        db: the database's file.
        query: the query, with ``?`` for values.
        data: the values.
        **kwargs: arguments of `Task`.

    Example:
        ``SQLiteQuery(db="shop.db")(query="SELECT * FROM orders WHERE id = ?", data=(1,))``
    """

    def __init__(
        self,
        db: str | None = None,
        query: str | None = None,
        data: tuple[Any, ...] = (),
        **kwargs: Any,
    ) -> None:
        self.db = db
        self.query = query
        self.data = data
        super().__init__(**kwargs)

    @defaults_from_attrs("db", "query")
    def run(
        self, db: str | None = None, query: str | None = None, data: tuple[Any, ...] = ()
    ) -> list[Any]:
        """Run the query; what is not given here is the task's own.

        Returns:
            The rows.

        Raises:
            ValueError: no database or no query was given.
        """
        if not db:
            raise ValueError("A database connection string must be provided.")
        if not query:
            raise ValueError("The query string must be specified")
        with closing(sqlite3.connect(db)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query, data or self.data)
            return cursor.fetchall()


class SQLiteScript(Task):
    """Runs a script of several statements on a database, and commits.

    Args:
        db: the database's file.
        script: the statements.
        **kwargs: arguments of `Task`.

    Example:
        ``SQLiteScript(db="shop.db", script="CREATE TABLE IF NOT EXISTS orders (id INTEGER)")``
    """

    def __init__(self, db: str | None = None, script: str | None = None, **kwargs: Any) -> None:
        self.db = db
        self.script = script
        super().__init__(**kwargs)

    @defaults_from_attrs("db", "script")
    def run(self, db: str | None = None, script: str | None = None) -> None:
        """Run the script; what is not given here is the task's own.

        Raises:
            ValueError: no database or no script was given.
        """
        if not db:
            raise ValueError("A database connection string must be provided.")
        if not script:
            raise ValueError("The query script string must be specified")
        with closing(sqlite3.connect(db)) as connection:
            connection.executescript(script)
            connection.commit()
