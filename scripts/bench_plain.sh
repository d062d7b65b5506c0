#!/bin/bash
# The measure for `slipway install`: what a person would write by hand for the same three nodes. No plan, no records,
# no checks, no locks; a second run would break the cluster. Called by bench.py; prints "PHASE SECONDS-SINCE-EPOCH" lines.
#
# In place before it starts, on every node: the programs in /usr/local/bin and /opt/cni/bin, the Debian packages in
# /root/plain/packages; on the first node Helm, charts and their values too, and a registry with all images at $REGISTRY.
#
# SSH: ssh with its options   NODES: "name=address ...", the first is the control plane   ENDPOINT: name of the API
# REGISTRY: host:port         MIRRORS: "docker.io ghcr.io ..."   VERSION: v1.35.4   PAUSE: sandbox image
# PACKAGES: "runc ..."        CHARTS: "release=namespace ..." after flannel
set -euo pipefail

mark() { echo "$1 $(date +%s.%N)"; }

# Run a function of this script on a node, with arguments.
on() {
    local address=$1
    shift
    # shellcheck disable=SC2029 # quoted here, on purpose
    $SSH "root@$address" "set -euo pipefail; $(declare -f "$1"); $(printf '%q ' "$@")" >/dev/null
}

prepare() { # NAME HOSTS ENDPOINT REGISTRY MIRRORS PAUSE PACKAGES
    hostname "$1"
    echo "$1" >/etc/hostname
    echo "$2" >>/etc/hosts
    echo 'deb [trusted=yes] file:/root/plain/packages ./' >/root/plain/sources.list
    local apt=(-qq -o Dir::Etc::sourcelist=/root/plain/sources.list -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive apt-get "${apt[@]}" install -y --no-install-recommends $7
    printf '%s = 1\n' net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables \
        >/etc/sysctl.d/90-kubernetes.conf
    sysctl -q -e -p /etc/sysctl.d/90-kubernetes.conf
    for mirror in $5; do
        mkdir -p "/etc/containerd/certs.d/$mirror"
        printf '[host."http://%s/v2/%s"]\ncapabilities = ["pull", "resolve"]\noverride_path = true\n' "$4" "$mirror" \
            >"/etc/containerd/certs.d/$mirror/hosts.toml"
    done
    cat >/etc/containerd/config.toml <<EOF
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "$6"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
EOF
    cat >/etc/systemd/system/containerd.service <<'EOF'
[Service]
Type=notify
ExecStart=/usr/local/bin/containerd
Delegate=yes
KillMode=process
Restart=always
LimitNOFILE=20000
TasksMax=infinity
[Install]
WantedBy=multi-user.target
EOF
    cat >/etc/systemd/system/kubelet.service <<'EOF'
[Unit]
After=containerd.service
[Service]
Environment="KUBECONFIGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet $KUBECONFIGS --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=5
StartLimitInterval=0
[Install]
WantedBy=multi-user.target
EOF
    systemctl daemon-reload
    systemctl enable --quiet --now containerd
    systemctl enable --quiet kubelet
}

initialize() { # ADDRESS ENDPOINT VERSION
    cat >/root/plain/kubeadm.yaml <<EOF
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $1}
nodeRegistration: {ignorePreflightErrors: [SystemVerification]}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: $3
controlPlaneEndpoint: $2:6443
networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
conntrack: {maxPerCore: 0, min: 0}
EOF
    kubeadm init --config /root/plain/kubeadm.yaml
}

join() { # JOIN-COMMAND
    $1 --ignore-preflight-errors=SystemVerification
}

release() { # NAME NAMESPACE
    KUBECONFIG=/etc/kubernetes/admin.conf helm upgrade --install "$1" "/root/plain/charts/$1.tgz" --wait --timeout 5m \
        --namespace "$2" --create-namespace --values "/root/plain/values/$1.json"
}

ready() { # NUMBER OF NODES
    export KUBECONFIG=/etc/kubernetes/admin.conf
    until [ "$(kubectl get nodes -o name | wc -l)" = "$1" ]; do sleep 0.2; done
    kubectl wait --for=condition=Ready nodes --all --timeout=5m
    kubectl -n kube-flannel rollout status daemonset/kube-flannel-ds --timeout=5m
}

# Wait for all background jobs; the first that failed ends the script.
all() {
    local job
    for job in $(jobs -p); do wait "$job"; done
}

read -ra nodes <<<"$NODES"
first=${nodes[0]#*=}
hosts="$first $ENDPOINT"
for node in "${nodes[@]}"; do hosts+=$'\n'"${node#*=} ${node%=*}"; done

mark started
for node in "${nodes[@]}"; do
    on "${node#*=}" prepare "${node%=*}" "$hosts" "$ENDPOINT" "$REGISTRY" "$MIRRORS" "$PAUSE" "$PACKAGES" &
done
all
mark prepared
on "$first" initialize "$first" "$ENDPOINT" "$VERSION"
mark initialized
command=$($SSH "root@$first" kubeadm token create --print-join-command)
for node in "${nodes[@]:1}"; do on "${node#*=}" join "$command" & done
on "$first" release flannel kube-flannel &
all
on "$first" ready "${#nodes[@]}"
mark network
for chart in $CHARTS; do on "$first" release "${chart%=*}" "${chart#*=}" & done
all
mark modules
