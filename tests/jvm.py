"""A Java machine of this computer for `export/android`: compiles its Kotlin, and programs beside it.

Kotlin's compiler comes with the package of a Jupyter kernel, whose archive holds it whole.
"""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

import tsm_edge.export

__all__ = ["ANDROID", "compile_java", "compile_kotlin", "needs_jvm", "run_java"]

ANDROID = Path(tsm_edge.export.__path__[0]) / "android"
PROGRAMS = Path(__file__).parent / "java"
# Android's own org.json, as Debian packages it.
JSON = Path("/usr/share/java/com.android.json.jar")
FLAGS = ("-Werror", "-no-stdlib", "-no-reflect", "-jvm-target", "11")


def _kotlin_jars() -> list[Path]:
    spec = find_spec("run_kotlin_kernel")
    folders = (spec and spec.submodule_search_locations) or ()
    return [jar for folder in folders for jar in Path(folder).glob("jars/*.jar")]


def _kotlin_jar(pattern: str) -> Path:
    (jar,) = (jar for jar in _kotlin_jars() if jar.match(pattern))
    return jar


def _missing() -> str:
    for program in ("javac", "java"):
        if shutil.which(program) is None:
            return f"{program} is missing; on Debian: apt-get install default-jdk-headless"
    if not JSON.is_file():
        return "Android's org.json is missing; on Debian: apt-get install libandroid-json-java"
    if not _kotlin_jars():
        return "Kotlin's compiler is missing: pip install --no-deps kotlin-jupyter-kernel"
    return ""


needs_jvm = pytest.mark.skipif(bool(_missing()), reason=_missing() or "all is here")


def compile_kotlin(work: Path) -> list[Path]:
    """The sources for Android and their example, warnings being errors; returns what a program needs to run them."""
    interfaces = compile_java(sorted((PROGRAMS / "api").rglob("*.java")), [], work / "api")
    classpath = [JSON, _kotlin_jar("kotlin-stdlib-*.jar"), interfaces]
    sources = sorted(ANDROID.rglob("*.kt"))
    compiler = [
        "java",
        "-cp",
        _kotlin_jar("kotlin-jupyter-kernel-*.jar"),
        "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
    ]
    _run([*compiler, *FLAGS, "-classpath", _joined(classpath), "-d", work / "kotlin", *sources])
    return [work / "kotlin", *classpath]


def compile_java(sources: list[Path], classpath: list[Path], output: Path) -> Path:
    """Compile Java sources into a folder."""
    _run(["javac", "-Xlint:all,-options", "-Werror", "-cp", _joined(classpath), "-d", output, *sources])
    return output


def run_java(program: str, classpath: list[Path], library: Path, *arguments: object) -> str:
    """Run a program of tests/java beside the native library in its folder, every native call being checked."""
    sources = sorted(PROGRAMS.glob("*.java"))
    output = classpath[0].parent / "programs"
    if not output.is_dir():
        compile_java(sources, classpath, output)
    options = ["-Xcheck:jni", f"-Djava.library.path={library.parent}", "-Xmx256m", "-Dfile.encoding=UTF-8"]
    said = _run(["java", *options, "-ea", "-cp", _joined([output, *classpath]), program, *arguments])
    assert "WARNING" not in said, said
    return said


def _joined(classpath: list[Path]) -> str:
    return ":".join(map(str, classpath))


def _run(command: list[object]) -> str:
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, encoding="utf-8", env=environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
