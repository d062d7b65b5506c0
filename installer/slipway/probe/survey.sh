# What preflight looks at, in the same round trip as read.sh and in the same form. A host has hundreds of devices and
# links: their files are read without starting a program for each.
cgroup() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo 2; else echo 1; fi
}

# Of a module, and of a function that it has: a kernel that is one piece names neither module nor file.
can() {
    if [ -d "/sys/module/$1" ] || modprobe -n -q "$1" ||
        grep -qs "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin" ||
        { [ -n "$2" ] && grep -qsm1 " $2$" /proc/kallsyms; }; then
        echo "$1"
    fi
}

loadable() {
    can overlay
    can br_netfilter
    can vxlan
    can ip_tables ipt_register_table
    can nf_tables nft_register_expr
    can ip_vs register_ip_vs_scheduler
}

links() {
    for path in /sys/class/net/*; do
        mtu=
        mac=
        read -r mtu <"$path/mtu"
        read -r mac <"$path/address"
        echo "${path##*/} $mtu $mac"
    done
}

active() {
    for unit in "$@"; do
        if systemctl is-active -q "$unit"; then echo "$unit"; fi
    done
}

# Slipway's own unit is no stranger; nor is ufw, which counts as active also where it filters nothing.
strangers() {
    active firewalld docker crio k3s k3s-agent rke2-server rke2-agent snap.microk8s.daemon-kubelite
    if grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf; then active ufw; fi
    if ! grep -qs '"container_runtime"' "$state/record.json"; then active containerd; fi
}

# As etcd writes its log: small and durable. Only where there is no member yet, whose work it would disturb.
fsync() {
    [ -n "$durable" ] && [ ! -e "$state/record.json" ] || return 0
    place=$durable
    while [ ! -d "$place" ]; do place=${place%/*}; place=${place:-/}; done
    probe=$(mktemp "$place/.slipway-fsync.XXXXXX") || return 0
    began=$(date +%s%N)
    dd if=/dev/zero of="$probe" bs=2300 count=20 oflag=dsync,nofollow conv=notrunc
    ended=$(date +%s%N)
    rm -f "$probe"
    echo $(((ended - began) / 20000))
}

# NVIDIA's PCI devices of a class: 0x03 displays and accelerators, 0x0680 switches between them.
nvidia_devices() {
    for device in /sys/bus/pci/devices/*; do
        vendor=
        read -r vendor <"$device/vendor"
        [ "$vendor" = 0x10de ] || continue
        read -r class <"$device/class"
        read -r id <"$device/device"
        case $class in
        "$1"*) echo "${device##*/} 10de:${id#0x}" ;;
        esac
    done
}

# A disk by its id or serial number, with all that lies on it; read from the disk, not from udev's memory.
data_disks() {
    printf %s "$identities" | while IFS= read -r identity; do
        echo "disk $identity"
        device=/dev/disk/by-id/$identity
        if [ ! -e "$device" ]; then
            device=$(lsblk -dnpo NAME,SERIAL | awk -v serial="$identity" '$2 == serial {print $1}')
        fi
        device=$(readlink -f "$device")
        [ -b "$device" ] || continue
        lsblk -bpPo NAME,TYPE,SIZE,SERIAL,PARTLABEL,MOUNTPOINT "$device"
        lsblk -nplo NAME,TYPE "$device" | while read -r name kind; do
            case $kind in part) ;; *) [ "$name" = "$device" ] || continue ;; esac
            wipefs -n --noheadings -O TYPE "$name" | sed "s|^|signature $name |"
        done
    done
}

# Versions of module and library tell of a driver that was upgraded and not loaded again; no GPU is asked, which takes
# seconds where none is in use. Where the library is, the linker knows, as whoever loads it asks the linker.
nvidia_driver() {
    read -r line </proc/driver/nvidia/version && echo "module $line"
    library=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p | awk '$1 == "libnvidia-ml.so.1" && /x86-64/ {print $NF; exit}')
    if [ -n "$library" ]; then echo "library $(readlink -f "$library")"; fi
    if command -v nv-fabricmanager >/dev/null; then echo "fabric-manager $(nv-fabricmanager --version)"; fi
    for gpu in /proc/driver/nvidia/gpus/*/information; do
        while read -r key value; do
            if [ "$key" = Model: ]; then echo "model $value"; fi
        done <"$gpu"
    done
}

# Whether cloud-init runs at boot, and what it is told of names; user data, in the last file, wins.
cloud_init() {
    [ ! -e /etc/cloud/cloud-init.disabled ] || return 0
    systemctl is-enabled cloud-init.service cloud-init-network.service | grep -q '^enabled' || return 0
    ! grep -q 'cloud-init=disabled' /proc/cmdline || return 0
    echo runs
    grep -HsE '^(manage_etc_hosts|preserve_hostname):' \
        /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg /var/lib/cloud/instance/cloud-config.txt
}

# Of the names that Slipway writes: what cannot be replaced, and a resolver's file that leads nowhere.
names() {
    if [ ! -e /etc/resolv.conf ]; then echo "dangling $(readlink /etc/resolv.conf)"; fi
    lsattr -d /etc/hosts /etc/hostname /etc/resolv.conf | awk '$1 ~ /i/ {print "immutable " $2}'
}

# The public halves only; kubeadm keeps some inside the files of their users.
certificates() {
    for file in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /etc/slipway-registry/tls.crt \
        /var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/kubelet/pki/kubelet.crt; do
        if [ -f "$file" ]; then
            echo "file $file"
            sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' "$file"
        fi
    done
    for file in /etc/kubernetes/*.conf; do
        if grep -q 'client-certificate-data:' "$file"; then
            echo "file $file"
            sed -n 's/^ *client-certificate-data: *//p' "$file" | base64 -d
        fi
    done
}

section cgroup cgroup
section container systemd-detect-virt -c
section filesystems awk '{print $NF}' /proc/filesystems
section loadable loadable
section swaps awk 'NR > 1 {print $1}' /proc/swaps
section clock active chronyd chrony ntpd ntp ntpsec systemd-timesyncd
section nameservers awk '$1 == "nameserver" {print $2}' /etc/resolv.conf
section selinux cat /sys/fs/selinux/enforce
section services strangers
section listeners ss -Hltnp
section links links
section fsync fsync
section blocks data_disks
section gpus nvidia_devices 0x03
section nvswitches nvidia_devices 0x0680
section driver nvidia_driver
section cloud-init cloud_init
section names names
section tables nft list tables
section cni ls -1 /etc/cni/net.d
section manifests ls -1 /etc/kubernetes/manifests
section product cat /sys/class/dmi/id/product_uuid
section host-keys awk '{print $1, $2}' /etc/ssh/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_rsa_key.pub
section certificates certificates
section mountpoints awk '$2 !~ "^/(proc|sys|dev|run)(/|$)|/kubelet/pods/|/overlay2?/|/rootfs$" {print $2, $4}' /proc/self/mounts
section nouveau ls -d /sys/module/nouveau
