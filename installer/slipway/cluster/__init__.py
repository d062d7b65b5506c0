"""The edge to Kubernetes and Helm: the only room that imports kubernetes and pyhelm3.

rest        how the API is spoken to: get, list, apply, patch, delete, watch; foreign errors become ours
own         what Slipway keeps there: records, settings, Secrets, ClusterConfigurations, Operations, Events
locks       one writer per ClusterConfiguration, one active operator, and the account that changes things
condition   is an object current, and if not, why; pods and workloads
lifecycle   one module installed, changed or removed, with Helm: what playbooks/modules.yml runs
observe     the cluster as `model.ClusterObserved`; `standing` what is sick of it
nodes       drain and remove a node; `servingrequests` what kubelets ask to be signed
"""
