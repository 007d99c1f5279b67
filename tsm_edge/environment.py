"""What is installed here, from the package's own metadata: for bug reports and the records of benchmarks."""

import platform
import re
from dataclasses import dataclass
from importlib import metadata

from tsm_edge import __version__

__all__ = ["Half", "half_versions", "installed_halves", "package_versions"]

DISTRIBUTION = "tsm-edge"


@dataclass(frozen=True, kw_only=True)
class Half:
    """One half of tsm-edge, or an extra of it.

    Attributes:
        name: "runtime" for the base install, else the extra's name.
        versions: Its packages that are installed.
        missing: Its packages that are not.
        install: The command that installs it.
    """

    name: str
    versions: dict[str, str]
    missing: tuple[str, ...]
    install: str

    @property
    def sentence(self) -> str:
        """Whether it is complete, and what to do about it."""
        return f"missing {', '.join(self.missing)}; {self.install}" if self.missing else "installed"


def installed_halves() -> tuple[Half, ...]:
    """The device half, the host half and the benchmark's extra, as the distribution's metadata lists them."""
    return (
        _half("runtime", "", DISTRIBUTION),
        _half("export", "export", f"'{DISTRIBUTION}[export]'"),
        _half("bench", "bench", f"'{DISTRIBUTION}[bench]'"),
    )


def half_versions(name: str) -> dict[str, str]:
    """Versions of the packages of one half that are installed."""
    return next(half.versions for half in installed_halves() if half.name == name)


def package_versions() -> dict[str, str]:
    """Versions of tsm-edge, Python and every package of any half that is installed."""
    versions = {DISTRIBUTION: __version__, "python": platform.python_version()}
    for half in installed_halves():
        versions |= half.versions
    return versions


def _half(name: str, extra: str, requirement: str) -> Half:
    found = {package: _version(package) for package in _required_packages(extra)}
    return Half(
        name=name,
        versions={package: version for package, version in found.items() if version},
        missing=tuple(package for package, version in found.items() if not version),
        install=f"pip install {requirement}",
    )


def _required_packages(extra: str) -> list[str]:
    """Names from Requires-Dist lines such as `torch>=2.6; extra == "export"`; none is the base install."""
    packages = []
    for requirement in metadata.requires(DISTRIBUTION) or ():
        specifier, _, marker = requirement.partition(";")
        belongs_to = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        if (belongs_to.group(1) if belongs_to else "") == extra:
            packages.append(re.split(r"[^\w.-]", specifier.strip(), maxsplit=1)[0])
    return list(dict.fromkeys(packages))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
