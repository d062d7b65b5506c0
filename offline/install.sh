#!/usr/bin/env bash
# install.sh [--prefix DIR] [--bin DIR] [--key FILE.pub]... [--allow-older REASON]: installs Slipway out of the bundle that
# this file lies in.
#
# Needs bash, sha256sum and Python (3.11 or 3.13); no network, no pip, no compiler. Asks nobody and nothing outside the bundle.
# With --key it refuses a bundle that none of these keys signed, before anything of the bundle is run: the signature is
# checked by the OpenSSL of this machine's own Python. The keys are remembered in DIR/trusted.pub: the next bundle has to be
# signed as well, and no earlier than this one (DIR/accepted has its serial), or --allow-older says why not, which is kept in
# DIR/accepted.log. Stopped at any moment, the same command goes on; done again, it changes nothing. Former releases stay
# beside the new one until they are removed by hand.
set -euo pipefail
umask 022

prefix=/opt/slipway/releases bin=/usr/local/bin keys=() reason=''

fail() { # what why next
  printf 'error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '  why: %s\n' "$2" >&2
  [ -z "${3:-}" ] || printf '  next: %s\n' "$3" >&2
  exit 7
}
again="mend the cause and run the same command again"

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --prefix | --bin | --key | --allow-older)
      [ $# -gt 1 ] || { echo "install.sh: $1 needs a value" >&2; exit 2; }
      case $1 in
        --prefix) prefix=$2 ;;
        --bin) bin=$2 ;;
        --key) keys+=("$2") ;;
        --allow-older) reason=${2//[$'\n\r']/ } ;;
      esac
      shift 2 ;;
    *) echo "install.sh: unknown option $1; --help shows all" >&2; exit 2 ;;
  esac
done
# A link has to lead to the same place from everywhere.
[[ $prefix == /* ]] || prefix=$PWD/$prefix
[[ $bin == /* ]] || bin=$PWD/$bin

bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
[ -f "$bundle/bundle.yaml" ] ||
  fail "there is no complete bundle here" "$bundle/bundle.yaml is missing" "copy or import the bundle again"
# Read once: what is checked is what is believed, whatever becomes of the medium meanwhile.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp "$bundle/bundle.yaml" "$copy/" || fail "the bundle cannot be read" "it says why above" "$again"
[ ! -e "$bundle/bundle.yaml.sig" ] || cp "$bundle/bundle.yaml.sig" "$copy/"
# Who asked for a signature once means it.
[ ${#keys[@]} -gt 0 ] || [ ! -e "$prefix/trusted.pub" ] || keys=("$prefix/trusted.pub")
: >"$copy/trusted.pub"
for key in "${keys[@]}"; do
  cp "$key" "$copy/key" || fail "$key cannot be read" "it says why above" "name a public key that is there"
  printf '%s\n' "$(<"$copy/key")" >>"$copy/trusted.pub"
done

# What bundle.yaml says, without a reader of YAML: Slipway writes it one field a line.
version='' digest='' wheels=() list=''
while IFS= read -r line; do
  case $line in
    'slipway: '*) version=${line#slipway: } ;;
    '- '*) digest='' ;;
    '  digest: sha256:'*) digest=${line#*sha256:} ;;
    '  path: wheel/'*)
      name=${line#*: wheel/}
      [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._+-]*\.whl$ && $digest =~ ^[0-9a-f]{64}$ ]] ||
        fail "the bundle is damaged" "bundle.yaml has the wheel '$name' with the digest '$digest'" "copy it again"
      wheels+=("$name")
      list+="$digest  wheel/$name"$'\n' ;;
  esac
done <"$copy/bundle.yaml"
[[ ${#wheels[@]} -gt 0 && $version =~ ^[0-9A-Za-z.+-]+$ ]] ||
  fail "this bundle does not carry Slipway" "bundle.yaml lists no wheels" "build it with a newer Slipway"

# A bundle has wheels of what is not pure Python for each processor and interpreter that it supports.
machine=$(uname -m)
supported=()
for name in "${wheels[@]}"; do
  [[ $name =~ -cp3([0-9]+)-cp3[0-9]+-.*_"$machine"\.whl$ && ${supported[*]-} != *"3.${BASH_REMATCH[1]}"* ]] || continue
  supported+=("3.${BASH_REMATCH[1]}")
done
[ ${#supported[@]} -gt 0 ] || fail "this bundle does not carry Slipway for $machine" "it has no wheels for this machine" \
  "install on another one, or build it with hosts or --platform of this architecture"
python='' seen=''
for candidate in python3 "${supported[@]/#/python}"; do
  found=$("$candidate" -Ic 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  seen+="${seen:+, }$candidate is $found"
  [[ " ${supported[*]} " == *" $found "* ]] || continue
  "$candidate" -Ic 'import ctypes, fcntl, ssl, venv, zlib' 2>/dev/null || { seen+=" without its library"; continue; }
  python=$(command -v "$candidate")
  break
done
[ -n "$python" ] || fail "there is no Python that this bundle supports" \
  "it has wheels for ${supported[*]}; here ${seen:-there is none}" "install python3 of Debian 12 or 13"

check_signature() {
  "$python" -I - "$bundle" "$copy" "${keys[*]}" <<'PYTHON'
import base64, binascii, ctypes, hashlib, json, re, ssl, sys

def refuse(what, why=""):
    print(f"error: {what}\n" + (f"  why: {why}\n" if why else "") + "  next: sign it with a key that is trusted here:"
          " slipway bundle sign DIR --key FILE; or name another with --key", file=sys.stderr)
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

bundle, copy, path = sys.argv[1:]
trusted = {}
try:
    lines = [line.split() for line in open(f"{copy}/trusted.pub", encoding="utf-8") if line.strip()]
    blobs = [base64.b64decode(text, validate=True) for _, text, *_ in lines]
except (OSError, ValueError) as error:
    refuse(f"{path}: this is no public key of Ed25519", str(error))
if not blobs or any(line[0] != "ssh-ed25519" for line in lines) or any(len(blob) != 51 for blob in blobs):
    refuse(f"{path}: this is no public key of Ed25519", f"it has {' '.join(line[0] for line in lines) or 'nothing'}")
for blob in blobs:
    name = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    trusted[f"SHA256:{name}"] = blob[-32:]
try:
    data = json.load(open(f"{copy}/bundle.yaml.sig", encoding="utf-8"))
    form, name, signature = data["format"], str(data["key"]), base64.b64decode(data["signature"], validate=True)
    serial, site = (0, "") if form == 1 else (data["serial"], data["site"])
    if type(serial) is not int or not 0 <= serial < 1 << 53 or not re.fullmatch("[a-z0-9.-]{0,253}", site):
        raise ValueError(f"{serial!r} for {site!r} is not what is signed")
except FileNotFoundError:
    refuse(f"{bundle}: the bundle is not signed")
except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
    refuse(f"{bundle}/bundle.yaml.sig: this is no signature", str(error))
if form not in (1, 2) or name not in trusted:
    refuse(f"{bundle}: the bundle is not signed by a trusted key", f"it is by {name}; trusted are {', '.join(trusted)}")
said = f"slipway bundle {form}\n" + (f"{serial}\n{site}\n" if form == 2 else "")
message = said.encode() + open(f"{copy}/bundle.yaml", "rb").read()
if len(signature) != 64 or not valid(openssl(), trusted[name], signature, message):
    refuse(f"{bundle}: the bundle was changed after it was signed")
with open(f"{copy}/serial", "w", encoding="utf-8") as file:
    file.write(f"{serial}\n")
print(f"signed by {name}" + (f" for {site}" if site else ""))
PYTHON
}

# A bundle that was signed before the newest one that was ever taken here is an old one put back; the one taken last is not.
refuse_older() {
  local known line
  own=$(sha256sum <"$copy/bundle.yaml") own=${own%% *} serial=$(<"$copy/serial") newest=0 last='' older=''
  if [ -e "$prefix/accepted" ]; then
    known=0
    while IFS= read -r line; do
      [[ $line =~ ^([0-9]{1,16})\ ([0-9a-f]{64})$ ]] && newest=${BASH_REMATCH[1]} last=${BASH_REMATCH[2]} known=1
    done <"$prefix/accepted"
    [ "$known" = 1 ] || fail "which bundle was taken last cannot be read" "$prefix/accepted is damaged" \
      "see that this bundle is the newest, then remove that file"
  fi
  [ "$serial" -lt "$newest" ] && [ "$own" != "$last" ] || return 0
  [ -n "$reason" ] || fail "the bundle is older than the one that was taken last" \
    "its signature has the serial $serial, the newest that was taken is $newest" \
    "bring a newer one; if an older one is meant: --allow-older REASON"
  older=1
}
remember() {
  mkdir -p "$prefix" || fail "$prefix cannot be made" "it says why above" "run it as root, or choose another --prefix"
  [ -z "$older" ] || printf '%s %s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$serial" "$own" "$reason" >>"$prefix/accepted.log"
  [ "$serial" -lt "$newest" ] || newest=$serial
  [ "$(cat "$prefix/accepted" 2>/dev/null || true)" != "$newest $own" ] || return 0
  printf '%s %s\n' "$newest" "$own" >"$prefix/.accepted.part"
  mv "$prefix/.accepted.part" "$prefix/accepted"
}
if [ ${#keys[@]} -gt 0 ]; then
  check_signature
  refuse_older
fi

# Nothing of the bundle is run before all that will be is what the manifest says.
check_wheels() { (cd "$1" && sha256sum --check --quiet <<<"${list%$'\n'}" 2>&1); }
damaged=$(check_wheels "$bundle") || fail "the bundle is damaged" "$damaged" \
  "copy it again; slipway bundle verify names every file"

if [ ${#keys[@]} -gt 0 ]; then remember; fi

mark=$(sha256sum <<<"$list")
release=$prefix/$version-cp${found/./}-${mark:0:12}
link=$bin/slipway

# Fills $release. Only wheels that the manifest lists are there for pip to choose from, and checked as copied.
install() {
  local damaged pip
  rm -rf "$release"
  "$python" -Im venv --without-pip "$release" ||
    fail "no virtual environment could be made in $release" "Python says why above" "$again"
  mkdir "$release/wheel"
  cp "${wheels[@]/#/$bundle/wheel/}" "$release/wheel/" ||
    fail "the wheels could not be copied to $release" "cp says why above" "$again"
  damaged=$(check_wheels "$release") || fail "the bundle changed while it was read" "$damaged" "$again"
  pip=("$release"/wheel/pip-*.whl)
  PIP_CONFIG_FILE=/dev/null "$release/bin/python" -I "${pip[0]}/pip" --isolated install --quiet --no-index --no-cache-dir \
    --find-links "$release/wheel" --disable-pip-version-check --no-warn-script-location "slipway-installer==$version" ||
    fail "pip could not install out of the bundle" "it says why above" "$again"
  "$release/bin/slipway" version >/dev/null || fail "the Slipway in $release does not start" "it says why above" "$again"
  rm -rf "$release/wheel"
  sync -f "$release"
  : >"$release/.complete"
}

if [ ! -f "$release/.complete" ]; then
  mkdir -p "$prefix" || fail "$prefix cannot be made" "it says why above" "run it as root, or choose another --prefix"
  # Whatever a killed run left at work holds the lock, too: nobody writes into what this run makes.
  exec 9>>"$prefix/.lock"
  lock() { "$python" -Ic "import fcntl; fcntl.flock(9, fcntl.LOCK_EX$1)" 2>/dev/null; }
  if ! lock " | fcntl.LOCK_NB"; then
    echo "waiting for another install.sh that is at work in $prefix"
    lock "" || fail "$prefix cannot be locked" "its file system has no locks" "choose another --prefix"
  fi
  if [ ! -f "$release/.complete" ]; then
    echo "installing Slipway $version with $python into $release"
    install
  fi
fi

if [ -s "$copy/trusted.pub" ] && [ "$(<"$copy/trusted.pub")" != "$(cat "$prefix/trusted.pub" 2>/dev/null || true)" ]; then
  cp "$copy/trusted.pub" "$prefix/.trusted.part"
  mv "$prefix/.trusted.part" "$prefix/trusted.pub"
fi
if [ "$(readlink "$link" 2>/dev/null || true)" != "$release/bin/slipway" ]; then
  mkdir -p "$bin" || fail "$bin cannot be made" "it says why above" "run it as root, or choose another --bin"
  ln -sfn "$release/bin/slipway" "$bin/.slipway.part" && mv -T "$bin/.slipway.part" "$link" ||
    fail "$link cannot be made" "it says why above" "run it as root, or choose another --bin"
fi
echo "slipway $version is $link"
command -v ssh >/dev/null || echo "note: there is no ssh here, by which Slipway reaches hosts; install openssh-client"
echo "next: slipway bundle verify $bundle"
