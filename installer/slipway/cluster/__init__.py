"""The edge to Kubernetes and Helm: the only room that imports kubernetes and pyhelm3.

client     get, list, apply, patch, delete, watch of any kind; foreign errors become ours
observe    the cluster as `model.ClusterObserved`
records    module records, node metadata and mirrored host records
lease      one writer per ClusterConfiguration
settings   CRD, Secrets and the ClusterConfiguration themselves
nodes      drain and remove a node
helm       releases, and the states a killed Helm leaves behind
health     is an object current, and if not, why (pure rules; waiting)
modules    one module installed, changed or removed: what playbooks/modules.yml runs
"""
