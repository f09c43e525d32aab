"""`Parameter`: a value that is chosen when a flow is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prefectlite.core.task import NoDefault, Task
from prefectlite.exceptions import ParameterError
from prefectlite.utilities.context import context

if TYPE_CHECKING:
    from typing_extensions import Self

    from prefectlite.core.flow import Flow

__all__ = ["DateTimeParameter", "NoDefault", "Parameter", "check_parameters"]

no_default = NoDefault.value


class Parameter(Task):
    """A task whose result is a value given to ``flow.run``.

    Its name is its slug, and unlike other tasks a parameter is not copied when it is called: the
    name can be there only once in a flow.

    Args:
        name: the name under which ``flow.run`` takes the value.
        default: the value if none is given.
        required: whether a value must be given. By default that is so if there is no default.
        tags: strings to find tasks by.

    Example:
        >>> with Flow("greeting") as flow:
        ...     name = Parameter("name", default="world")
        ...     greeting = "Hello, " + name
    """

    def __init__(
        self,
        name: str,
        default: Any = no_default,
        required: bool | None = None,
        tags: Iterable[str] | None = None,
    ) -> None:
        from prefectlite.engine.results import PrefectResult

        self.required = default is no_default if required is None else required
        self.default = None if default is no_default else default
        super().__init__(name=name, slug=name, tags=tags, result=PrefectResult(), checkpoint=True)

    def __repr__(self) -> str:
        return f"<Parameter: {self.name}>"

    def __call__(self, flow: Flow | None = None) -> Self:  # type: ignore[override]
        """Add this parameter to the flow.

        Args:
            flow: the flow; by default that of the ``with Flow(...)`` block.

        Returns:
            The parameter itself.

        Raises:
            ValueError: there is no flow, or it has another task with this slug.
        """
        return self.bind(flow=flow)

    def copy(self, name: str, **task_args: Any) -> Self:  # type: ignore[override]
        """Return a copy under another name.

        Args:
            name: the copy's name and slug.
            **task_args: attributes to set on the copy.

        Raises:
            AttributeError: a parameter has no attribute of this name.
        """
        return super().copy(name=name, slug=name, **task_args)

    def run(self) -> Any:
        """Return the value given to ``flow.run``, or the default."""
        parameters = context.get("parameters") or {}
        if self.required and self.name not in parameters:
            from prefectlite.engine.signals import FAIL

            raise FAIL(
                f'Parameter "{self.name}" was required but not provided. Pass it as '
                f"flow.run(parameters={{{self.name!r}: ...}})."
            )
        return parameters.get(self.name, self.default)

    def serialize(self) -> dict[str, Any]:
        """Describe this parameter as a dictionary that can be written as JSON."""
        from prefectlite.core.serialization import serialize_parameter

        return serialize_parameter(self)


class DateTimeParameter(Parameter):
    """A parameter whose value is a date and time, or a string that says one.

    Strings are read by ``pendulum.parse``; what has no time zone is taken as UTC.

    Args:
        name: the name under which ``flow.run`` takes the value.
        default: the value if none is given and it is not required.
        required: whether a value must be given.
        tags: strings to find tasks by.

    Example:
        ``flow.run(parameters={"since": "2024-02-29T12:00:00+01:00"})``
    """

    def __init__(
        self,
        name: str,
        default: Any = no_default,
        required: bool = True,
        tags: Iterable[str] | None = None,
    ) -> None:
        from prefectlite.engine.results import PrefectResult
        from prefectlite.engine.serializers import DateTimeSerializer

        super().__init__(name=name, default=default, required=required, tags=tags)
        self.result = PrefectResult(serializer=DateTimeSerializer())

    def run(self) -> Any:
        """Return the date and time as a ``pendulum.DateTime``, or None if there is none."""
        value = super().run()
        if value is None:
            return None
        import pendulum

        return pendulum.parse(value) if isinstance(value, str) else pendulum.instance(value)


def check_parameters(flow: Flow, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that a flow does not have, and a run without those it requires.

    Args:
        flow: the flow.
        parameters: the values for a run.

    Raises:
        ParameterError: names the unexpected or missing ones, and those that there are.
    """
    declared = {parameter.name: parameter for parameter in flow.parameters()}
    unexpected = sorted(str(name) for name in parameters if name not in declared)
    if unexpected:
        raise ParameterError(
            f"Flow.run received the following unexpected parameters: {', '.join(unexpected)}. "
            f"Flow {flow.name!r} has {_listed(declared)}."
        )
    missing = sorted(
        name
        for name, parameter in declared.items()
        if parameter.required and name not in parameters
    )
    if missing:
        raise ParameterError(
            f"Flow.run did not receive the following required parameters: {', '.join(missing)}. "
            f"Pass them as flow.run(parameters={{{missing[0]!r}: ...}})."
        )


def _listed(declared: Mapping[str, Parameter]) -> str:
    if not declared:
        return "no parameters"
    names = ", ".join(sorted(declared))
    return f"these parameters: {names}; each must be used by a task or added with add_task"
