#!/usr/bin/python
"""Places artifacts of the site registry on a host: fetched in parallel, checked, landed by rename."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_artifact
short_description: Fetch artifacts from the site registry and place them
description:
  - An artifact that is a tar archive is unpacked, any other one is placed as a file named after it.
  - Each is idempotent by the sha256 of what was placed, kept in C(/var/lib/slipway/artifacts).
  - A broken download is continued; transient failures are repeated with back-off.
options:
  artifacts:
    description: The artifacts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name, the file's name where C(file) is unset.
        type: str
        required: true
      digest:
        description: C(sha256:) and 64 hexadecimal digits.
        type: str
        required: true
      repository:
        description: Repository in the registry.
        type: str
        required: true
      size:
        description: Bytes.
        type: int
      version:
        description: Version, for messages.
        type: str
      dest:
        description: Directory where it goes.
        type: path
        required: true
      file:
        description: File name, for an artifact that is no archive.
        type: str
      mode:
        description: Permissions of the file, octal.
        type: str
        default: "0755"
      flatten:
        description: Keep an archive's regular files without directories. Off, C(dest) becomes a copy of it.
        type: bool
        default: true
  registry:
    description: >-
      C(url), and where they apply C(ca) (PEM), C(credentials) (user:password), C(address), that of its
      C(replica), and C(project), the path before repositories. Without it the artifacts are
      those that were copied to C(/var/lib/slipway/artifacts/SHA256.part).
    type: dict
  parallel:
    description: Downloads at once.
    type: int
    default: 4
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Fetch the kubelet
  slipway_artifact:
    registry: "{{ kubernetes_node_registry }}"
    artifacts:
      - {name: kubelet, digest: "sha256:0123", repository: slipway/binary/kubelet, dest: /usr/bin}
"""

RETURN = r"""
placed:
  description: Names of the artifacts that changed.
  type: list
  returned: always
made:
  description: Every placed file, for the record; of an archive kept whole none, which is asked for by its digest.
  type: list
  returned: always
"""

import json
import os
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import (
    STATE_DIR,
    fail,
    read_json,
    sha256_file,
    stands,
    write_json,
)
from ansible.module_utils.slipway_paths import (
    dress,
    is_directory,
    landing,
    make_directory,
    reading,
    remove_tree,
    replace,
    unlink,
)
from ansible.module_utils.slipway_registry import Registry
from ansible.module_utils.slipway_things import things
from ansible.module_utils.slipway_walk import reached

MARKERS = f"{STATE_DIR}/artifacts"


def marker_path(item: dict[str, Any]) -> str:
    """Where it is noted what an artifact became."""
    return f"{MARKERS}/{item['name']}.json"


def placed_files(item: dict[str, Any]) -> dict[str, Any] | None:
    """The files of this very artifact, when all of them are in place; None otherwise."""
    marker = read_json(marker_path(item))
    if marker.get("digest") != item["digest"] or marker.get("dest") != item["dest"]:
        return None
    files = marker.get("files", {})
    mode = int(item["mode"], 8) if item["flatten"] else 0o644
    there = all(stands(path, mode=mode) and sha256_file(path) == known for path, known in files.items())
    return files if there else None


def place(registry: Registry | None, item: dict[str, Any]) -> dict[str, Any]:
    """Fetch and place one artifact; its files."""
    make_directory(item["dest"])
    wanted = item["digest"].split(":")[1]
    download = f"{MARKERS}/{wanted}.part"
    if registry:
        registry.download(item["repository"], item["digest"], download, item["size"])
    elif sha256_file(download) != wanted:
        raise HostError(f"{item['name']} was not copied to {download}, or is damaged")
    if tarfile.is_tarfile(download):
        files = flatten(item, download) if item["flatten"] else replace_tree(item, download)
        unlink(download)
    else:
        files = {land(item, download, item["file"] or item["name"]): item["digest"].split(":")[1]}
    write_json(
        marker_path(item), {"format": 1, "digest": item["digest"], "dest": item["dest"], "files": files}
    )
    return files


def land(item: dict[str, Any], source: str, name: str) -> str:
    """Move a finished file to its place, across file systems if need be; its path."""
    target, mode = os.path.join(item["dest"], name), int(item["mode"], 8)
    dress(source, mode, (0, 0))
    try:
        replace(source, target)
    except OSError:
        with reading(source) as stream, landing(target, mode=mode, owner=(0, 0)) as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        unlink(source)
    return target


def flatten(item: dict[str, Any], archive: str) -> dict[str, Any]:
    """Each regular file of the archive by its base name into dest; other files there stay."""
    files = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = os.path.basename(member.name)
            if not member.isfile() or not name:
                continue
            source = tar.extractfile(member)
            assert source is not None  # noqa: S101 - it is a regular file
            target = os.path.join(item["dest"], name)
            with source, landing(target, mode=int(item["mode"], 8), owner=(0, 0)) as file:
                shutil.copyfileobj(source, file, 1 << 20)
            files[target] = sha256_file(target)
    return files


def replace_tree(item: dict[str, Any], archive: str) -> dict[str, Any]:
    """The archive as a whole directory, exchanged by rename."""
    dest = item["dest"].rstrip("/")
    new, old = f"{dest}.slipway-new", f"{dest}.slipway-old"
    for leftover in (new, old):
        remove_tree(leftover, missing=True)
    make_directory(new)
    with tarfile.open(archive) as tar, reached(new) as handle:
        for member in tar:
            if member.isfile() or member.isdir():
                member.mode = 0o755 if member.isdir() else 0o644
                member.uid = member.gid = 0
                member.uname = member.gname = "root"
                refuse_escape(new, member.name)
                tar.extract(member, f"/proc/self/fd/{handle}")
    dress(new, 0o755, (0, 0))  # apt reads it as another user
    if is_directory(dest):
        replace(dest, old)
    replace(new, dest)
    remove_tree(old, missing=True)
    return {
        os.path.join(base, name): sha256_file(os.path.join(base, name))
        for base, _, names in os.walk(dest)
        for name in names
    }


def refuse_escape(root: str, name: str) -> None:
    """No member may leave the directory."""
    inside = os.path.realpath(root)
    if os.path.commonpath([inside, os.path.realpath(os.path.join(root, name))]) != inside:
        raise HostError(f"archive member {name} leaves its directory")


def registry_of(access: dict[str, Any]) -> Registry:
    """The registry that was named."""
    return Registry(
        access["url"],
        ca=access["ca"],
        credentials=access["credentials"],
        address=access["address"],
        replica=access["replica"],
        project=access["project"],
    )


def describe(item: dict[str, Any]) -> str:
    """For messages and diffs."""
    return json.dumps({"name": item["name"], "version": item["version"], "digest": item["digest"]})


ITEM = {
    "name": {"type": "str", "required": True},
    "digest": {"type": "str", "required": True},
    "repository": {"type": "str", "required": True},
    "size": {"type": "int"},
    "version": {"type": "str"},
    "dest": {"type": "path", "required": True},
    "file": {"type": "str"},
    "mode": {"type": "str", "default": "0755"},
    "flatten": {"type": "bool", "default": True},
}
REGISTRY = {
    "name": {"type": "str"},
    "url": {"type": "str", "required": True},
    "address": {"type": "str", "default": ""},
    "replica": {"type": "str", "default": ""},
    "ca": {"type": "str", "default": ""},
    "credentials": {"type": "str", "default": "", "no_log": True},
    "project": {"type": "str", "default": ""},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "artifacts": {"type": "list", "elements": "dict", "required": True, "options": ITEM},
            "registry": {"type": "dict", "options": REGISTRY},
            "parallel": {"type": "int", "default": 4},
        },
        supports_check_mode=True,
    )
    items = module.params["artifacts"]
    access = module.params["registry"]
    try:
        with ThreadPoolExecutor(module.params["parallel"]) as pool:
            there = list(pool.map(placed_files, items))
            missing = [item for item, files in zip(items, there) if files is None]
            placed = [
                path for item, found in zip(items, there) if found and item["flatten"] for path in found
            ]
            if missing and not module.check_mode:
                make_directory(MARKERS)
                registry = registry_of(access) if access else None
                for item, found in zip(missing, pool.map(lambda item: place(registry, item), missing)):
                    placed += found if item["flatten"] else ()
    except (HostError, OSError, tarfile.TarError) as error:
        fail(module, error)
    names = [item["name"] for item in missing]
    diff = {"before": "", "after": "".join(describe(item) + "\n" for item in missing)}
    module.exit_json(changed=bool(names), placed=names, made=things("file", *placed), diff=diff)


if __name__ == "__main__":
    main()
