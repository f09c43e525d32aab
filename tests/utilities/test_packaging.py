"""The package as it is installed: wheel, source archive and editable, each tried for real."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = (
    *("setup.cfg", "setup.py", "pyproject.toml", "MANIFEST.in", "Makefile"),
    *("README.md", "CHANGELOG.md", "LICENSE"),
)

# Run in the environment where the package was installed, from a folder without the source.
CHECK = """
import pathlib, sys
import prefectlite
import prefectlite.executors.local
from prefectlite import Flow, executors, task
from prefectlite.configuration import DEFAULT_CONFIG

assert executors.__name__ == "prefectlite.executors"
assert prefectlite.config.logging.level == "INFO"
assert pathlib.Path(DEFAULT_CONFIG).is_file()
assert pathlib.Path(prefectlite.__file__).with_name("py.typed").is_file()
with Flow("installed") as flow:
    doubled = task(lambda x: 2 * x).map([1, 2])
state = flow.run(executor=executors.LocalExecutor())
assert state.result[doubled].result == [2, 4], state
print(pathlib.Path(prefectlite.__file__).parent)
"""


def run(*command: str, cwd: Path) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source, so that nothing is built into the repository."""
    copied = tmp_path_factory.mktemp("source") / "prefectlite"
    copied.mkdir()
    for name in PACKAGING:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copied / name)
    for name in ("prefectlite", "executors"):
        shutil.copytree(
            ROOT / name,
            copied / name,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    return copied


@pytest.fixture(scope="module")
def archives(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("archives")
    run(
        *(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)),
        cwd=folder,
    )
    return folder


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Installs into a new environment and says where the package is then."""

    def installer(*arguments: str) -> str:
        folder = tmp_path / "venv"
        run(sys.executable, "-m", "venv", "--without-pip", str(folder), cwd=tmp_path)
        # What prefectlite needs is taken from where the tests run, behind what is installed here.
        # A prefectlite that is installed there too stays hidden: its own .pth file is not read.
        (packages,) = folder.glob("lib/python*/site-packages")
        paths = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
        (packages / "dependencies.pth").write_text("\n".join(sorted(paths)))
        python = str(folder / "bin" / "python")
        run(
            *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
            *("--disable-pip-version-check", "--ignore-installed", "--no-deps"),
            *("--no-build-isolation", "--no-index", *arguments),
            cwd=tmp_path,
        )
        return run(python, "-c", CHECK, cwd=tmp_path).strip().splitlines()[-1]

    yield installer
    shutil.rmtree(tmp_path / "venv", ignore_errors=True)


def test_the_wheel_holds_everything_and_nothing_else(archives: Path, source: Path) -> None:
    (wheel,) = archives.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(source))
        for path in (source / "prefectlite").rglob("*")
        if path.suffix in (".py", ".toml", ".typed")
        and not path.is_relative_to(source / "prefectlite" / "executors")
    }
    expected |= {f"prefectlite/executors/{path.name}" for path in source.glob("executors/*.py")}
    assert names == expected


def test_the_source_archive_has_each_file_once(archives: Path) -> None:
    (archive,) = archives.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = [name.partition("/")[2] for name in opened.getnames()]
    assert len(names) == len(set(names))
    assert {"executors/base.py", "prefectlite/config.toml", "Makefile", "LICENSE"} <= set(names)
    assert not any(name.startswith("prefectlite/executors") for name in names)


def test_the_wheel_works(archives: Path, install: Callable[..., str], tmp_path: Path) -> None:
    (wheel,) = archives.glob("*.whl")
    assert install(str(wheel)).startswith(str(tmp_path / "venv"))


def test_a_checkout_without_links_works(
    source: Path, install: Callable[..., str], tmp_path: Path
) -> None:
    copied = tmp_path / "without-links"
    shutil.copytree(source, copied, symlinks=True)
    (copied / "prefectlite" / "executors").unlink()
    # This is what git leaves where links cannot be made.
    (copied / "prefectlite" / "executors").write_text("../executors")
    assert install(str(copied)).startswith(str(tmp_path / "venv"))


def test_an_editable_installation_works(source: Path, install: Callable[..., str]) -> None:
    assert install("--editable", str(source)) == str(source / "prefectlite")
