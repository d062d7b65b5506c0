"""Small RPM packages, built on this machine, by the names that roles ask for."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

SPEC = """\
Name: {name}
Version: 1.0
Release: {release}
Summary: Nothing but a file
License: none
BuildArch: noarch
{requires}
%description
Nothing but a file.
%install
install -d %{{buildroot}}/usr/share/toys
echo {name} >%{{buildroot}}/usr/share/toys/{name}
%files
/usr/share/toys/{name}
"""


def build(
    directory: Path,
    names: Iterable[str],
    requires: Mapping[str, str] = MappingProxyType({}),
    release: int = 1,
) -> Path:
    """One package of each name; `requires` names what a package needs."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        need = f"Requires: {requires[name]}\n" if name in requires else ""
        spec = directory / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, release=release, requires=need))
        places = [f"--define=_topdir {directory}/work", f"--define=_rpmdir {directory}"]
        subprocess.run(["rpmbuild", "-bb", "--quiet", *places, spec], check=True, capture_output=True)
        spec.unlink()
    return directory
