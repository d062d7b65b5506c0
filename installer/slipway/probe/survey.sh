# What preflight looks at, in the same round trip as read.sh and in the same form. A host has hundreds of devices and
# links: their files are read without starting a program for each.
cgroup() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo 2; else echo 1; fi
}

loadable() {
    for module in overlay br_netfilter vxlan; do
        if [ -d "/sys/module/$module" ] || modprobe -n -q "$module" ||
            grep -qs "/$module\.ko" "/lib/modules/$(uname -r)/modules.builtin"; then
            echo "$module"
        fi
    done
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
    dd if=/dev/zero of="$probe" bs=2300 count=20 oflag=dsync conv=notrunc
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
section nouveau ls -d /sys/module/nouveau
