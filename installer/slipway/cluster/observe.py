"""The cluster as it stands, for planning: nodes, records, ClusterConfigurations. A few lists, side by side.

No step is taken and nothing is written. A kind that is not there yet (no CRD) counts as empty.
"""

from concurrent.futures import ThreadPoolExecutor

from slipway.cluster.lifecycle import drift as drifts
from slipway.cluster.own import kept, records
from slipway.cluster.own.admission import read_admission
from slipway.cluster.own.configurations import live_configuration
from slipway.cluster.rest.client import Client, Object
from slipway.cluster.standing import pressures_of, ready_of, sick_modules
from slipway.errors import PreflightError
from slipway.model.amounts import Amount
from slipway.model.modulehealth import NO_EXPECTATIONS, Expectations
from slipway.model.observed import ClusterObserved, LiveConfiguration, NodeObserved
from slipway.model.record import Intent, NodeRecord
from slipway.settings import API_GROUP, API_VERSION, NAMESPACE, NODE_RECORD_PREFIX

#: On the operator's Deployment: digest of the catalog its image carries.
CATALOG_ANNOTATION = f"{API_GROUP}/catalog"
OPERATOR = "slipway-operator"


def observe(
    client: Client, *, expectations: Expectations = NO_EXPECTATIONS, drift: bool = False
) -> ClusterObserved:
    """Read the cluster, and health by `expectations`. `drift`: also compare what modules made with what is there."""
    with ThreadPoolExecutor(max_workers=7, thread_name_prefix="cluster") as pool:
        version = pool.submit(client.version)
        nodes = pool.submit(_nodes, client)
        modules = pool.submit(records.read_modules, client)
        configurations = pool.submit(_configurations, client)
        operator = pool.submit(operator_catalog, client)
        settings = pool.submit(records.read_settings_record, client)
        admission = pool.submit(read_admission, client)
        found, failed = modules.result()
        return ClusterObserved(
            reachable=True,
            version=version.result(),
            nodes=nodes.result(),
            modules=found,
            unreadable=failed,
            configurations=configurations.result(),
            sick=sick_modules(client, found.values(), expectations, pool),
            drift=drifts.drift_of_modules(client, found.values(), pool) if drift else {},
            operator_catalog=operator.result(),
            settings=settings.result(),
            admission=admission.result(),
        )


def _nodes(client: Client) -> dict[str, NodeObserved]:
    found = client.list("v1", "ConfigMap", NAMESPACE, labels=kept.NODE_LABEL)
    documents = {item["metadata"]["name"].removeprefix(NODE_RECORD_PREFIX): item for item in found}
    nodes = {node["metadata"]["name"]: node for node in client.list("v1", "Node")}
    return {name: node_observed(node, documents.get(name)) for name, node in nodes.items()}


def read_node(client: Client, name: str) -> NodeObserved | None:
    """One Node, or None."""
    node = client.get("v1", "Node", name)
    if node is None:
        return None
    return node_observed(node, client.get("v1", "ConfigMap", NODE_RECORD_PREFIX + name, NAMESPACE))


def node_observed(node: Object, document: Object | None) -> NodeObserved:
    """One Node as data. What is kept of it comes from the ConfigMap alone."""
    meta, status = node["metadata"], node.get("status", {})
    name, ready, unreadable = meta["name"], ready_of(node), None
    try:
        record = kept.node_record(node, document)
    except PreflightError as error:  # of this node alone
        record, unreadable = NodeRecord(name), kept.unreadable(error)
    taints = (node.get("spec") or {}).get("taints") or ()
    former = any(key in kept.FORMER for key in meta.get("annotations") or {})
    return NodeObserved(
        name=name,
        ready=ready.get("status") == "True",
        version=(status.get("nodeInfo") or {}).get("kubeletVersion", ""),
        labels=meta.get("labels") or {},
        taints=tuple({key: taint.get(key, "") for key in ("key", "value", "effect")} for taint in taints),
        owned_labels=record.labels,
        owned_taints=record.taints,
        records=record.steps,
        message="" if ready.get("status") == "True" else ready.get("message", ""),
        address=record.address,
        since=ready.get("lastTransitionTime") or "",
        silent=ready.get("status") == "Unknown",
        pressures=pressures_of(node),
        begun=tuple(Intent(record.operation, f"host/{name}/{role}", "") for role in record.begun),
        drained=record.drained,
        unreadable=unreadable,
        allocatable=_allocatable(status.get("allocatable") or {}),
        former=former and not record.steps and not unreadable,
    )


def _allocatable(said: Object) -> Amount:
    """Nothing where it is written as nobody knows."""
    try:
        return Amount.parse(str(said.get("cpu", "")), str(said.get("memory", "")))
    except ValueError:
        return Amount()


def _configurations(client: Client) -> tuple[LiveConfiguration, ...]:
    found = client.list(API_VERSION, "ClusterConfiguration")
    return tuple(live_configuration(item) for item in found)


def operator_catalog(client: Client) -> str:
    """Catalog digest of the operator that runs; empty: none does."""
    found = client.get("apps/v1", "Deployment", OPERATOR, NAMESPACE)
    if not (found or {}).get("status", {}).get("availableReplicas"):
        return ""
    annotations = (found or {}).get("metadata", {}).get("annotations") or {}
    return str(annotations.get(CATALOG_ANNOTATION, ""))
