"""The module for Android Studio in a bundle: every file in its place, and none of them twice on the disk."""

import os
import re

import pytest
from jvm import ANDROID

from tsm_edge.bundle import LIBRARY, WEIGHTS
from tsm_edge.targets import TARGETS

PHONES = [name for name, target in TARGETS.items() if target.libc == "bionic"]
LINKED = {f"src/main/jniLibs/arm64-v8a/{LIBRARY}": LIBRARY, f"src/main/assets/tsm_edge/{WEIGHTS}": WEIGHTS}


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["galaxy-note8", "android-arm64", "android-arm64-dotprod"])
def test_module_has_sources_library_and_weights(bundle_for, name):
    bundle = bundle_for(name)
    module = bundle.path / "android"
    assert files_below(module) == files_below(ANDROID) | set(LINKED)
    assert all(f"android/{file}" in bundle.manifest.files for file in files_below(module))
    assert bundle.check_files() == len(bundle.manifest.files)


def test_library_and_weights_lie_on_the_disk_once(bundle_for):
    path = bundle_for("galaxy-note8").path
    for there, here in LINKED.items():
        assert (path / here).samefile(path / "android" / there)


def test_copies_do_where_links_do_not(bundle_for, monkeypatch, tmp_path):
    from tsm_edge.export.phones import write_phone_files

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    bundle = bundle_for("galaxy-note8")
    for name in (LIBRARY, WEIGHTS):
        (tmp_path / name).write_bytes((bundle.path / name).read_bytes())
    write_phone_files(tmp_path, bundle.manifest.target)
    for there, here in LINKED.items():
        assert (tmp_path / "android" / there).read_bytes() == (bundle.path / here).read_bytes()


def test_other_bundles_have_none(bundle_for):
    assert not (bundle_for("host").path / "android").exists()


def test_files_name_what_is_there():
    """The readme's table, the asset's path in Kotlin and the class in the rules for R8."""
    readme = (ANDROID / "README.md").read_text()
    named = re.findall(r"^\| `([^`]+)`(?:, `([^`]+)`)? \|", readme, re.MULTILINE)
    there = {*files_below(ANDROID), *LINKED, "src/main/kotlin/dev/tsmedge/"}
    assert {file for files in named for file in files if file} <= there
    kotlin = (ANDROID / "src" / "main" / "kotlin" / "dev" / "tsmedge" / "Android.kt").read_text()
    assert f'"tsm_edge/{WEIGHTS}"' in kotlin
    assert "class dev.tsmedge.Native {" in (ANDROID / "consumer-rules.pro").read_text()
    assert "minSdk = 24" in (ANDROID / "build.gradle.kts").read_text()
