import subprocess


def test_pack_says_what_to_type_on_the_device(tsm_edge, compiled_path, tmp_path):
    archive = tmp_path / "small.tar.gz"
    first, second = tsm_edge("bundle", "pack", compiled_path, "--output", archive).stdout.splitlines()
    assert first.startswith(f"{archive} (")
    command = second.removeprefix("on the device: ")
    subprocess.run(f"{command} --prefix installed", shell=True, check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "installed" / "manifest.json").is_file()


def test_no_bundle_is_one_line(tsm_edge, tmp_path):
    stderr = tsm_edge("bundle", "pack", tmp_path / "none", code=1).stderr
    assert stderr.startswith("tsm-edge: no bundle at")
    assert stderr.count("\n") == 1


def test_verbose_shows_the_traceback(tsm_edge, tmp_path):
    assert "Traceback" in tsm_edge("bundle", "pack", tmp_path / "none", "-v", code=1).stderr


def test_a_group_alone_shows_its_commands(tsm_edge):
    assert "pack" in tsm_edge("bundle", "--help").stdout
