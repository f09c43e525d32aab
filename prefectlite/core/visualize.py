"""Pictures of flows, drawn by Graphviz."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefectlite.core.edge import Edge
    from prefectlite.core.flow_view import FlowView
    from prefectlite.core.task import Task
    from prefectlite.engine.state import State

__all__ = ["draw", "show"]

MOST_ELEMENTS = 50
"""A map with more elements is drawn as one node: a wall of boxes tells nobody anything."""

_NO_STATE_COLOR = "#000000"
_HALF_TRANSPARENT = "80"


def show(
    flow: FlowView,
    flow_state: State | None = None,
    filename: str | None = None,
    format: str | None = None,
    horizontal: bool = False,
) -> Any:
    """Draw a flow; write the picture to a file, or open it.

    Args:
        flow: the flow.
        flow_state: a state of the flow whose result has the states of its tasks: they give the
            colours.
        filename: the file to write, with or without the ending that says the format; None: in a
            notebook the picture is shown by what is returned, elsewhere it is opened in a viewer.
        format: the format, e.g. ``"svg"`` or ``"png"``; by default the ending of ``filename``, or
            PDF.
        horizontal: draw from left to right and not from top to bottom.

    Returns:
        The ``graphviz.Digraph``.

    Raises:
        ImportError: the package ``graphviz`` is not installed.
        graphviz.ExecutableNotFound: the program ``dot`` is not installed.
    """
    graph = draw(flow, flow_state, horizontal)
    if filename:
        path = Path(filename)
        ending = path.suffix[1:].lower()
        if format is None and ending in _formats():
            filename, format = str(path.with_suffix("")), ending
        graph.render(filename, view=False, format=format, cleanup=True)
    elif not _in_notebook():
        import tempfile

        with tempfile.NamedTemporaryFile(delete=False) as file:
            name = file.name
        graph.render(name, view=True)
    return graph


def _formats() -> Any:
    import graphviz

    return graphviz.FORMATS


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


def draw(flow: FlowView, flow_state: State | None = None, horizontal: bool = False) -> Any:
    """Draw a flow, without writing anything.

    Mapped tasks are boxes, others ellipses. Edges bear the name of the argument they feed; those
    that are mapped over are dashed. With states, each element of a map is a box of its own, up to
    50 of them.

    Args:
        flow: the flow.
        flow_state: a state whose result has the states of the tasks.
        horizontal: draw from left to right.

    Returns:
        A ``graphviz.Digraph``.

    Raises:
        ImportError: the package ``graphviz`` is not installed.
    """
    try:
        import graphviz
    except ImportError as error:
        raise ImportError(
            "Drawing a flow needs the package graphviz: `pip install 'prefectlite[viz]'`, and "
            "the program `dot` of Graphviz: https://graphviz.org/download."
        ) from error
    graph = graphviz.Digraph(graph_attr={"rankdir": "LR"} if horizontal else {})
    states = _states_of(flow_state)
    tasks = flow.tasks_in_order_of_adding()
    mapped = {task: any(edge.mapped for edge in flow.edges_to(task)) for task in tasks}
    nodes = {
        task: _nodes(f"task_{number}", mapped[task], states.get(task) if states else None)
        for number, task in enumerate(tasks)
    }
    for task in tasks:
        for node, state in nodes[task].items():
            graph.node(
                node,
                label=f"{task.name} <map>" if mapped[task] else task.name,
                shape="box" if mapped[task] else "ellipse",
                **_fill(state, states is not None),
            )
    for task in tasks:
        for edge in sorted(flow.edges_from(task), key=_edge_order):
            _draw_edge(graph, edge, list(nodes[task]), list(nodes[edge.downstream_task]))
    return graph


def _states_of(flow_state: State | None) -> dict[Task, Any] | None:
    if flow_state is None:
        return None
    return flow_state.result if isinstance(flow_state.result, dict) else {}


def _nodes(name: str, mapped: bool, state: Any) -> dict[str, Any]:
    """Return the names of a task's nodes, each with its state."""
    elements = getattr(state, "map_states", None) if mapped else None
    if not elements or len(elements) > MOST_ELEMENTS:
        return {name: state}
    return {f"{name}_{index}": element for index, element in enumerate(elements)}


def _fill(state: Any, colored: bool) -> dict[str, str]:
    if not colored:
        return {}
    color = (state.color if state is not None else _NO_STATE_COLOR) + _HALF_TRANSPARENT
    return {"color": color, "style": "filled", "colorscheme": "svg"}


def _edge_order(edge: Edge) -> tuple[str, bool, bool, str]:
    return (edge.key or "", edge.mapped, edge.flattened, edge.downstream_task.name)


def _draw_edge(graph: Any, edge: Edge, tails: list[str], heads: list[str]) -> None:
    looks: dict[str, str] = {}
    if edge.key:
        looks["label"] = edge.key
    if edge.mapped:
        looks["style"] = "dashed"
    if edge.mapped and not edge.flattened and len(tails) > 1 and len(heads) > 1:
        pairs = list(zip(tails, heads, strict=False))
    else:
        pairs = [(tail, head) for tail in tails for head in heads]
    for tail, head in pairs:
        graph.edge(tail, head, **looks)
