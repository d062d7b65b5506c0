"""What a bundle is built of was vouched for: by digests that are pinned here, by Go's database, by Debian's key."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from slipway import catalog
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import apt
from slipway.bundle.make.apt import Apt
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.npm import check_lock
from slipway.bundle.make.sources.python import by_lock, core_lock
from slipway.bundle.make.sources.toolchain import find_go, go_environment, machine_proxy
from slipway.catalog import pins, versions
from slipway.errors import BundleError
from slipway.model.platforms import AMD64

ROOT = Path(__file__).parents[2]
#: What scripts/setup.sh installs.
REQUIREMENTS = ROOT / "requirements"
PROXY = "https://proxy.corp.example"
LOOSE = {"GOSUMDB": "off", "GONOSUMDB": "*", "GOPRIVATE": "*", "GOINSECURE": "*", "GONOPROXY": "*"}


@pytest.mark.parametrize("way", ["environment", "file"])
def test_modules_of_go_are_vouched_for_whatever_a_machine_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Only where they come from is the machine's to say: a mirror cannot change them."""
    if way == "environment":
        for name, value in (LOOSE | {"GOPROXY": PROXY}).items():
            monkeypatch.setenv(name, value)
    else:
        file = tmp_path / "env"
        file.write_text("".join(f"{name}={value}\n" for name, value in (LOOSE | {"GOPROXY": PROXY}).items()))
        monkeypatch.setenv("GOENV", str(file))
        monkeypatch.delenv("GOPROXY", raising=False)
    go, _ = find_go(versions.load().go, Workshop(print))
    env = go_environment(tmp_path, AMD64) | machine_proxy(go)
    said = json.loads(output_of([go, "env", "-json", *LOOSE, "GOPROXY"], env=env))
    assert said == dict.fromkeys(LOOSE, "") | {"GOSUMDB": "sum.golang.org", "GOPROXY": PROXY}


def locks() -> list[Path]:
    """All from which pip takes something for a bundle, or for a checkout."""
    known = catalog.load().versions
    found = {core_lock(known.go.lock)}
    for source in known.sources:
        if isinstance(source, pins.PythonPin | pins.WheelsPin):
            found |= {known.file(source.name, name) for name in source.needs}
    return [*sorted(found), *sorted(REQUIREMENTS.glob("*.txt"))]


def pinned(path: Path) -> dict[str, list[str]]:
    """What a lock has: NAME==VERSION, with the digests behind it."""
    text = path.read_text().replace(" \\\n", " ")
    lines = [line.split() for line in text.splitlines() if line[:1] != "#"]
    return {pin: digests for pin, *digests in lines}


@pytest.mark.parametrize("path", locks(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_line_of_a_lock_has_digests(path: Path) -> None:
    assert pinned(path)
    for pin, digests in pinned(path).items():
        assert pin.count("==") == 1, pin
        assert digests, f"python scripts/lock_python.py {path}"
        assert all(digest.startswith("--hash=sha256:") for digest in digests), pin


def test_every_package_of_npm_has_a_digest() -> None:
    known = catalog.load().versions
    found = [source for source in known.sources if isinstance(source, pins.NpmPin)]
    assert found
    for source in found:
        check_lock(json.loads(known.file(source.name, source.lock).read_text()), source.lock)


def test_a_checkout_runs_with_what_a_bundle_has() -> None:
    """Versions and digests; a checkout may have another Python besides."""
    ours, bundle = pinned(REQUIREMENTS / "run.txt"), pinned(core_lock("operator/requirements.txt"))
    assert {plain(pin) for pin in ours} == {plain(pin) for pin in bundle}
    known = {plain(pin): set(digests) for pin, digests in ours.items()}
    assert all(set(digests) <= known[plain(pin)] for pin, digests in bundle.items())


def test_the_locks_of_a_checkout_have_all_that_it_asks_for() -> None:
    """In a version that is asked for; each lock has what those before it lack."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["project"]["optional-dependencies"] | {
        "run": project["project"]["dependencies"],
        "build": project["build-system"]["requires"],
    }
    known: dict[str, str] = {}
    for name in ("run", "build", "dev", "mutate"):
        for pin in pinned(REQUIREMENTS / f"{name}.txt"):
            project_name, _, version = plain(pin).partition("==")
            assert project_name not in known, pin
            known[project_name] = version
        for text in asked[name]:
            wanted = Requirement(text)
            assert wanted.specifier.contains(known[plain(wanted.name)]), text


def plain(pin: str) -> str:
    name, equals, version = pin.partition("==")
    return re.sub(r"[-_.]+", "-", name).lower() + equals + version


def test_a_checkout_takes_no_library_with_other_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By scripts/setup.sh as it is, with one library in its locks."""
    right, wrong = wheel(tmp_path / "right", "good = 1\n"), wheel(tmp_path / "wrong", "evil = 1\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))

    def set_up(offered: Path) -> tuple[str, bool]:
        """What it says, and whether the library is there."""
        checkout = tmp_path / f"checkout-{offered.parent.name}"
        for name in ("scripts/setup.sh", "pyproject.toml", "installer/slipway/__init__.py"):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
        (checkout / "requirements").mkdir()
        digest = hashlib.sha256(right.read_bytes()).hexdigest()
        (checkout / "requirements" / "run.txt").write_text(f"victim==1.0 --hash=sha256:{digest}\n")
        (checkout / "requirements" / "build.txt").write_text("# nothing\n")
        monkeypatch.setenv("PIP_FIND_LINKS", str(offered.parent))
        done = subprocess.run(
            [checkout / "scripts" / "setup.sh"], check=False, capture_output=True, text=True
        )
        assert done.returncode != 0  # it cannot be installed without hatchling, which was not offered
        return done.stderr, any((checkout / ".venv").glob("lib/*/site-packages/victim.py"))

    said, there = set_up(right)
    assert there, said
    said, there = set_up(wrong)
    assert not there
    assert "DO NOT MATCH THE HASHES" in said


def test_the_lock_of_go_has_the_version_that_is_pinned() -> None:
    go = versions.load().go
    assert f"\n{go.package}=={go.version} " in core_lock(go.lock).read_text()


def wheel(directory: Path, text: str) -> Path:
    """A wheel of one module."""
    directory.mkdir(parents=True)
    path, info = directory / "victim-1.0-py3-none-any.whl", "victim-1.0.dist-info"
    members = {
        "victim.py": text,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: victim\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in (*members, f"{info}/RECORD")))
    return path


def test_a_library_with_other_contents_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same name and version, from wherever pip was told to look."""
    right, wrong = wheel(tmp_path / "right", "good = 1\n"), wheel(tmp_path / "wrong", "evil = 1\n")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"victim==1.0 --hash=sha256:{hashlib.sha256(right.read_bytes()).hexdigest()}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    def install(place: str) -> None:
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / place))
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path / f"in-{place}")]
        output_of([*argv, *by_lock(lock)])

    install(right.parent.name)
    with pytest.raises(BundleError, match="pip") as caught:
        install(wrong.parent.name)
    assert "DO NOT MATCH THE HASHES" in caught.value.why


def unsigned_archive(place: Path) -> str:
    """As a mirror of Debian that nobody signed; its URL."""
    root = place / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: victim\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
    )
    mirror = place / "mirror"
    mirror.mkdir()
    subprocess.run(["dpkg-deb", "-b", root, mirror / "victim_1_all.deb"], check=True, capture_output=True)
    data = (mirror / "victim_1_all.deb").read_bytes()
    said = (root / "DEBIAN" / "control").read_text()
    said += f"Filename: victim_1_all.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    for suite in ("bookworm", "bookworm-updates", "bookworm-security"):
        index = mirror / "dists" / suite / "main" / "binary-amd64"
        index.mkdir(parents=True)
        packed = gzip.compress(said.encode(), mtime=0)
        (index / "Packages.gz").write_bytes(packed)
        digest = hashlib.sha256(packed).hexdigest()
        (index.parents[1] / "Release").write_text(
            f"Suite: {suite}\nCodename: {suite}\nComponents: main\nArchitectures: amd64\n"
            f"Date: Mon, 23 Nov 2026 00:00:00 UTC\n"
            f"SHA256:\n {digest} {len(packed)} main/binary-amd64/Packages.gz\n"
        )
    return f"file:{mirror}"


def test_packages_that_debian_did_not_sign_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on a machine that was told to take them."""
    url = unsigned_archive(tmp_path)
    loose = tmp_path / "apt.conf"
    loose.write_text(
        'Acquire::AllowInsecureRepositories "true";\nAcquire::AllowWeakRepositories "true";\n'
        'APT::Get::AllowUnauthenticated "true";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(loose))
    monkeypatch.setattr(apt, "machine_mirrors", lambda: (url, url))
    with pytest.raises(BundleError, match="apt-get") as caught:
        Apt("bookworm", Workshop(print, tmp_path / "cache")).download(["victim"])
    assert "is not signed" in caught.value.why
