"""No key is in the repository, nor in what is made of it: each site, demo and test makes its own."""

import re
import subprocess
import zipfile
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.wheel import own_wheel
from slipway.settings import data_dir

#: PEM and OpenSSH with something in it, age, minisign.
KEY = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}"
    rb"|AGE-SECRET-KEY-1[0-9A-Z]{20}"
    rb"|untrusted comment: [^\n]*secret key\s+[A-Za-z0-9+/=]{16}"
)


def test_a_key_would_be_found() -> None:
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True)
    assert KEY.search(made.stdout)
    assert not KEY.search(b'if "BEGIN PRIVATE KEY" in text: ...')


def test_no_key_is_in_the_repository() -> None:
    root = data_dir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    files = [root / name for name in listed.decode().split("\0") if name]
    assert len(files) > 500
    assert [str(path) for path in files if path.is_file() and KEY.search(path.read_bytes())] == []


def test_no_key_is_in_the_wheel(tmp_path: Path) -> None:
    """It also has what lies in these folders and git does not know: keys of a demo that ran here."""
    with zipfile.ZipFile(own_wheel(Workshop(lambda _text: None, tmp_path))) as wheel:
        names = wheel.namelist()
        assert len(names) > 500
        assert [name for name in names if KEY.search(wheel.read(name))] == []
