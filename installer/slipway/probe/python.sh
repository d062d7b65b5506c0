# Puts the bundle's Python into /opt/slipway/python. stdin: its sha256, a line; then the archive. POSIX sh, tar, gzip
# and coreutils only. Whatever an interrupted run left goes first; what is there stays until the new one has run.
set -e
umask 022
place=/opt/slipway
IFS= read -r wanted
mkdir -p "$place"
rm -rf "$place"/.python.*
draft=$(mktemp -d "$place/.python.XXXXXX")
trap 'rm -rf "$draft"' EXIT
cat >"$draft/archive"
found=$(sha256sum <"$draft/archive")
if [ "${found%% *}" != "$wanted" ]; then
    echo "its sha256 is ${found%% *} and not $wanted: it was damaged on its way" >&2
    exit 1
fi
mkdir "$draft/tree"
tar -xzf "$draft/archive" -C "$draft/tree"
"$draft/tree/usr/bin/python3" -c 'import ctypes, json, ssl, zlib'
echo "sha256:$wanted" >"$draft/tree/digest"
chmod 755 "$draft/tree"
sync
if [ -e "$place/python" ]; then mv "$place/python" "$draft/old"; fi
mv "$draft/tree" "$place/python"
