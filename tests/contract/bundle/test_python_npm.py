"""Libraries of Python and packages of npm for images of modules: by locks in a module's folder, whatever is offered."""

import base64
import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from pydantic import ValidationError

from slipway import catalog
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.images import Assembler
from slipway.bundle.make.sources.elf import missing_libraries, needed_libraries
from slipway.bundle.make.sources.npm import NpmSource, check_lock
from slipway.bundle.make.sources.python import PythonSource
from slipway.catalog import pins
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.errors import BundleError
from slipway.model.platforms import AMD64
from tests.serving import serving

PYTHON = {
    "name": "page",
    "type": "python",
    "version": "1",
    "lock": "locks/page.txt",
    "python": "3.11",
    "base": "operator-base",
    "prefix": "usr/local",
}
NPM = {"name": "door", "type": "npm", "version": "2", "lock": "door/package-lock.json"}


def module(folder: Path, source: dict[str, Any], files: dict[str, str]) -> catalog.Catalog:
    """A catalog of one module, whose build.yaml has the source."""
    folder.mkdir()
    write_skeleton(folder, "shop")
    (folder / "shop" / "build.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    for name, text in files.items():
        (folder / "shop" / name).parent.mkdir(exist_ok=True)
        (folder / "shop" / name).write_text(text)
    return catalog.load([folder])


def wheel(directory: Path, text: str) -> str:
    """A wheel with a library, a program and a page; its digest."""
    directory.mkdir()
    info, data = "page-1.0.dist-info", "page-1.0.data/data"
    members = {
        "page/__init__.py": text,
        "page/tests/test_page.py": "assert False",
        f"{data}/share/page/index.html": "hello",
        f"{info}/METADATA": "Metadata-Version: 2.4\nName: page\nVersion: 1.0\nLicense-Expression: MIT\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\npage = page:main\n",
    }
    path = directory / "page-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in (*members, f"{info}/RECORD")))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def python_source(root: Path, **changes: object) -> tuple[PythonSource, pins.PythonPin]:
    digest = wheel(root / "offered", "def main(): print('page')\n")
    lock = f"page==1.0 --hash=sha256:{digest}\n"
    known = module(root / "modules", PYTHON | changes, {"locks/page.txt": lock}).versions
    spec = known.source("shop.page")
    assert isinstance(spec, pins.PythonPin)
    return PythonSource(known, Workshop(lambda _: None), AMD64), spec


def test_libraries_are_where_the_interpreter_of_the_image_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what else their wheels bring, and without what nobody runs."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "offered"))
    source, spec = python_source(tmp_path, without=["**/tests"])
    source.fetch(spec, tmp_path / "made")
    library = tmp_path / "made/usr/local/lib/python3.11/dist-packages/page"
    assert [path.name for path in sorted(library.iterdir())] == ["__init__.py", "__pycache__"]
    assert (tmp_path / "made/usr/local/share/page/index.html").read_text() == "hello"
    assert (tmp_path / "made/usr/local/bin/page").read_text().startswith("#!/usr/bin/python3\n")
    assert [part.purl for part in source.parts(spec, tmp_path / "made")[""]] == ["pkg:pypi/page@1.0"]
    assert source.licences(spec, tmp_path / "made") == {"": "MIT"}


def test_a_module_takes_no_library_with_other_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, spec = python_source(tmp_path)
    wheel(tmp_path / "evil", "evil = True\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "evil"))
    with pytest.raises(BundleError) as caught:
        source.fetch(spec, tmp_path / "made")
    assert "DO NOT MATCH THE HASHES" in caught.value.why


def test_what_is_left_out_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "offered"))
    source, spec = python_source(tmp_path, without=["**/testing"])
    with pytest.raises(BundleError, match=r"no library has \*\*/testing"):
        source.fetch(spec, tmp_path / "made")


@pytest.mark.parametrize(
    "said", [{"without": ["../../x"]}, {"without": ["/etc/x"]}, {"without": [""]}, {"python": "3.11/../.."}]
)
def test_a_source_names_nothing_beside_its_tree(said: dict[str, Any]) -> None:
    good = {**PYTHON, "without": ["**/tests", "page/data.d/*.txt"]}
    assert pins.PythonPin.model_validate(good)
    with pytest.raises(ValidationError, match="pattern"):
        pins.PythonPin.model_validate(good | said)


def test_a_recipe_is_the_locks_text_and_not_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here, there = (python_source(tmp_path / name) for name in "ab")
    assert here[0].recipe(here[1]) == there[0].recipe(there[1])
    (tmp_path / "b/modules/shop/locks/page.txt").write_text("page==1.0\n")
    assert here[0].recipe(here[1]) != there[0].recipe(there[1])


def compiled(directory: Path, name: str, *linked: Path) -> Path:
    """A shared library that wants others."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    source = "int said(void) { return 42; }"
    flags = ["-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{name}", "-Wl,--no-as-needed", "-x", "c", "-"]
    argv = ["gcc", "-o", str(path), *flags, "-x", "none", *map(str, linked)]
    subprocess.run(argv, input=source, text=True, check=True)
    return path


def test_libraries_of_wheels_want_nothing_that_the_base_lacks(tmp_path: Path) -> None:
    other = compiled(tmp_path / "elsewhere", "libother.so.1")
    beside = compiled(tmp_path / "libraries/page.libs", "libbeside.so.2")
    compiled(tmp_path / "libraries/page", "_page.cpython-311.so", other, beside)
    (tmp_path / "libraries/page/script.so").write_text("GROUP ( libnothing.so )")
    assert needed_libraries((tmp_path / "libraries/page/_page.cpython-311.so").read_bytes()) == {
        "libother.so.1",
        "libbeside.so.2",
    }
    base = tmp_path / "base"
    assert missing_libraries(tmp_path / "libraries", base) == {"libother.so.1": "page/_page.cpython-311.so"}
    compiled(base / "usr/lib/x86_64-linux-gnu", "libother.so.1")
    assert missing_libraries(tmp_path / "libraries", base) == {}


def test_a_damaged_library_is_no_other_one(tmp_path: Path) -> None:
    data = compiled(tmp_path, "x.so", compiled(tmp_path, "y.so")).read_bytes()
    with pytest.raises(ValueError, match="damaged"):
        needed_libraries(data[:80])


class Packages(BaseHTTPRequestHandler):
    """A server with packages of npm."""

    served: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        data = self.served[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def packed(said: dict[str, Any], **files: str) -> bytes:
    """A package as npm has it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in {"package.json": json.dumps(said), **files}.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


HINGE = packed(
    {"name": "@iron/hinge", "version": "1.2.3", "license": "ISC"}, **{"index.js": "module.exports = 1"}
)
DOOR = packed(
    {
        "name": "door",
        "version": "2.0.0",
        "license": "MIT",
        "bin": {"door": "./bin/door"},
        "scripts": {"install": "touch /tmp/slipway-npm-script-ran"},
        "dependencies": {"@iron/hinge": "^1.0.0"},
    },
    **{"bin/door": "#!/usr/bin/env node\nconsole.log('door', require('@iron/hinge'))\n"},
)


@pytest.fixture
def shop() -> Iterator[str]:
    Packages.served = {"/door.tgz": DOOR, "/hinge.tgz": HINGE}
    with serving(Packages) as url:
        yield url


def npm_source(root: Path, url: str, door: bytes = DOOR) -> tuple[NpmSource, pins.NpmPin]:
    def entry(name: str, version: str, data: bytes, **more: object) -> dict[str, object]:
        digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
        return {"version": version, "resolved": f"{url}/{name}.tgz", "integrity": f"sha512-{digest}", **more}

    wanted = {"name": "shop", "dependencies": {"door": "2.0.0"}}
    hinge = {"dependencies": {"@iron/hinge": "^1.0.0"}, "hasInstallScript": True}
    packages = {
        "": wanted,
        "node_modules/@iron/hinge": entry("hinge", "1.2.3", HINGE),
        "node_modules/door": entry("door", "2.0.0", door, bin={"door": "bin/door"}, **hinge),
    }
    lock = {"name": "shop", "lockfileVersion": 3, "requires": True, "packages": packages}
    files = {"door/package-lock.json": json.dumps(lock), "door/package.json": json.dumps(wanted)}
    known = module(root / "modules", NPM, files).versions
    spec = known.source("shop.door")
    assert isinstance(spec, pins.NpmPin)
    return NpmSource(known, Workshop(lambda _: None, root=root / "cache"), AMD64), spec


def test_packages_of_npm_are_installed_for_all_and_run_nothing(tmp_path: Path, shop: str) -> None:
    ran = Path("/tmp/slipway-npm-script-ran")
    ran.unlink(missing_ok=True)
    source, spec = npm_source(tmp_path, shop)
    source.fetch(spec, tmp_path / "made")
    program = tmp_path / "made/usr/local/bin/door"
    assert program.readlink() == Path("../lib/node_modules/door/bin/door")
    assert program.stat().st_mode & 0o777 == 0o755
    assert "require('@iron/hinge')" in program.read_text()
    assert not ran.exists()
    assert not list((tmp_path / "made").rglob(".package-lock.json"))
    purls = ["pkg:npm/%40iron/hinge@1.2.3", "pkg:npm/door@2.0.0"]
    assert [part.purl for part in source.parts(spec, tmp_path / "made")[""]] == purls
    assert source.licences(spec, tmp_path / "made") == {"": "ISC AND MIT"}


def test_a_package_with_other_contents_is_not_taken(tmp_path: Path, shop: str) -> None:
    source, spec = npm_source(tmp_path, shop)
    Packages.served["/hinge.tgz"] = packed(
        {"name": "@iron/hinge", "version": "1.2.3"}, **{"index.js": "evil"}
    )
    with pytest.raises(BundleError) as caught:
        source.fetch(spec, tmp_path / "made")
    assert "EINTEGRITY" in caught.value.why


@pytest.mark.parametrize(
    "programs",
    [
        {"door": "../../../../../../victim"},
        {"../../../escaped": "bin/door"},
        {"door": "/victim"},
        {"door": "bin/none"},
        {"door": 1},
        "../../../../../../victim",
        ["bin/door"],
    ],
)
def test_a_package_names_programs_of_its_own_alone(tmp_path: Path, shop: str, programs: Any) -> None:
    victim = tmp_path / "victim"
    victim.write_text("secret")
    victim.chmod(0o600)
    said = {"name": "door", "version": "2.0.0", "bin": programs, "dependencies": {"@iron/hinge": "^1.0.0"}}
    door = packed(said, **{"bin/door": "#!/usr/bin/env node\n"})
    Packages.served["/door.tgz"] = door
    source, spec = npm_source(tmp_path, shop, door)
    with pytest.raises(BundleError, match="door"):
        source.fetch(spec, tmp_path / "made")
    assert victim.stat().st_mode & 0o777 == 0o600


def test_a_package_that_packages_have_for_their_tests_is_none(tmp_path: Path, shop: str) -> None:
    hinge = {"name": "door", "version": "2.0.0", "license": "MIT", "dependencies": {"@iron/hinge": "^1.0.0"}}
    tried = {"test/node_modules/x/package.json": "{}", "test/node_modules/y/package.json": "{oh"}
    door = packed(hinge, **tried)
    Packages.served["/door.tgz"] = door
    source, spec = npm_source(tmp_path, shop, door)
    source.fetch(spec, tmp_path / "made")
    assert [part.name for part in source.parts(spec, tmp_path / "made")[""]] == ["@iron/hinge", "door"]
    assert source.licences(spec, tmp_path / "made") == {"": "ISC AND MIT"}


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ({"version": "1.0.0"}, "has no digest"),
        ({"version": "1.0.0", "integrity": "sha1-AAAA"}, "has no digest"),
        ({"resolved": "git+ssh://git@example.org/x.git#main"}, "has no digest"),
        ({"resolved": "../x", "link": True}, "has no digest"),
        (
            {"resolved": "git+ssh://git@example.org/x.git#main", "integrity": "sha512-AAAA"},
            "comes from git",
        ),
        ({"resolved": "../x", "link": True, "integrity": "sha512-AAAA"}, "comes from ../x"),
        ({"resolved": "file:/srv/x.tgz", "integrity": "sha512-AAAA"}, "comes from file:/srv/x.tgz"),
        ({"resolved": "http://example.org/x.tgz", "integrity": "sha512-AAAA"}, "comes from http:"),
        ({"version": "git+file:///srv/x", "integrity": "sha512-AAAA"}, "comes from nowhere"),
        (None, "is no package-lock.json"),
    ],
)
def test_a_lock_of_npm_has_a_digest_of_each_package(entry: dict[str, Any] | None, refused: str) -> None:
    packages = {"": {"name": "x"}, "node_modules/x": entry} if entry else {}
    with pytest.raises(BundleError, match=refused):
        check_lock({"packages": packages}, "package-lock.json")


def test_an_image_knows_its_users(tmp_path: Path) -> None:
    account = pins.Account(name="jovyan", uid=1000, home="/home/jovyan")
    image = pins.Image(reference="a.io/hub:1", accounts=(account,), user="1000:1000", workdir="/srv/hub")
    known = catalog.load().versions
    built = Assembler(known, Workshop(lambda _: None, root=tmp_path), AMD64).build(image)
    config = built.blobs[0].data
    assert config
    assert json.loads(config)["config"]["WorkingDir"] == "/srv/hub"
    layer = built.blobs[1].path
    assert layer
    with tarfile.open(layer) as tar:
        users = tar.extractfile("etc/passwd")
        assert users
        assert "jovyan:x:1000:1000::/home/jovyan:/bin/sh" in users.read().decode().splitlines()
        home = tar.getmember("home/jovyan")
        assert (home.uid, home.gid, home.mode, home.isdir()) == (1000, 1000, 0o755, True)
        assert {(one.uid, one.gid) for one in tar if one is not home and one.name != "home/jovyan"} == {
            (0, 0)
        }
