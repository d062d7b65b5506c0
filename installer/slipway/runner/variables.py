"""What a run gets to know: host variables with secrets in place, and how hosts are reached.

Values are data: a string that looks like a template is marked unsafe, so that Ansible never evaluates it.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from slipway.errors import ConfigurationError
from slipway.model.fields import SecretRef
from slipway.model.host.ssh import SSH
from slipway.model.placeholders import SecretFile, SecretValue, ShellWords
from slipway.settings import HOST_PYTHON, SSH_CONNECT_SECONDS, bastion_keys

_TEMPLATE: Final = re.compile(r"\{[{%#]")
SYSTEM_PYTHON: Final = "/usr/bin/python3"


def resolve(value: Any, read: Callable[[str], str], file: Callable[[str], str] | None = None) -> Any:
    """The same value with its secrets in place; `file` turns a reference into the path of a file of it."""
    if isinstance(value, SecretValue):
        return read(value.reference)
    if isinstance(value, SecretFile):
        if file is None:
            raise ConfigurationError(f"the secret {value.reference} cannot be given as a file here")
        return file(value.reference)
    if isinstance(value, ShellWords):
        return shlex.join(str(resolve(word, read, file)) for word in value.words)
    if isinstance(value, Mapping):
        return {key: resolve(item, read, file) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [resolve(item, read, file) for item in value]
    return value


def connection_variables(ssh: SSH, address: str, known_hosts: Path | None = None) -> dict[str, Any]:
    """How Ansible reaches a host; keys and passwords stay placeholders until the run.

    `known_hosts`: the file with the hosts' keys; beside it lies the bastion's. Needed only where there is a bastion.
    """
    variables: dict[str, Any] = {
        "ansible_host": address,
        "ansible_port": ssh.port,
        "ansible_user": ssh.user,
        **interpreter(bundled=False),
        "ansible_become": ssh.user != "root",
    }
    arguments: list[str | ShellWords] = []
    if ssh.password_ref:  # Ansible gives it to OpenSSH through SSH_ASKPASS, in memory
        variables["ansible_password"] = SecretValue(_reference(ssh.password_ref))
        arguments += ["-o", "PreferredAuthentications=password,keyboard-interactive"]
    else:  # without a password, Ansible itself allows no other way than keys
        variables["ansible_ssh_private_key_file"] = SecretFile(_reference(ssh.secret_ref))
    if ssh.user != "root" and ssh.become and ssh.become.secret_ref:
        variables["ansible_become_password"] = SecretValue(_reference(ssh.become.secret_ref))
    if ssh.bastion:
        if known_hosts is None:
            raise ConfigurationError(
                "a bastion needs a file with its host keys", where="spec.hosts.ssh.bastion"
            )
        arguments += ["-o", _proxy_command(ssh, known_hosts)]
        if not ssh.password_ref:  # a wrong password that is tried again locks the user out
            # Each host's connection is one to the bastion, whose sshd turns some away when many come at once.
            variables["ansible_ssh_retries"] = 3
    if arguments:
        variables["ansible_ssh_common_args"] = ShellWords(tuple(arguments))
    return variables


def interpreter(*, bundled: bool | None) -> dict[str, Any]:
    """The Python that Ansible uses on a host: the bundle's, the host's, or (None: not known) the one of them it finds.

    To look costs a round trip.
    """
    if bundled is not None:
        return {"ansible_python_interpreter": HOST_PYTHON if bundled else SYSTEM_PYTHON}
    return {
        "ansible_python_interpreter": "auto_silent",
        "ansible_interpreter_python_fallback": [HOST_PYTHON, SYSTEM_PYTHON],
    }


def _reference(reference: SecretRef) -> str:
    return f"{reference.name}/{reference.key}"


def _proxy_command(ssh: SSH, known_hosts: Path) -> ShellWords:
    """OpenSSH runs it in a shell, after it has put the host's address and port in place of %h and %p."""
    bastion, key = ssh.bastion, ssh.bastion_key
    assert bastion is not None  # noqa: S101 - the caller looked
    assert key is not None  # noqa: S101 - a bastion has one
    keys = Path(str(bastion_keys(known_hosts)).replace("%", "%%"))
    words = ["ProxyCommand=ssh", "-F", "none", *_options({**_host_key_options(keys), **_COMMON})]
    words += ["-o", "PreferredAuthentications=publickey", "-i"]
    to = ["-p", str(bastion.port), "-l", bastion.user, "-W", "%h:%p", bastion.address]
    return ShellWords((*words, SecretFile(_reference(key)), *to))


#: Of every connection: the user's own keys and agent are not tried.
_COMMON: Final = {
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "ConnectTimeout": str(SSH_CONNECT_SECONDS),
    "ServerAliveInterval": "10",
    "ServerAliveCountMax": "3",
}


def ssh_arguments(known_hosts: Path) -> str:
    """OpenSSH options of a run: host keys are those the probe has seen; the user's own setup is not read."""
    options = {
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        **_host_key_options(known_hosts),
        **_COMMON,
    }
    return shlex.join(["-F", "none", *_options(options)])


def _host_key_options(known_hosts: Path) -> dict[str, str]:
    return {
        "UserKnownHostsFile": f'"{known_hosts}"',  # OpenSSH splits at blanks itself
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
    }


def _options(options: Mapping[str, str]) -> list[str]:
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def inventory(hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> str:
    """A YAML inventory of resolved host variables."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Marks what looks like a template."""

        def ignore_aliases(self, _data: Any) -> bool:
            """Equal values are written out: an anchor is one more thing that can go wrong."""
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        tag = "!unsafe" if _TEMPLATE.search(value) else "tag:yaml.org,2002:str"
        return dumper.represent_scalar(tag, str(value))

    Dumper.add_representer(str, text)
    Dumper.add_multi_representer(StrEnum, text)
    children = {group: {"hosts": dict.fromkeys(members)} for group, members in groups.items()}
    content = {"all": {"hosts": {name: dict(values) for name, values in hosts.items()}, "children": children}}
    return yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True)
