"""Which fields stand behind a step, with what they were and what is wanted; never a secret."""

from typing import Any

import pytest

from slipway.model.operation import Failure, Outcome, StepResult
from slipway.model.plan import Because, FieldChange, Plan, Reason, Step, StepKind
from slipway.planning.changes import HIDDEN, VALUE_LIMIT, carried_after, with_changes
from tests.unit.engine.plans import plan, step

BEFORE: dict[str, Any] = {
    "kubernetes": {"kubelet": {"maxPods": 110}},
    "hosts": {
        "defaults": {"sysctl": {"net.core.somaxconn": "1"}},
        "groups": {"gpu": {"labels": {"pool": "a"}}, "cpu": {"labels": {"pool": "c"}}},
        "items": [
            {"name": "cp-01", "address": "10.0.0.1"},
            {"name": "gpu-01", "address": "10.0.0.2", "groups": ["gpu"]},
        ],
    },
    "modules": {
        "page": {"enabled": True, "settings": {"title": "one", "lines": [1, 2]}},
        "secrets-store": {"enabled": True, "settings": {"size": 1}},
    },
}


def edited(**sections: Any) -> dict[str, Any]:
    return {**BEFORE, **sections}


def modules(**page: Any) -> dict[str, Any]:
    return edited(modules={**BEFORE["modules"], "page": page})


def because(name: str, path: str) -> Step:
    made = step(name)
    return Step(
        made.id,
        StepKind(made.kind),
        made.target,
        made.action,
        made.change,
        made.digest,
        reasons=(Reason(Because.FIELD, f"{path} changed", path),),
    )


def changes(one: Step, after: dict[str, Any], before: dict[str, Any] = BEFORE) -> list[FieldChange]:
    (told,) = with_changes(plan(one), before, before, after).steps
    return list(told.changes)


def test_a_module_follows_all_that_is_said_of_it_and_nothing_else() -> None:
    after = modules(enabled=True, settings={"title": "two", "lines": [1, 2, 3], "more": {"deep": True}})
    assert changes(step("module/page/apply"), after) == [
        FieldChange("spec.modules.page.settings.title", "one", "two"),
        FieldChange("spec.modules.page.settings.lines", [1, 2], [1, 2, 3]),
        FieldChange("spec.modules.page.settings.more.deep", None, True),
    ]
    assert changes(step("module/secrets-store/apply"), after) == []


def test_what_the_cluster_fills_in_is_no_change_and_a_default_is_what_was() -> None:
    """The API server stores defaults of fields that nobody set; a file has what somebody set."""
    live = edited(registry={"mode": "builtin", "port": 5000}, bundle={"trustedKeys": []})
    assert changes(step("settings/site/apply"), edited(registry={}), live) == []
    assert changes(step("settings/site/apply"), edited(), live) == []
    assert changes(step("settings/site/apply"), edited(registry={"port": 5555}), BEFORE) == [
        FieldChange("spec.registry.port", 5000, 5555)
    ]


def test_a_module_that_is_no_more_lists_what_it_had() -> None:
    after = edited(modules={"secrets-store": BEFORE["modules"]["secrets-store"]})
    assert changes(step("module/page/remove"), after) == [
        FieldChange("spec.modules.page.enabled", True, None),
        FieldChange("spec.modules.page.settings.title", "one", None),
        FieldChange("spec.modules.page.settings.lines", [1, 2], None),
    ]


def test_a_host_follows_its_own_fields_those_of_its_groups_and_the_defaults() -> None:
    after = edited(
        hosts={
            "defaults": {"sysctl": {"net.core.somaxconn": "2"}},
            "groups": {"gpu": {"labels": {"pool": "b"}}, "cpu": {"labels": {"pool": "d"}}},
            "items": [
                {"name": "gpu-01", "address": "10.0.0.2", "groups": ["gpu"], "labels": {"own": "x"}},
                {"name": "cp-01", "address": "10.0.0.9"},
            ],
        }
    )
    labels = because("node/gpu-01/metadata", "spec.hosts.items[gpu-01].settings.labels")
    assert [change.path for change in changes(labels, after)] == [
        "spec.hosts.groups.gpu.labels.pool",
        'spec.hosts.items[name="gpu-01"].labels.own',
    ]
    sysctl = because("host/gpu-01/node_prepare", "spec.hosts.items[gpu-01].settings.sysctl")
    assert changes(sysctl, after) == [
        FieldChange('spec.hosts.defaults.sysctl["net.core.somaxconn"]', "1", "2")
    ]
    address = because("host/cp-01/kubelet", "spec.hosts.items[cp-01].address, spec.kubernetes.kubelet")
    assert changes(address, after) == [
        FieldChange('spec.hosts.items[name="cp-01"].address', "10.0.0.1", "10.0.0.9")
    ]
    assert changes(because("host/gpu-01/kubelet", "host records"), after) == []


def test_the_settings_step_changes_what_the_cluster_has() -> None:
    live, after = (
        edited(kubernetes={"kubelet": {"maxPods": 200}}),
        edited(kubernetes={"kubelet": {"maxPods": 220}}),
    )
    made = with_changes(plan(step("settings/site/apply"), step("module/page/apply")), BEFORE, live, after)
    assert made.steps[0].changes == (FieldChange("spec.kubernetes.kubelet.maxPods", 200, 220),)
    assert made.steps[1].changes == ()
    assert made.digest == plan().digest


@pytest.mark.parametrize(
    ("settings", "hidden"),
    [
        ({"adminPassword": "hunter2"}, True),
        ({"auth": {"pin": 1234}}, True),
        ({"env": [{"name": "TOKEN", "value": "hunter2"}]}, True),
        ({"url": "https://me:hunter2@example.org"}, True),
        ({"pem": "-----BEGIN RSA PRIVATE KEY-----\nhunter2"}, True),
        ({"api_key": "hunter2"}, True),
        *(
            ({name: "hunter2"}, True)
            for name in (
                "smtpPass",
                "DB_PASS",
                "pwd",
                "adminPW",
                "licenseKey",
                "key",
                "cookie",
                "dockerconfigjson",
            )
        ),
        ({"env": [{"name": "DB_PASS", "value": "hunter2"}]}, True),
        ({"arguments": ["--pass=hunter2"]}, True),
        ({"command": ["sh", "-c", "curl -u me:hunter2 https://example.org"]}, True),
        ({"javaOpts": "-Xmx1g -Ddb.password=hunter2"}, True),
        ({"extraConfig": "c.Page.client_secret = 'hunter2'"}, True),
        ({"ini": "[db]\npassword=hunter2\n"}, True),
        ({"netrc": "machine example.org login me password hunter2"}, True),
        ({"repository": "https://hunter2@example.org/x.git"}, True),
        ({"store": "https://example.org/x?sig=hunter2&se=1"}, True),
        ({"dsn": "me:hunter2@tcp(db:3306)/x"}, True),
        ({"connection": "Server=db;Uid=me;Pwd=hunter2"}, True),
        ({"header": "Bearer hunter2"}, True),
        ({"alerts": "https://hooks.slack.com/services/T0/B0/hunter2"}, True),
        ({"model": "hf_hunter2abcdefgh"}, True),
        ({"value": "Ahunter2qYzXbbW3kkL90"}, True),
        ({"image": "example.org/auth/page:1.2@sha256:0a1b"}, False),
        ({"issuer": "https://auth.example.org:8443/realms/x"}, False),
        ({"path": "/var/lib/Pages/OfThe/House12"}, False),
        ({"mail": "ops@example.org"}, False),
        ({"requireToken": True}, False),
        ({"replicas": 3}, False),
        ({"host": "example.org"}, False),
    ],
)
def test_what_may_be_a_secret_is_not_shown(settings: dict[str, Any], hidden: bool) -> None:
    (change,) = changes(
        step("module/page/apply"), modules(enabled=True, settings=settings), modules(enabled=True)
    )
    assert (change.after == HIDDEN) is hidden
    assert "hunter2" not in str(change)
    assert "1234" not in str(change)


def test_references_to_secrets_are_shown_and_a_modules_name_hides_nothing() -> None:
    given = {"admin": {"given": {"name": "mine", "key": "password"}}}
    (first, second) = changes(
        step("module/page/apply"), modules(enabled=True, secrets=given), modules(enabled=True)
    )
    assert {first.after, second.after} == {"mine", "password"}
    other = {"enabled": True, "settings": {"size": 2}}
    after = edited(modules={**BEFORE["modules"], "secrets-store": other})
    assert changes(step("module/secrets-store/apply"), after)[0].after == 2


def test_long_values_are_short() -> None:
    after = modules(enabled=True, settings={"text": "x" * 5000, "list": ["y" * 10] * 500})
    for change in changes(step("module/page/apply"), after, modules(enabled=True)):
        assert len(str(change.after)) == VALUE_LIMIT


PAGE, STORE, HOST = step("module/page/apply"), step("module/secrets-store/apply"), step("host/a/kubelet")


def carried(before: dict[str, Any] | None, wanted: dict[str, Any], made: Plan, *failed: str) -> Any:
    results = [
        StepResult(one.id, Outcome.FAILED, failure=Failure("no"))
        if one.id in failed
        else StepResult(one.id, Outcome.SUCCEEDED)
        for one in made.steps
    ]
    return carried_after(before, wanted, made, results)


def test_what_did_not_succeed_stays_as_it_was_carried_out() -> None:
    wanted = edited(
        kubernetes={"kubelet": {"maxPods": 220}},
        modules={"page": {"enabled": True, "settings": {"title": "two"}}, "new": {"enabled": True}},
    )
    whole = plan(HOST, PAGE, STORE)
    assert carried(BEFORE, wanted, whole) == wanted
    assert carried(None, wanted, whole) == wanted
    assert carried(None, wanted, whole, PAGE.id) is None
    without_page = carried(BEFORE, wanted, whole, PAGE.id)
    assert without_page["modules"] == {"page": BEFORE["modules"]["page"], "new": {"enabled": True}}
    assert without_page["kubernetes"] == wanted["kubernetes"]
    without_host = carried(BEFORE, wanted, whole, HOST.id)
    assert without_host["kubernetes"] == BEFORE["kubernetes"]
    assert without_host["modules"] == wanted["modules"]
    kept = carried(BEFORE, wanted, whole, STORE.id)["modules"]
    assert kept["secrets-store"] == BEFORE["modules"]["secrets-store"]


def test_a_push_alone_says_nothing_of_the_rest() -> None:
    assert carried(BEFORE, {}, plan(step("host/a/registry"), step("mirror/site/push"))) == BEFORE
