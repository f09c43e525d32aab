"""Every error and signal that prefectlite raises by a name of its own.

The tree::

    Exception
    └── PrefectException
        ├── ClientError
        │   ├── AuthorizationError
        │   └── ObjectNotFoundError
        ├── FlowStorageError
        ├── ConfigurationError          (also ValueError)
        ├── ContextError                (also AttributeError)
        ├── ExecutorError
        │   ├── ExecutorNotStartedError (also ValueError)
        │   ├── SchedulerLostError
        │   └── WorkerLostError
        ├── FlowCompileError            (also ValueError)
        │   └── ParameterError
        ├── JournalError
        │   ├── RunHeldError
        │   └── RunNotFoundError        (also LookupError)
        ├── ResultError
        │   ├── LocationError
        │   ├── ResultReadError         (also ValueError)
        │   │   └── ResultNotFoundError (also FileNotFoundError)
        │   ├── ResultWriteError        (also OSError)
        │   ├── StoreUnreachableError   (also ConnectionError)
        │   └── UnknownTemplateKeyError (also KeyError)
        └── SerializationError          (also TypeError)

    BaseException
    └── PrefectSignal                   (not an Exception: ``except Exception`` lets it pass)
        ├── RunCancelledSignal
        ├── TaskTimeoutSignal
        └── VersionLockMismatchSignal

``except PrefectException`` catches all that prefectlite itself reports. Where users know a
builtin type for the same mistake (a ``ValueError`` for a bad parameter), the class is that type
as well. The signals with which a task chooses its own state live in
:mod:`prefectlite.engine.signals`.

Every class takes its message as the only argument and pickles as it is, so that an error raised
on a worker reaches the driver unchanged.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "AuthorizationError",
    "ClientError",
    "ConfigurationError",
    "ContextError",
    "ExecutorError",
    "ExecutorNotStartedError",
    "FlowCompileError",
    "FlowStorageError",
    "JournalError",
    "LocationError",
    "ObjectNotFoundError",
    "ParameterError",
    "PrefectException",
    "PrefectSignal",
    "ResultError",
    "ResultNotFoundError",
    "ResultReadError",
    "ResultWriteError",
    "RunCancelledSignal",
    "RunHeldError",
    "RunNotFoundError",
    "SchedulerLostError",
    "SerializationError",
    "StoreUnreachableError",
    "TaskTimeoutSignal",
    "UnknownTemplateKeyError",
    "VersionLockMismatchSignal",
    "WorkerLostError",
]


class PrefectException(Exception):
    """The root of prefectlite's errors.

    Args:
        message: what went wrong, with whom, and the way out.

    Example:
        >>> str(PrefectException("task 'load' is in no flow"))
        "task 'load' is in no flow"
    """

    def __init__(self, message: Any = "") -> None:
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        # one that is also an OSError cannot be made by the `__new__` of another base, which is what
        # Dask's way to pickle exceptions takes where there is no method like this
        return type(self), self.args, vars(self) or None


class PrefectSignal(BaseException):
    """The root of what ends a task run without being an error of the user's code.

    It is no ``Exception``, so that a task's ``except Exception`` does not swallow it.

    Args:
        message: why the task run ends.
    """

    def __init__(self, message: Any = "") -> None:
        super().__init__(message)


class ClientError(PrefectException):
    """A service that was asked for something answered with an error."""


class AuthorizationError(ClientError):
    """A service refused the credentials it was given."""


class ObjectNotFoundError(ClientError):
    """A service does not know the object it was asked for."""


class FlowStorageError(PrefectException):
    """A flow could not be saved or loaded."""


class ConfigurationError(PrefectException, ValueError):
    """A configuration file or variable cannot be used; names the file and line, or the variable."""


class ContextError(PrefectException, AttributeError):
    """Something was asked of ``prefectlite.context`` that only exists in another situation."""


class ExecutorError(PrefectException):
    """An executor could not start, or was lost during a run."""


class ExecutorNotStartedError(ExecutorError, ValueError):
    """An executor was given work outside of its `start()` block."""


class SchedulerLostError(ExecutorError):
    """The scheduler of a cluster was lost in the middle of a run."""


class WorkerLostError(ExecutorError):
    """The worker of a task run died before it answered."""


class FlowCompileError(PrefectException, ValueError):
    """A flow cannot be run as it is; names the task or edge at fault."""


class ParameterError(FlowCompileError):
    """A parameter is missing, unknown or of no use; names it and those that exist."""


class JournalError(PrefectException):
    """The journal of a run cannot be read, or not be used; names its place and the reason."""


class RunHeldError(JournalError):
    """A run cannot be taken over, because a process is at work on it; names that process."""


class RunNotFoundError(JournalError, LookupError):
    """There is no such run in the runs folder; names the folder."""


class ResultError(PrefectException):
    """The root of what may go wrong with a stored result."""


class ResultReadError(ResultError, ValueError):
    """A stored result exists but cannot be read; names its location and the reason.

    It is caught as what the serializer raised too: `pickle.UnpicklingError`, `EOFError`, ...
    """


class ResultNotFoundError(ResultReadError, FileNotFoundError):
    """There is no stored result at a location; names it."""


class ResultWriteError(ResultError, OSError):
    """A result could not be stored; names its location and the reason.

    It is caught as what the system raised too: `PermissionError`, `IsADirectoryError`, ...
    """


class StoreUnreachableError(ResultError, ConnectionError):
    """A store could not be asked, or refused; what it holds is not known. Names the location."""


class LocationError(ResultError):
    """The function that is to give a location raised; `__cause__` is what it raised."""


class UnknownTemplateKeyError(ResultError, KeyError):
    """The template of a location names a key that there is not; lists those that there are."""

    # a KeyError shows its message in quotes; this one shows it as it is
    def __str__(self) -> str:
        return Exception.__str__(self)


class SerializationError(PrefectException, TypeError):
    """A value cannot be turned into bytes, or not back again; names what in it is at fault."""


class RunCancelledSignal(PrefectSignal):
    """Raised where a flow run is at work when somebody cancels it."""


class TaskTimeoutSignal(PrefectSignal):
    """Raised inside a task run whose timeout is over."""


class VersionLockMismatchSignal(PrefectSignal):
    """Raised when a task run's state was changed by somebody else in the meantime."""
