import json
import platform

from tsm_edge import __version__


def test_text_names_versions_device_and_halves(tsm_edge):
    lines = dict(line.split(maxsplit=1) for line in tsm_edge("env").stdout.splitlines())
    assert lines["tsm-edge"] == __version__
    assert lines["python"] == platform.python_version()
    assert lines["architecture"] == platform.machine()
    assert lines["name"]
    assert lines["[runtime]"] == "installed"


def test_json_holds_the_same_and_more(tsm_edge):
    report = json.loads(tsm_edge("env", "--json").stdout)
    assert report["versions"]["numpy"]
    assert report["device"]["cores"] >= 1
    assert {half["name"] for half in report["halves"]} == {"runtime", "export", "bench"}
    assert "load_1m" in report["state"]
