"""Mounts carried out on a host: what is there, who uses it, what is written, mounted and unmounted.

Used by slipway_mounts; what to do is decided in slipway_mounts (module_utils).
"""

from __future__ import annotations

import glob
import os
from typing import Any

from ansible.module_utils import slipway_mounts as units
from ansible.module_utils.slipway_host import must, read_text, run, stands, tail
from ansible.module_utils.slipway_mount_state import (
    SYSTEMD_SECONDS,
    WANTS,
    claimed,
    last_words,
    outdated,
    own_units,
    remove,
    table,
    there,
    unreached,
)
from ansible.module_utils.slipway_mount_users import shown, users
from ansible.module_utils.slipway_paths import dress, make_directory, unlink, write_atomic
from ansible.module_utils.slipway_things import attributes


class Host:
    """One host on the way to its mounts. Problems of one mount stop that mount only."""

    def __init__(self, mounts: list[dict[str, Any]], *, check: bool = False) -> None:
        self.mounts = sorted(mounts, key=lambda mount: mount["path"])
        self.check = check
        #: What is wrong, and in a second line what to do.
        self.problems: list[str] = []
        self.done: dict[str, list[str]] = {}
        self.diffs: list[dict[str, Any]] = []
        self.units = own_units()
        self.table = table()
        self.paths = {mount["path"] for mount in mounts} | {
            units.where_in(text) for text in self.units.values()
        }
        self.kept: dict[str, str] = {}
        self.plain: dict[str, str] = {}
        self.secrets: dict[str, str] = {}

    def settle(self) -> None:
        """All of it, each step able to be the last one before a kill."""
        judged = {mount["name"]: self._judge(mount) for mount in self.mounts}
        verbs = {name: found for name, found in judged.items() if found is not None}
        gone = self._gone()
        ready = [mount for mount in self.mounts if mount["name"] in verbs]
        leave = [mount for mount in reversed(ready) if "unmount" in verbs[mount["name"]]]
        for name, path in [*gone, *((mount["name"], mount["path"]) for mount in leave)]:
            if not self._unmount(name, path):
                ready = [mount for mount in ready if mount["path"] != path]
        self._land(ready)
        for mount in ready:
            if "mount" in verbs[mount["name"]]:
                self._mount(mount)

    def _note(self, name: str, verb: str) -> None:
        self.done.setdefault(name, []).append(verb)

    def _problem(self, name: str, path: str, text: str) -> None:
        """What is wrong, and with which mount; its unit stays as it is."""
        self.problems.append(f"mount {name} at {path}: {text}")
        for file, content in self.units.items():
            if units.where_in(content) == path:
                self.kept[file] = content

    def _judge(self, mount: dict[str, Any]) -> list[str] | None:
        """What has to be done; None when it must not be touched."""
        path = mount["path"]
        text = self.units.get(f"{units.UNITS}/{units.mount_unit(path)}")
        automatic = f"{units.UNITS}/{units.automount_unit(path)}" in self.units
        verbs = units.decide(mount, text, automatic, self.table)
        trouble = self._trouble(mount, text, verbs)
        if trouble:
            self._problem(mount["name"], path, trouble)
            return None
        return verbs

    def _trouble(self, mount: dict[str, Any], unit: str | None, verbs: list[str]) -> str:
        """Why a mount cannot be brought to what is wanted; looked for before anything is changed."""
        path, entry = mount["path"], units.mounted_at(self.table, mount["path"])
        owner = claimed(path)
        if owner:
            return (
                f"{owner} mounts something there; take that out, or this mount from the ClusterConfiguration"
            )
        if os.path.realpath(path) != path and entry is None:
            return f"the path goes through a symbolic link; name {os.path.realpath(path)} instead"
        if os.path.lexists(path) and not os.path.isdir(path) and entry is None:
            return "there is a file of that name; remove it, or name another path"
        if entry and unit is None and not units.same_source(mount, entry):
            other = f"{entry['source']} ({entry['type']})"
            return f"{other} is mounted there by somebody else; unmount it, or name another path"
        if "mount" in verbs:
            why = unreached(mount["servers"])
            if why:
                return (
                    f"its source {mount['source']} is not there: {why}\n"
                    "start the server, or open the port in firewalls between it and this host, and run the command "
                    "again; it stays as it was"
                )
        return self._in_use(path, "change") if "unmount" in verbs else ""

    def _in_use(self, path: str, verb: str) -> str:
        found = users(path, self.paths - {path})
        if not found:
            return ""
        return (
            f"it is to {verb}, and is in use: {shown(found)}\nend these (drain the node where they are pods) and run "
            "the command again; it stays mounted as it was"
        )

    def _gone(self) -> list[tuple[str, str]]:
        """Mounts of ours that are wanted no more and that nobody uses, the deepest first."""
        wanted = {mount["path"] for mount in self.mounts}
        own = {units.where_in(text): units.name_in(text) for text in self.units.values()}
        found = []
        for path in sorted(set(own) - wanted, reverse=True):
            why = self._in_use(path, "go")
            if why:
                self._problem(own[path], path, why)
            else:
                found.append((own[path], path))
        return found

    def _unmount(self, name: str, path: str) -> bool:
        """Whether nothing is mounted there any more."""
        self._note(name, "unmount")
        if self.check:
            return True
        run(["systemctl", "stop", units.mount_unit(path)], timeout=SYSTEMD_SECONDS)
        if units.mounted_at(table(), path) is None:
            run(["systemctl", "stop", units.automount_unit(path)], timeout=SYSTEMD_SECONDS)
            return True
        words = last_words(units.mount_unit(path))
        found = users(path, self.paths - {path})
        why = f"in use: {shown(found)}" if found else words or "its server does not answer"
        self._problem(name, path, f"it cannot be unmounted: {why}\nit stays as it was")
        self.done[name].remove("unmount")
        return False

    def _land(self, ready: list[dict[str, Any]]) -> None:
        """Files of all mounts that are ready or stay as they were; what is left over goes."""
        stay = [{**_stub(text), "path": units.where_in(text)} for text in _mounts(self.kept)]
        self.plain, self.secrets = {}, {}
        for mount in ready:
            self.plain.update(units.plain_files(mount))
            self.secrets.update(units.secret_files(mount))
        self.plain.update(units.shared_files([*ready, *stay]))
        keep = {*self.plain, *self.secrets, *self.kept, *self._settings_of(self.kept)}
        left = [path for path in there() if path not in keep]
        self._keep_private()
        changed = [path for path, text in self.plain.items() if not stands(path, text)]
        hidden = [path for path, text in self.secrets.items() if not stands(path, text, mode=0o600)]
        self._write(changed, hidden, left)
        self._enable(left)

    def _settings_of(self, kept: dict[str, str]) -> set[str]:
        """Settings and keys of mounts that stay as they are."""
        names = tuple(f"{units.SETTINGS}/{units.name_in(text)}." for text in kept.values())
        return (
            {path for path in glob.glob(f"{units.SETTINGS}/*") if path.startswith(names)} if names else set()
        )

    def _keep_private(self) -> None:
        """The directory of keys is one, and root's alone, where there is any."""
        path = units.SETTINGS
        if not os.path.lexists(path) or not any(
            os.path.dirname(file) == path for file in (*self.plain, *self.secrets)
        ):
            return
        now = attributes(path)
        if (now.get("mode"), now.get("owner"), now.get("group")) == ("0700", "0", "0"):
            return
        self._note("files", path)
        if self.check:
            return
        if "target" in now:
            unlink(path)
        make_directory(path, 0o700)
        dress(path, 0o700, (0, 0))

    def _write(self, changed: list[str], hidden: list[str], left: list[str]) -> None:
        for path in [*changed, *hidden, *left]:
            self._note("files", path)
        for path in changed:
            old = read_text(path) or ""
            header = {"before_header": path, "after_header": path}
            self.diffs.append({**header, "before": old, "after": self.plain[path]})
        if self.check:
            return
        for path in [*changed, *hidden]:
            private = os.path.dirname(path) == units.SETTINGS
            make_directory(os.path.dirname(path), 0o700 if private else 0o755)
        for path in hidden:
            write_atomic(path, self.secrets[path], mode=0o600)
        for path in changed:
            write_atomic(path, self.plain[path])
        for path in left:
            remove(path, self.units.get(path, ""))

    def _enable(self, left: list[str]) -> None:
        """Boot links, and systemd told of new files; also of those that a killed run wrote."""
        installed = [os.path.basename(path) for path, text in self.plain.items() if "\n[Install]\n" in text]
        unknown = [name for name in installed if not os.path.islink(f"{WANTS}/{name}")]
        others = {os.path.basename(path) for path in self.plain} - set(installed)
        late = sorted(name for name in others if os.path.islink(f"{WANTS}/{name}"))
        stale = bool(left) or "files" in self.done or (bool(installed) and outdated(installed))
        for name in unknown:
            self._note(name, "enable")
        for name in late:
            self._note(name, "disable")
        if not self.check:
            for name in late:
                unlink(f"{WANTS}/{name}")
            if unknown:
                must(["systemctl", "--quiet", "enable", *unknown])
            elif stale:
                must(["systemctl", "daemon-reload"])
            if units.AGAIN_SCRIPT in self.done.get("files", []):  # one that still tries knows the old mounts
                verb = "try-restart" if units.AGAIN_SCRIPT in self.plain else "stop"
                run(["systemctl", "--no-block", verb, units.AGAIN_UNIT])
        if stale and not (unknown or "files" in self.done):
            self._note("systemd", "daemon-reload")

    def _mount(self, mount: dict[str, Any]) -> None:
        name, path, unit = mount["name"], mount["path"], units.boot_unit(mount)
        self._note(name, "mount")
        if self.check:
            return
        done = run(["systemctl", "start", unit], timeout=SYSTEMD_SECONDS)
        if done.returncode:
            words = last_words(unit) or tail(done.stderr, 1)
            what = f"{mount['source']} cannot be mounted as {mount['type']}"
            self.problems.append(
                f"mount {name} at {path}: {what}: {words}\nput that right and run the command again"
            )


def _mounts(kept: dict[str, str]) -> list[str]:
    """One unit per mount that stays."""
    return [text for path, text in kept.items() if path.endswith(".mount")]


def _stub(text: str) -> dict[str, Any]:
    """Of a unit, what files of several mounts need to know."""
    return {"automount": "[Install]" not in text, "required": units.required_in(text)}
