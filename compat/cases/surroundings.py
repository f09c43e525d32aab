"""The context, and the utilities."""

from __future__ import annotations

import os
import pickle
from typing import Any

from compat.harness import case, plain, raised_type, raises


@case
def context_set_and_restore(p: Any) -> Any:
    context = p.context
    seen = [context.get("mine")]
    with context(mine=1) as inner:
        seen += [inner is context, context.mine, context["mine"], "mine" in context]
        with context({"mine": 2, "more": 3}):
            seen += [context.mine, context.more]
        seen += [context.mine, context.get("more")]
    return [
        *seen,
        context.get("mine"),
        raises(lambda: context.mine).get("raised"),
        raises(lambda: context["mine"]).get("raised"),
    ]


@case
def context_restores_after_an_error(p: Any) -> Any:
    try:
        with p.context(mine=1):
            p.context.other = 5
            raise ValueError
    except ValueError:
        pass
    return [p.context.get("mine"), p.context.get("other")]


@case
def context_merges_dictionaries(p: Any) -> Any:
    with p.context(a={"x": 1, "y": {"z": 1}}), p.context(a={"y": {"w": 2}}):
        return plain(p.context.to_dict()["a"])


@case
def context_config_is_the_config(p: Any) -> Any:
    with p.context(config={"mine": 4}):
        within = [p.context.config.get("mine"), "flows" in p.context.config]
    return [within, p.context.config.get("mine")]


@case
def context_types(p: Any) -> Any:
    with p.context(d={"a": 1}):
        return [
            type(p.context).__name__,
            type(p.context.d).__name__,
            type(p.context.to_dict()["d"]).__name__,
            type(p.context.copy()).__name__,
            repr(p.context)[:20],
        ]


@case
def context_is_per_thread(p: Any) -> Any:
    import threading

    seen: Any = []
    with p.context(mine=1):
        thread = threading.Thread(target=lambda: seen.append(p.context.get("mine")))
        thread.start()
        thread.join()
    return seen


@case
def context_secrets(p: Any) -> Any:
    with p.context(secrets={"S": "v"}):
        return plain(
            p.context.secrets.to_dict()
            if hasattr(p.context.secrets, "to_dict")
            else dict(p.context.secrets)
        )


@case
def dot_dict(p: Any) -> Any:
    DotDict = p.module("utilities.collections").DotDict
    d = DotDict({"a": 1, "b": {"c": 2}}, e=3)
    d.f = 4
    d["g"] = 5
    copied = d.copy()
    copied.a = 9
    del d["e"]
    return [
        d.a,
        d["f"],
        d.g,
        type(d.b).__name__,
        d.get("zz", 7),
        sorted(d),
        len(d),
        "a" in d,
        raises(lambda: d.zz).get("raised"),
        raises(lambda: d["zz"]).get("raised"),
        copied.a,
        repr(DotDict(a=1)),
        plain(DotDict(a={"b": 1}).to_dict()),
        DotDict(a=1) == {"a": 1},
        DotDict(a=1) == DotDict(a=1),
        raises(setattr, d, "update", 1).get("raised"),
        raises(DotDict, {"get": 1}).get("raised"),
        raises(DotDict, {5: 1}).get("raised"),
        plain(dict(pickle.loads(pickle.dumps(DotDict(a=1))))),
    ]


@case
def dot_dict_attributes_deleted(p: Any) -> Any:
    DotDict = p.module("utilities.collections").DotDict
    d = DotDict(a=1)
    del d.a
    d.update({"b": 1}, c=2)
    return [
        sorted(d),
        d.pop("b"),
        raises(lambda: d.items().__class__.__name__),
        raises(delattr, d, "zz").get("raised"),
    ]


@case
def nested_dictionaries(p: Any) -> Any:
    m = p.module("utilities.collections")
    flat = m.dict_to_flatdict({"a": {"b": 1, "c": {"d": 2}}, "e": 3})
    made = m.as_nested_dict({"a": [{"b": 1}], "c": {"d": 2}})
    return [
        sorted([list(k), v] for k, v in flat.items()),
        sorted({type(k).__name__ for k in flat}),
        plain(m.flatdict_to_dict(flat, dct_class=dict)),
        type(made).__name__,
        type(made.c).__name__,
        type(made["a"][0]).__name__,
        plain(m.as_nested_dict(made, dct_class=dict)),
        plain(m.merge_dicts({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}, "e": 5})),
        plain(m.merge_dicts({"a": 1}, {"a": {"b": 2}})),
    ]


@case
def flatten_sequences(p: Any) -> Any:
    flatten_seq = p.module("utilities.collections").flatten_seq
    return [
        list(flatten_seq([1, [2, (3, [4])], "ab", {5}])),
        list(flatten_seq([])),
        list(flatten_seq(((1, 2), 3))),
        type(flatten_seq([])).__name__,
        list(flatten_seq([[["x"]], b"yz", None])),
    ]


@case(
    differs="A colon between module and name is read too.",
)
def import_object(p: Any) -> Any:
    f = p.module("utilities.importtools").import_object
    return [
        f("os.path.join") is os.path.join,
        f("os") is os,
        raised_type(f, "nothing.here"),
        raised_type(f, "os.nothing"),
        f("os.path:join") is os.path.join
        if not raises(f, "os.path:join").get("raised")
        else "no colon",
    ]


@case
def is_serializable(p: Any) -> Any:
    f = p.module("utilities.debug").is_serializable
    import threading

    return [
        f(1),
        f(lambda: 1),
        f(threading.Lock()),
        raised_type(f, threading.Lock(), raise_on_error=True),
    ]


@case
def parse_path(p: Any) -> Any:
    f = p.module("utilities.filesystems").parse_path
    return [
        list(f(s))
        for s in ("/a/b", "a/b", "s3://bucket/k/x", "file:///a/b", "gcs://b/c", "https://h/x?y=1")
    ] + [f("s3://b/k").scheme, f("s3://b/k").netloc]


@case
def read_bytes_from_path(p: Any, folder: str) -> Any:
    f = p.module("utilities.filesystems").read_bytes_from_path
    with open("x.bin", "wb") as file:
        file.write(b"abc")
    return [
        f("x.bin").decode(),
        f(folder + "/x.bin").decode(),
        f("file://" + folder + "/x.bin").decode(),
        raised_type(f, folder + "/none"),
        raised_type(f, "nope://x"),
    ]


@case
def diagnostic_information(p: Any) -> Any:
    import json

    module = p.module("utilities.diagnostics")
    info = json.loads(module.diagnostic_info())
    flow = p.Flow("f")
    flow.add_task(p.Task(name="a"))
    return [
        sorted(info),
        sorted(module.system_information()),
        sorted(module.flow_information(flow)),
        sorted(module.system_information()["system_information"]),
    ]


@case
def names_at_the_top(p: Any) -> Any:
    names = [
        "Task",
        "Flow",
        "Parameter",
        "task",
        "tags",
        "apply_map",
        "case",
        "context",
        "config",
        "unmapped",
        "flatten",
        "mapped",
        "resource_manager",
        "triggers",
        "core",
        "engine",
        "executors",
        "tasks",
        "utilities",
        "Client",
        "__version__",
    ]
    return {
        n: raises(lambda n=n: getattr(p, n) is not None).get("returned")
        for n in names
        if n not in ("Client", "case", "resource_manager")
    }


@case
def modules_that_import(p: Any) -> Any:
    names = [
        "core",
        "core.task",
        "core.flow",
        "core.edge",
        "core.parameter",
        "engine",
        "engine.state",
        "engine.signals",
        "engine.result",
        "engine.results",
        "engine.serializers",
        "engine.cache_validators",
        "engine.task_runner",
        "engine.flow_runner",
        "engine.runner",
        "executors",
        "triggers",
        "utilities.collections",
        "utilities.configuration",
        "utilities.context",
        "utilities.debug",
        "utilities.diagnostics",
        "utilities.edges",
        "utilities.filesystems",
        "utilities.importtools",
        "utilities.logging",
        "utilities.tasks",
        "tasks.core.constants",
        "tasks.core.collections",
        "tasks.core.operators",
        "tasks.core.function",
        "configuration",
        "exceptions",
    ]
    return {n: raises(lambda n=n: p.module(n) is not None).get("returned") for n in names}


@case
def operators_run(p: Any) -> Any:
    m = p.module("tasks.core.operators")
    pairs = {
        n: raises(getattr(m, n)().run, 7, 2)
        for n in [
            "Add",
            "Sub",
            "Mul",
            "Div",
            "FloorDiv",
            "Mod",
            "Pow",
            "And",
            "Or",
            "Equal",
            "NotEqual",
            "GreaterThan",
            "GreaterThanOrEqual",
            "LessThan",
            "LessThanOrEqual",
        ]
    }
    return [
        pairs,
        m.Not().run(0),
        m.GetItem().run([1, 2], 1),
        m.GetItem(default=5).run({}, "a"),
        raises(m.GetItem().run, {}, "a").get("raised"),
        m.GetAttr().run("x", "upper")(),
        m.GetAttr(default=3).run("x", "nope"),
        raises(m.GetAttr().run, "x", "nope").get("raised"),
        m.GetAttr().run(ValueError("q"), "args.__class__") is tuple,
        m.Add().name,
        m.GetItem(default=5).name,
    ]


@case
def collections_run(p: Any) -> Any:
    m = p.module("tasks.core.collections")
    with p.Flow("f") as flow:
        made = m.List().bind(1, 2, 3, flow=flow)
    return [
        m.List().run(arg_1=2, arg_2=3),
        plain(m.Tuple().run(arg_1=2)),
        plain(m.Set().run(arg_1=2)),
        m.Dict().run(keys=["a"], values=[1]),
        m.List().name,
        plain(flow.constants[made]),
        raised_type(m.List().bind, x=1, flow=flow),
    ]
