# Prints all that a plan needs to know of this host, as sections: "NAME:" and its lines, each behind one blank.
# POSIX sh and Debian's essential packages only; what is missing is an empty section. $1: sshd's SSH_CONNECTION.
section() {
    printf '%s:\n' "$1"
    shift
    "$@" 2>/dev/null | sed 's/^/ /'
    echo
}

# stdin: paths to measure; "fsync PATH" asks for that of a durable write too; "disk ID" for a data disk.
durable=
identities=
wanted=
while IFS= read -r line; do
    case $line in
    'fsync '*) durable=${line#fsync } ;;
    'disk '*) identities="$identities${line#disk }
" ;;
    *) wanted="$wanted$line
" ;;
    esac
done

disks() {
    printf %s "$wanted" | while IFS= read -r wanted; do
        place=$wanted
        while [ ! -e "$place" ]; do
            place=${place%/*}
            place=${place:-/}
        done
        df -Pm -- "$place" | {
            read -r _
            read -r _ _ _ free _
            echo "$wanted $free"
        }
    done
}

state=/var/lib/slipway
section time date +%s.%N
section os cat /etc/os-release
section kernel uname -r
section architecture uname -m
section hostname cat /proc/sys/kernel/hostname
section machine cat /etc/machine-id
section cpus nproc
section memory grep '^MemTotal:' /proc/meminfo
section python python3 -V
section interpreter cat /opt/slipway/python/digest
section disks disks
section addresses ip -o -4 addr show
section routes ip -4 route show
section peer echo "${1%% *}"
section kubelet grep '^ *server:' /etc/kubernetes/kubelet.conf
section record cat "$state/record.json"
section pending cat "$state/pending.json"
section lock cat "$state/lock.json"
section boot cat /proc/sys/kernel/random/boot_id
section uptime cat /proc/uptime
section runtime cat "$state/runtime.json"
