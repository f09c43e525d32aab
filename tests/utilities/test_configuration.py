"""The configuration: its layers, conversions, errors, and temporary changes."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import configuration
from prefectlite.configuration import (
    Config,
    interpolate_config,
    interpolate_env_vars,
    load_configuration,
    load_default_config,
    process_task_defaults,
    string_to_type,
    to_environment_variables,
    validate_config,
)
from prefectlite.exceptions import ConfigurationError
from prefectlite.utilities.configuration import set_temporary_config

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a configuration from texts and variables with the prefix TEST."""

    def loader(text: str, user: str | None = None, **variables: str) -> Config:
        defaults = tmp_path / "defaults.toml"
        defaults.write_text(text)
        user_path = None
        if user is not None:
            user_path = str(tmp_path / "user.toml")
            Path(user_path).write_text(user)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_configuration(str(defaults), user_config_path=user_path, env_var_prefix="TEST")

    return loader


class TestConfigObject:
    def test_keys_are_attributes_at_every_level(self) -> None:
        config = Config(a={"b": {"c": 1}}, items_of=[{"d": 2}])
        assert config.a.b.c == 1
        assert config.items_of[0].d == 2
        assert isinstance(config.a, dict)

    def test_dictionaries_become_config_when_set(self) -> None:
        config = Config()
        config.a = {"b": 1}
        config["c"] = {"d": 2}
        config.update(e={"f": 3})
        config.setdefault("g", {"h": 4})
        assert (config.a.b, config.c.d, config.e.f, config.g.h) == (1, 2, 3, 4)

    def test_a_missing_key_is_both_errors(self) -> None:
        for error in (AttributeError, KeyError):
            with pytest.raises(error, match="no attribute 'nothing'"):
                _ = Config().nothing
            with pytest.raises(error):
                del Config().nothing
        assert not hasattr(Config(), "nothing")
        assert Config().get("nothing", 1) == 1

    def test_it_equals_and_becomes_a_plain_dictionary(self) -> None:
        config = Config(a={"b": [1, {"c": 2}]})
        assert config == {"a": {"b": [1, {"c": 2}]}}
        plain = config.to_dict()
        assert type(plain["a"]) is type(plain["a"]["b"][1]) is dict
        assert json.loads(json.dumps(config)) == plain

    def test_it_is_copied_and_pickled(self) -> None:
        config = Config(a={"b": [1]})
        shallow, deep = config.copy(), copy.deepcopy(config)
        assert shallow.a is config.a
        assert deep.a is not config.a
        assert type(copy.copy(config)) is type(deep) is Config
        loaded = pickle.loads(pickle.dumps(config))
        assert loaded == config
        assert loaded.a.b == [1]

    def test_its_keys_are_listed(self) -> None:
        assert "mine" in dir(Config(mine=1))
        assert repr(Config(a={"b": 1})) == "Config({'a': Config({'b': 1})})"
        assert str(Config(a={"b": 1})) == "{'a': {'b': 1}}"


class TestStrings:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("true", True),
            ("True", True),
            ("FALSE", False),
            ("5", 5),
            ("-1", -1),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("None", None),
            ("null", "null"),
            ("yes", "yes"),
            ("", ""),
            (" 1", " 1"),
            ("'text'", "text"),
            ("(1, 2)", (1, 2)),
            ("[1, 2]", [1, 2]),
            ("['a']", ["a"]),
            ("[true, null]", [True, None]),
            ('{"a": {"b": false}}', {"a": {"b": False}}),
            ("{not json}", "{not json}"),
            ("a.b.c", "a.b.c"),
            ("'\\d'", "\\d"),
            ("s3://bucket/key", "s3://bucket/key"),
        ],
    )
    def test_they_become_what_they_stand_for(self, text: str, value: Any) -> None:
        converted = string_to_type(text)
        assert converted == value
        assert type(converted) is type(value)

    def test_variables_and_home_are_filled_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_FOO", "bar")
        monkeypatch.setenv("TEST_OUTER", "$TEST_FOO/x")
        assert interpolate_env_vars("$TEST_FOO ${TEST_FOO}") == "bar bar"
        assert interpolate_env_vars("$TEST_OUTER") == "bar/x"
        assert interpolate_env_vars("~/a") == f"{os.environ['HOME']}/a"
        assert interpolate_env_vars("$TEST_NOTHING") == "$TEST_NOTHING"
        assert interpolate_env_vars(1) == 1
        monkeypatch.setenv("TEST_NUMBER", "7")
        monkeypatch.setenv("TEST_NAMES_IT", "$TEST_NUMBER")
        assert interpolate_env_vars("$TEST_NUMBER") == "7"
        assert interpolate_env_vars("$TEST_NAMES_IT") == 7

    def test_a_variable_that_names_itself_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_SELF", "x$TEST_SELF")
        assert interpolate_env_vars("$TEST_SELF").startswith("xx")


class TestLayers:
    def test_the_users_file_wins_over_the_defaults(self, load: Load) -> None:
        config = load("[s]\na = 1\nb = 2\n", "[s]\nb = 3\n[new]\nc = 4\n")
        assert config == {"s": {"a": 1, "b": 3}, "new": {"c": 4}}

    def test_variables_win_over_both(self, load: Load) -> None:
        config = load("[s]\na = 1\n", "[s]\na = 2\n", TEST__S__A="3", TEST__S__T__DEEP="true")
        assert config == {"s": {"a": 3, "t": {"deep": True}}}

    def test_a_users_file_need_not_exist(self, load: Load, tmp_path: Path) -> None:
        load("a = 1")
        found = load_configuration(
            str(tmp_path / "defaults.toml"), user_config_path=str(tmp_path / "none.toml")
        )
        assert found == {"a": 1}

    def test_the_third_file_wins_over_the_users(self, load: Load, tmp_path: Path) -> None:
        load("a = 1", "a = 2")
        (tmp_path / "third.toml").write_text("a = 3")
        paths = [str(tmp_path / name) for name in ("defaults.toml", "user.toml", "third.toml")]
        assert load_configuration(*paths).a == 3

    def test_strings_in_files_are_converted_too(self, load: Load) -> None:
        assert load("a = '5'\nb = 'true'\nc = ['5']\n") == {"a": 5, "b": True, "c": ["5"]}

    def test_json_values_keep_their_types(self, load: Load) -> None:
        config = load("", TEST__A='{"b": {"c": "1"}, "d": [null, "2"]}', TEST__A__E="3")
        assert config == {"a": {"b": {"c": "1"}, "d": [None, "2"], "e": 3}}

    def test_names_of_secrets_keep_their_case(self, load: Load) -> None:
        config = load("", TEST__CONTEXT__SECRETS__AWS_Key="k", TEST__CONTEXT__Other="1")
        assert config == {"context": {"secrets": {"AWS_Key": "k"}, "other": 1}}

    def test_other_prefixes_are_left_alone(self, load: Load) -> None:
        assert load("a = 1", TEST_A="2", XTEST__A="3") == {"a": 1}


class TestInterpolation:
    def test_keys_are_named_by_their_path(self, load: Load) -> None:
        config = load("[s]\na = 1\nb = '${s.a}'\nc = 'x ${s.a} ${s.b}'\nl = [1]\nm = '${s.l}'\n")
        assert config.s == {"a": 1, "b": 1, "c": "x 1 1", "l": [1], "m": [1]}

    def test_what_is_not_there_is_empty(self, load: Load) -> None:
        assert load("a = '${nothing.at.all}'\n[s]\nb = 1\nc = '${s}'\n") == {
            "a": "",
            "s": {"b": 1, "c": ""},
        }

    def test_the_environment_is_looked_at_first(self, load: Load) -> None:
        config = load("a = '$TEST_HERE/x'\nb = '${TEST_HERE}'\n", TEST_HERE="/h")
        assert config == {"a": "/h/x", "b": "/h"}

    def test_circles_end(self) -> None:
        circle = interpolate_config({"a": "${b}", "b": "${a}"})
        assert set(circle) == {"a", "b"}


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[logging]\nlevel = \n", 2),
            ('a = 1\n\nb = "unclosed\n', 3),
            ("[s]\na = 1\n[s]\n", 3),
            ("a = 1\nb = [1,\n", 2),
            ("a 1", 1),
        ],
    )
    def test_a_broken_file_is_named_with_its_line(
        self, load: Load, tmp_path: Path, text: str, line: int
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load("", text)
        assert f"{tmp_path / 'user.toml'}, line {line}:" in str(caught.value)

    def test_another_encoding_is_named_with_its_line(self, load: Load, tmp_path: Path) -> None:
        load("")
        path = tmp_path / "latin.toml"
        path.write_bytes(b'a = 1\nb = "\xe9"\n')
        with pytest.raises(ConfigurationError, match=r"latin\.toml, line 2: .*UTF-8"):
            load_configuration(str(path))

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load_configuration(str(tmp_path))

    def test_missing_defaults_are_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            load_configuration(str(tmp_path / "none.toml"))

    def test_a_value_in_place_of_a_section(self, load: Load) -> None:
        with pytest.raises(ConfigurationError, match=r'user\.toml, line 2: .*"t" is a section'):
            load("[s.t]\na = 1\n", "[s]\nt = 5\n")

    def test_a_variable_in_place_of_a_section(self, load: Load) -> None:
        with pytest.raises(ConfigurationError, match=r"TEST__S .*is a section.*TEST__S__A"):
            load("[s]\na = 1\n", TEST__S="5")

    def test_a_variable_below_a_value_and_no_word_of_the_value(self, load: Load) -> None:
        with pytest.raises(ConfigurationError, match="TEST__S__A__B") as caught:
            load("[s]\na = 'hidden'\n", TEST__S__A__B="5")
        assert "hidden" not in str(caught.value)

    def test_a_variable_with_an_empty_part(self, load: Load) -> None:
        with pytest.raises(ConfigurationError, match="TEST__S____A"):
            load("[s]\na = 1\n", TEST__S____A="5")

    @pytest.mark.parametrize("key", ["keys", "items", "to_dict", "update", "pop", "copy"])
    def test_keys_that_hide_a_method(self, load: Load, key: str) -> None:
        with pytest.raises(ConfigurationError, match=f'Invalid config key: "{key}"'):
            load(f"[s.t]\n{key} = 1\n")
        with pytest.raises(ValueError, match=rf"s\.t\.{key}"):
            validate_config(Config(s={"t": {key: 1}}))


class TestTaskDefaults:
    def test_seconds_become_a_delay(self) -> None:
        config = Config(tasks={"defaults": {"max_retries": 3, "retry_delay": 5, "timeout": 7}})
        assert process_task_defaults(config).tasks.defaults == {
            "max_retries": 3,
            "retry_delay": timedelta(seconds=5),
            "timeout": 7,
        }

    @pytest.mark.parametrize("tasks", [{}, {"tasks": {}}, {"tasks": {"defaults": {}}}])
    def test_nothing_given(self, tasks: dict[str, Any]) -> None:
        defaults = process_task_defaults(Config(tasks)).tasks.defaults
        assert defaults == {"max_retries": 0, "retry_delay": None, "timeout": None}

    def test_false_is_none_and_zero_is_zero(self) -> None:
        config = Config(tasks={"defaults": {"retry_delay": False, "timeout": False}})
        assert process_task_defaults(config).tasks.defaults.retry_delay is None
        config = Config(tasks={"defaults": {"retry_delay": 0, "timeout": 0}})
        defaults = process_task_defaults(config).tasks.defaults
        assert (defaults.retry_delay, defaults.timeout) == (timedelta(0), 0)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("max_retries", "many"), ("max_retries", True), ("retry_delay", "1s"), ("timeout", [1])],
    )
    def test_other_types_are_refused(self, key: str, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=rf"tasks\.defaults\.{key}"):
            process_task_defaults(Config(tasks={"defaults": {key: value}}))


class TestEnvironmentVariables:
    def test_there_and_back(self, load: Load) -> None:
        config = Config(s={"a": 1, "b": True, "c": None, "d": [1, "x"], "e": "text"})
        variables = to_environment_variables(config, prefix="TEST")
        assert variables["TEST__S__A"] == "1"
        assert load("", **variables) == config

    def test_only_what_is_asked_for(self) -> None:
        config = Config(s={"a": 1, "b": 2})
        assert to_environment_variables(config, include=["s.a"]) == {"PREFECTLITE__S__A": "1"}
        assert to_environment_variables(config, include=["s", "none"]) == {}


class TestUserFile:
    def test_it_begins_as_a_copy_of_the_defaults(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "config.toml"
        configuration.create_user_config(str(path))
        assert configuration.load_toml(str(path)) == configuration.load_toml(
            configuration.DEFAULT_CONFIG
        )
        with pytest.raises(ValueError, match="already exists"):
            configuration.create_user_config(str(path))


class TestTemporary:
    def test_dotted_keys(self) -> None:
        before = prefectlite.config
        with set_temporary_config({"flows.checkpointing": True, "x.y.z": 3, "new": 1}):
            assert prefectlite.config is before
            assert prefectlite.config.flows.checkpointing is True
            assert prefectlite.config.flows.run_on_schedule is True
            assert prefectlite.context.config.x.y.z == 3
            assert prefectlite.config.new == 1
        assert prefectlite.config.flows.checkpointing is None
        assert "x" not in prefectlite.config
        assert "new" not in prefectlite.context.config

    def test_a_dictionary_replaces_its_section(self) -> None:
        with set_temporary_config({"logging": {"level": "DEBUG"}}):
            assert prefectlite.config.logging == {"level": "DEBUG"}

    def test_they_nest_and_survive_errors(self) -> None:
        with set_temporary_config({"flows.checkpointing": True}):
            with (
                pytest.raises(KeyError),
                set_temporary_config({"flows.checkpointing": False, "a": 1}),
            ):
                raise KeyError
            assert prefectlite.config.flows.checkpointing is True
        assert prefectlite.config.flows.checkpointing is None

    def test_a_context_of_ones_own_is_laid_over(self) -> None:
        with (
            prefectlite.context(config={"mine": 1}),
            set_temporary_config({"flows.checkpointing": True}),
        ):
            assert prefectlite.context.config.flows.checkpointing is True
            assert prefectlite.context.config.mine == 1


class TestDefaults:
    def test_what_the_documentation_names(self) -> None:
        config = load_default_config()
        assert config.logging.level == "INFO"
        assert config.flows.checkpointing is None
        assert config.flows.eager_edge_validation is False
        assert config.tasks.defaults == {"max_retries": 0, "retry_delay": None, "timeout": None}
        assert config.engine.executor.default_class == "prefectlite.executors.LocalExecutor"
        assert config.home_dir == os.environ["PREFECTLITE__HOME_DIR"]

    @pytest.mark.parametrize("key", ["executor", "flow_runner", "task_runner"])
    def test_default_classes_exist(self, key: str) -> None:
        from prefectlite.utilities.importtools import import_object

        assert isinstance(import_object(prefectlite.config.engine[key].default_class), type)


def import_prefectlite(code: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Import prefectlite in a new interpreter with these variables."""
    return subprocess.run(
        [sys.executable, "-c", f"import prefectlite; {code}"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


class TestImport:
    def test_the_users_file_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text("[context.secrets]\nTOKEN = 'abc'\n[mine]\nvalue = 7\n")
        done = import_prefectlite(
            "print(prefectlite.config.mine.value, prefectlite.context.secrets['TOKEN'])",
            PREFECTLITE__USER_CONFIG_PATH=str(path),
        )
        assert done.stdout.split() == ["7", "abc"], done.stderr

    def test_a_broken_file_stops_the_import_and_names_the_line(self, tmp_path: Path) -> None:
        path = tmp_path / "broken.toml"
        path.write_text("[logging]\nlevel == 'INFO'\n")
        done = import_prefectlite(PREFECTLITE__USER_CONFIG_PATH=str(path))
        assert done.returncode != 0
        assert f"ConfigurationError: {path}, line 2:" in done.stderr

    def test_an_unknown_level_is_named(self) -> None:
        done = import_prefectlite(PREFECTLITE__LOGGING__LEVEL="LOUD")
        assert "ConfigurationError: Unknown level: 'LOUD'" in done.stderr

    def test_variables_are_read(self) -> None:
        done = import_prefectlite(
            "print(prefectlite.config.flows.checkpointing, prefectlite.context.secrets)",
            PREFECTLITE__FLOWS__CHECKPOINTING="true",
            PREFECTLITE__CONTEXT__SECRETS__Key='{"a": 1}',
        )
        assert done.stdout.strip() == "True {'Key': {'a': 1}}"
