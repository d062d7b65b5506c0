"""Notebooks: somebody logs in, gets a server, and computes; one that nobody uses is stopped, and its files stay."""

import pytest

from tests.lab4.platforms import Enabled, Platform, until

#: It has what a client wants: requests, and websockets.
IMAGE = "quay.io/jupyterhub/k8s-singleuser-sample:4.4.0"
NAMESPACE = "jupyterhub"
#: Seconds until the hub stops a server that nobody uses, and how often it looks.
CULLED = {"cull": {"timeout": 120, "every": 10}}
#: Somebody with a browser, by the hub's pages and the server's API.
BROWSES = """
import json, os, sys, time, uuid
import requests, websocket

HUB, NAME = "http://proxy-public", "ada"
web = requests.Session()

def log_in(password):
    web.get(f"{HUB}/hub/login").raise_for_status()
    form = {"username": NAME, "password": password, "_xsrf": web.cookies.get("_xsrf", path="/hub/")}
    return web.post(f"{HUB}/hub/login", data=form).status_code

assert log_in("guessed-by-somebody") == 403
assert log_in(os.environ["PASSWORD"]) == 200
headers = {"X-XSRFToken": web.cookies.get("_xsrf", path="/hub/"), "Referer": f"{HUB}/hub/home"}
made = web.post(f"{HUB}/hub/api/users/{NAME}/tokens", json={}, headers=headers)
made.raise_for_status()
token = {"Authorization": f"token {made.json()['token']}"}
hub = f"{HUB}/hub/api/users/{NAME}"
requests.post(f"{hub}/server", headers=token).raise_for_status()
while not requests.get(hub, headers=token).json().get("servers", {}).get("", {}).get("ready"):
    time.sleep(1)

server = f"{HUB}/user/{NAME}/api"
started = requests.post(f"{server}/kernels", headers=token, json={"name": "python3"})
started.raise_for_status()
place = f"{server}/kernels/{started.json()['id']}/channels".replace("http://", "ws://")
socket = websocket.create_connection(place, header=token, timeout=120)
head = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "tried", "username": NAME}
head |= {"version": "5.3", "date": ""}
content = {"code": sys.argv[1], "silent": False, "store_history": False, "allow_stdin": False}
asked = {"header": head, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
socket.send(json.dumps(asked))
while True:
    said = json.loads(socket.recv())
    if said["parent_header"].get("msg_id") != head["msg_id"]:
        continue
    if said["msg_type"] in ("stream", "error"):
        print("the cell said:", said["content"].get("text") or said["content"]["evalue"])
    if said["msg_type"] == "status" and said["content"]["execution_state"] == "idle":
        break
socket.close()
if sys.argv[2:] == ["stop"]:
    requests.delete(f"{hub}/server", headers=token).raise_for_status()
"""


@pytest.mark.level("4", "jupyterhub")
def test_a_cell_runs_and_an_idle_server_is_stopped(platform: Platform, enabled: Enabled) -> None:
    with enabled({"jupyterhub": {"memory": "256M", "homeSize": "1Gi"}}, values={"jupyterhub": CULLED}):
        said = browsed(platform, "open('kept', 'w').write('from before'); print(6 * 7)")
        assert "the cell said: 42" in said
        assert servers(platform)
        until("the idle server to be stopped", lambda: not servers(platform), 400)
        assert "the cell said: from before" in browsed(platform, "print(open('kept').read())", "stop")
        until("the server to be stopped", lambda: not servers(platform), 120)


def browsed(platform: Platform, cell: str, *more: str) -> str:
    """What somebody saw who logged in with the password that Slipway made, and ran a cell."""
    password = {"secretKeyRef": {"name": "jupyterhub-hub", "key": "user"}}
    env = [
        {"name": "PASSWORD", "valueFrom": password},
        {"name": "BROWSES", "value": BROWSES},
        {"name": "CELL", "value": cell},
    ]
    script = " ".join(['exec python -c "$BROWSES" "$CELL"', *more])
    return platform.said(script, namespace=NAMESPACE, seconds=400, image=IMAGE, env=env)


def servers(platform: Platform) -> list[str]:
    """Pods of users' servers."""
    label = ["-l", "component=singleuser-server", "-o", "name"]
    return platform.kubectl("-n", NAMESPACE, "get", "pods", *label).stdout.split()
