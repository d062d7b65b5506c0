"""Small .rpm files made here by rpmbuild: packages with the names of real ones and next to nothing in them."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SPEC = """\
Name: {name}
Version: {version}
Release: 1
Summary: Toy of the tests
License: none
BuildArch: noarch
AutoReqProv: no
{relations}
%description
Toy.
%install
{install}
%files
{files}
"""
#: A chronyd that takes any settings and runs: its unit is as Red Hat's.
CHRONYD = """\
mkdir -p %{buildroot}/usr/sbin %{buildroot}/usr/lib/systemd/system
cat > %{buildroot}/usr/sbin/chronyd <<'END'
#!/bin/sh
[ "$1" = -p ] || exec sleep infinity
END
cat > %{buildroot}/usr/lib/systemd/system/chronyd.service <<'END'
[Service]
EnvironmentFile=-/etc/sysconfig/chronyd
ExecStart=/usr/sbin/chronyd $OPTIONS
[Install]
WantedBy=multi-user.target
END
chmod 755 %{buildroot}/usr/sbin/chronyd
"""


@dataclass(frozen=True, slots=True)
class Toy:
    """A package."""

    name: str
    version: str = "1"
    requires: Sequence[str] = ()
    provides: Sequence[str] = ()
    install: str = ""
    files: Sequence[str] = ()


CHRONY = Toy(
    "chrony", install=CHRONYD, files=("/usr/sbin/chronyd", "/usr/lib/systemd/system/chronyd.service")
)


def build(toy: Toy, directory: Path) -> None:
    """Put its .rpm into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    relations = [f"Requires: {name}" for name in toy.requires] + [
        f"Provides: {name}" for name in toy.provides
    ]
    text = SPEC.format(
        name=toy.name,
        version=toy.version,
        relations="\n".join(relations),
        install=toy.install,
        files="\n".join(toy.files),
    )
    work = directory.parent / f"rpmbuild-{directory.name}"
    work.mkdir(exist_ok=True)
    spec = work / f"{toy.name}.spec"
    spec.write_text(text)
    settings = {
        "_topdir": work,
        "_rpmdir": directory,
        "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    }
    options = [part for name, value in settings.items() for part in ("--define", f"{name} {value}")]
    subprocess.run(["rpmbuild", "--quiet", "-bb", *options, spec], check=True, capture_output=True, text=True)
