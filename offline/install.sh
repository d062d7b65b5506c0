#!/usr/bin/env bash
# install.sh [--prefix DIR] [--bin DIR] [--key FILE.pub]...: installs Slipway out of the bundle that this file lies in.
#
# Needs bash, sha256sum and Python (3.11 or 3.13); no network, no pip, no compiler. Asks nobody and nothing outside the bundle.
# With --key it refuses a bundle that none of these keys signed, before anything of the bundle is run: the signature is
# checked by the OpenSSL of this machine's own Python. Stopped at any moment, the same command goes on; done again, it
# changes nothing. Former releases stay beside the new one until they are removed by hand.
set -euo pipefail
umask 022

prefix=/opt/slipway/releases bin=/usr/local/bin keys=()

fail() { # what why next
  printf 'error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '  why: %s\n' "$2" >&2
  [ -z "${3:-}" ] || printf '  next: %s\n' "$3" >&2
  exit 7
}

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0"; }

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --prefix | --bin | --key)
      [ $# -gt 1 ] || { echo "$1 needs a value" >&2; exit 2; }
      case $1 in
        --prefix) prefix=$2 ;;
        --bin) bin=$2 ;;
        --key) keys+=("$2") ;;
      esac
      shift 2 ;;
    *) echo "install.sh: unknown option $1; --help shows all" >&2; exit 2 ;;
  esac
done

bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
manifest=$bundle/bundle.yaml
[ -f "$manifest" ] || fail "there is no complete bundle here" "$manifest is missing" "copy or import the bundle again"

# The files of the bundle that an installation needs, as sha256sum reads them.
wheels() {
  awk '$1 == "digest:" { sub("sha256:", "", $2); digest = $2 }
       $1 == "path:" && $2 ~ /^wheel\// { print digest "  " $2 }' "$manifest"
}
version=$(awk '$1 == "slipway:" { print $2; exit }' "$manifest")

find_python() {
  local candidate tag
  for candidate in python3 python3.13 python3.11; do
    tag=$("$candidate" -Ic 'import sys; print("cp%d%d" % sys.version_info[:2])' 2>/dev/null) || continue
    # A bundle has wheels of what is not pure Python for each interpreter that Slipway supports.
    if wheels | grep -q -- "-$tag-$tag-"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}
python=$(find_python) || fail "there is no Python that this bundle supports" \
  "it has wheels for $(wheels | sed -n 's/.*-cp\(3\)\([0-9]*\)-cp3.*/\1.\2/p' | sort -u | paste -sd' ')" \
  "install python3 of Debian 12 or 13"

check_signature() {
  "$python" -I - "$bundle" "${keys[@]}" <<'PYTHON'
import base64, binascii, ctypes, hashlib, json, ssl, sys

def refuse(what, why=""):
    print(f"error: {what}\n" + (f"  why: {why}\n" if why else "") + "  next: sign it with a key that is trusted here:"
          " slipway bundle sign DIR --key FILE", file=sys.stderr)
    sys.exit(7)

def openssl():
    """The library that this interpreter's ssl module is linked with."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            if "libcrypto" in line:
                return ctypes.CDLL(line.split(None, 5)[5].strip())
    return ctypes.CDLL(ssl._ssl.__file__)

def valid(library, key, signature, message):
    ED25519 = 1087  # NID_ED25519
    pointer = ctypes.c_void_p
    for name in ("EVP_PKEY_new_raw_public_key", "EVP_MD_CTX_new"):
        getattr(library, name).restype = pointer
    library.EVP_PKEY_new_raw_public_key.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.EVP_DigestVerifyInit.argtypes = [pointer] * 5
    library.EVP_DigestVerify.argtypes = [pointer, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    public = library.EVP_PKEY_new_raw_public_key(ED25519, None, key, len(key))
    context = library.EVP_MD_CTX_new()
    if not public or not context or library.EVP_DigestVerifyInit(context, None, None, None, public) != 1:
        return False
    return library.EVP_DigestVerify(context, signature, len(signature), message, len(message)) == 1

bundle, files = sys.argv[1], sys.argv[2:]
trusted = {}
for path in files:
    try:
        kind, text = open(path, encoding="utf-8").read().split()[:2]
        blob = base64.b64decode(text, validate=True)
    except (OSError, ValueError) as error:
        refuse(f"{path}: this is no public key of Ed25519", str(error))
    if kind != "ssh-ed25519" or len(blob) != 51:
        refuse(f"{path}: this is no public key of Ed25519", f"it is of {kind}")
    name = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    trusted[f"SHA256:{name}"] = blob[-32:]
try:
    data = json.load(open(f"{bundle}/bundle.yaml.sig", encoding="utf-8"))
    form, name, signature = data["format"], data["key"], base64.b64decode(data["signature"], validate=True)
except FileNotFoundError:
    refuse(f"{bundle}: the bundle is not signed")
except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
    refuse(f"{bundle}/bundle.yaml.sig: this is no signature", str(error))
if form != 1 or name not in trusted:
    refuse(f"{bundle}: the bundle is not signed by a trusted key", f"it is by {name}; trusted are {', '.join(trusted)}")
message = b"slipway bundle 1\n" + open(f"{bundle}/bundle.yaml", "rb").read()
if len(signature) != 64 or not valid(openssl(), trusted[name], signature, message):
    refuse(f"{bundle}: the bundle was changed after it was signed")
print(f"signed by {name}")
PYTHON
}
if [ ${#keys[@]} -gt 0 ]; then check_signature; fi

# Nothing of the bundle is run before all that will be is what the manifest says.
damaged=$(cd "$bundle" && wheels | sha256sum --check --quiet 2>&1) || fail "the bundle is damaged" "$damaged" \
  "copy it again; slipway bundle verify names every file"

mark=$(wheels | sha256sum | cut -c1-12)
tag=$("$python" -Ic 'import sys; print("cp%d%d" % sys.version_info[:2])')
release=$prefix/$version-$tag-$mark
if [ ! -f "$release/.complete" ]; then
  echo "installing Slipway $version with $python into $release"
  rm -rf "$release"
  mkdir -p "$prefix" || fail "$prefix cannot be made" "" "run it as root, or choose another --prefix"
  "$python" -m venv --without-pip "$release"
  pip=$(echo "$bundle"/wheel/pip-*.whl)
  PIP_CONFIG_FILE=/dev/null "$release/bin/python" -I "$pip/pip" --isolated install --quiet --no-index --no-cache-dir \
    --find-links "$bundle/wheel" --disable-pip-version-check --no-warn-script-location "slipway-installer==$version" ||
    fail "pip could not install out of the bundle" "it says why above" "the same command tries again"
  "$release/bin/slipway" version >/dev/null
  : >"$release/.complete"
fi

link=$bin/slipway
if [ "$(readlink "$link" 2>/dev/null || true)" != "$release/bin/slipway" ]; then
  mkdir -p "$bin"
  ln -sfn "$release/bin/slipway" "$bin/.slipway.part"
  mv -T "$bin/.slipway.part" "$link"
fi
echo "slipway $version is $link"
echo "next: slipway bundle verify $bundle"
