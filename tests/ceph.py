"""A Ceph cluster of one node for tests: monitor, one OSD on a sparse file, metadata server, one file system.

Real daemons of Debian's packages, from the bundle's repository on the node. It needs no manager: files are written and
read without one.
"""

from slipway.lab import Lab

PACKAGES = ("ceph-mon", "ceph-osd", "ceph-mds")
#: The client that mounts, and the cluster's only file system.
CLIENT = "slipway"
#: Bytes of the OSD's sparse file.
SIZE = 3 << 30

_INSTALL = f"""\
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
echo 'deb [trusted=yes] file:/var/lib/slipway/packages/SYSTEM ./' > /root/ceph.list
set -- -qq -o Dir::Etc::sourcelist=/root/ceph.list -o Dir::Etc::sourceparts=-
apt-get "$@" update
DEBIAN_FRONTEND=noninteractive apt-get "$@" install --yes --no-install-recommends {" ".join(PACKAGES)} ceph-common
rm /usr/sbin/policy-rc.d
"""
_START = f"""\
fsid=$(cat /proc/sys/kernel/random/uuid) name=$(hostname) data=/var/lib/ceph
cat > /etc/ceph/ceph.conf <<X
[global]
fsid = $fsid
mon initial members = $name
mon host = ADDRESS
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
osd memory target = 939524096
bluestore cache autotune = false
[osd]
bluestore block size = {SIZE}
X
keyring() {{ ceph-authtool "$@" >/dev/null; }}
keyring --create-keyring /tmp/mon --gen-key -n mon. --cap mon 'allow *'
admin=/etc/ceph/ceph.client.admin.keyring
keyring --create-keyring $admin --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mds 'allow *'
keyring /tmp/mon --import-keyring $admin
monmaptool --create --add $name ADDRESS --fsid $fsid /tmp/monmap >/dev/null
chown ceph:ceph /tmp/mon /tmp/monmap
install -d -o ceph -g ceph $data/mon/ceph-$name $data/osd/ceph-0 $data/mds/ceph-$name
runuser -u ceph -- ceph-mon --mkfs -i $name --monmap /tmp/monmap --keyring /tmp/mon
systemctl enable --now ceph-mon@$name
until timeout 10 ceph mon enable-msgr2; do sleep 1; done
id=$(cat /proc/sys/kernel/random/uuid) key=$(ceph-authtool --gen-print-key)
echo "{{\\"cephx_secret\\": \\"$key\\"}}" | ceph osd new $id -i - >/dev/null
keyring --create-keyring $data/osd/ceph-0/keyring --name osd.0 --add-key $key
truncate -s {SIZE} $data/osd/ceph-0/block
chown -R ceph:ceph $data/osd
runuser -u ceph -- ceph-osd -i 0 --mkfs --osd-uuid $id
systemctl enable --now ceph-osd@0
mds=$data/mds/ceph-$name/keyring
ceph auth get-or-create mds.$name mon 'allow profile mds' osd 'allow rwx' mds 'allow *' -o $mds
chown ceph:ceph $mds
systemctl enable --now ceph-mds@$name
ceph osd pool create cephfs_data 8
ceph osd pool create cephfs_meta 8
ceph fs new cephfs cephfs_meta cephfs_data
until ceph fs status cephfs 2>/dev/null | grep -q active || ceph mds stat | grep -q up:active; do sleep 1; done
"""


def start(lab: Lab, node: str) -> str:
    """Start it on a node that was prepared; the key of the client that may mount."""
    found = lab.site.node(node)
    lab.ssh(node, ["sh", "-ec", _INSTALL.replace("SYSTEM", found.os)], timeout=600)
    lab.ssh(node, ["sh", "-ec", _START.replace("ADDRESS", found.address)], timeout=300)
    rights = ["mon", "allow r", "osd", "allow rw", "mds", "allow rw"]
    lab.ssh(node, ["ceph", "auth", "get-or-create", f"client.{CLIENT}", *rights])
    return lab.ssh(node, ["ceph", "auth", "print-key", f"client.{CLIENT}"]).stdout.strip()
