"""Debugging, imports by name, files by URL, diagnostics."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, configuration, context, task
from prefectlite.engine import signals
from prefectlite.utilities import diagnostics
from prefectlite.utilities.debug import is_serializable, raise_on_exception
from prefectlite.utilities.filesystems import ParsedPath, parse_path, read_bytes_from_path
from prefectlite.utilities.importtools import import_object


class Unloadable:
    """Pickles, and cannot be loaded."""

    def __reduce__(self) -> Any:
        return int, ("not a number",)


class TestRaiseOnException:
    def test_it_is_a_key_of_the_context(self) -> None:
        with raise_on_exception():
            assert context.raise_on_exception is True
        assert "raise_on_exception" not in context

    def test_a_tasks_exception_leaves_the_run(self) -> None:
        with Flow("f") as flow:
            task(lambda: 1 / 0)()
        with pytest.raises(ZeroDivisionError), raise_on_exception():
            flow.run()
        assert flow.run().is_failed()

    def test_a_signal_does_not(self) -> None:
        @task
        def skip() -> None:
            raise signals.SKIP("no need")

        with Flow("f") as flow:
            skipped = skip()
        with raise_on_exception():
            state = flow.run()
        assert state.result[skipped].is_skipped()


class TestIsSerializable:
    @pytest.mark.parametrize("value", [1, "text", lambda: 1, task(lambda: 1), Flow("f")])
    def test_what_can_be_sent(self, value: Any) -> None:
        assert is_serializable(value)

    def test_what_cannot_be_pickled(self) -> None:
        assert not is_serializable(threading.Lock())
        with pytest.raises(TypeError, match="lock"):
            is_serializable(threading.Lock(), raise_on_error=True)

    def test_what_cannot_be_loaded_tells_why(self) -> None:
        assert not is_serializable(Unloadable())
        with pytest.raises(subprocess.CalledProcessError) as caught:
            is_serializable(Unloadable(), raise_on_error=True)
        assert b"invalid literal for int()" in caught.value.output


class TestImportObject:
    def test_modules_and_attributes(self) -> None:
        assert import_object("os.path.join") is import_object("os.path:join")
        assert import_object("json") is json
        assert import_object("prefectlite.Flow") is Flow
        assert import_object("prefectlite.core.flow:Flow.run") is Flow.run

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("", ValueError),
            (":x", ValueError),
            ("no_such_module", ModuleNotFoundError),
            ("no_such_module.x", ModuleNotFoundError),
            ("json.nothing", AttributeError),
            ("json:nothing", AttributeError),
        ],
    )
    def test_what_is_not_there(self, name: str, error: type[Exception]) -> None:
        with pytest.raises(error):
            import_object(name)

    def test_a_module_that_lacks_another_says_which(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = tmp_path / "package_for_test"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "inner.py").write_text("import module_that_nobody_has")
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(ModuleNotFoundError, match="module_that_nobody_has"):
            import_object("package_for_test.inner")


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "parts"),
        [
            ("/a/b", ("file", "", "/a/b")),
            ("a/b", ("file", "", "a/b")),
            ("~/a", ("file", "", "~/a")),
            ("file:///a/b", ("file", "", "/a/b")),
            ("s3://bucket/a/b", ("s3", "bucket", "/a/b")),
            ("https://host:1/p?q=1", ("https", "host:1", "/p")),
            ("/a b/#c?d", ("file", "", "/a b/#c?d")),
        ],
    )
    def test_their_parts(self, path: str, parts: tuple[str, str, str]) -> None:
        assert parse_path(path) == ParsedPath(*parts)

    def test_files_are_read(self, tmp_path: Path) -> None:
        file = tmp_path / "data.bin"
        file.write_bytes(b"data")
        assert read_bytes_from_path(str(file)) == b"data"
        assert read_bytes_from_path(file.as_uri()) == b"data"
        with pytest.raises(FileNotFoundError):
            read_bytes_from_path(str(tmp_path / "none"))

    def test_stores_are_read(self) -> None:
        import fsspec

        with fsspec.open("memory://bucket/key", "wb") as file:
            file.write(b"stored")
        assert read_bytes_from_path("memory://bucket/key") == b"stored"

    def test_an_unknown_scheme_is_named(self) -> None:
        with pytest.raises(ValueError, match="Unsupported file scheme nothing://x/y"):
            read_bytes_from_path("nothing://x/y")


class TestDiagnostics:
    def test_it_is_json_and_shows_no_value(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "user.toml"
        path.write_text(
            "[logging]\nlevel = 'INFO'\ndatefmt = 'hidden'\n[context.secrets]\nTOKEN = 'hidden'\n"
        )
        monkeypatch.setattr(configuration, "USER_CONFIG", str(path))
        monkeypatch.setenv("PREFECTLITE__CONTEXT__SECRETS__KEY", "hidden")
        with Flow("f") as flow:
            task(lambda: 1)()
        text = diagnostics.diagnostic_info(flow)
        assert "hidden" not in text
        assert "TOKEN" not in text
        found = json.loads(text)
        assert found["config_overrides"] == {
            "logging": {"datefmt": True},
            "context": {"secrets": False},
        }
        assert "PREFECTLITE__CONTEXT__SECRETS__KEY" in found["env_vars"]
        assert found["flow_information"]["task_count"] == 1
        assert found["flow_information"]["schedule"] is False
        assert found["system_information"]["python_version"] == sys.version.split()[0]
        assert found["system_information"]["prefectlite_version"] == prefectlite.__version__

    def test_names_of_secrets_are_shown_on_request(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "user.toml"
        path.write_text("[context.secrets]\nTOKEN = 'hidden'\n")
        monkeypatch.setattr(configuration, "USER_CONFIG", str(path))
        text = diagnostics.diagnostic_info(include_secret_names=True)
        assert "TOKEN" in text
        assert "hidden" not in text

    def test_without_a_users_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(configuration, "USER_CONFIG", "/nowhere/config.toml")
        assert diagnostics.config_overrides() == {"config_overrides": {}}
        assert "flow_information" not in json.loads(diagnostics.diagnostic_info())
