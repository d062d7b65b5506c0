#!/usr/bin/env bash
# setup.sh [--dev [PACKAGE...]]: everything this checkout needs on a Debian machine: apt packages, .venv with locked dependencies.
# Called by make; does nothing that is done already. All that is fetched is kept under $SLIPWAY_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "setup: run this as root: it boots nodes and installs packages" >&2; exit 1; }
cache=${SLIPWAY_CACHE:-/var/cache/slipway}
mkdir -p "$cache"
started=$SECONDS

packages=(python3 python3-venv ca-certificates mmdebstrap debian-archive-keyring systemd-container nftables iproute2
          openssh-client dpkg-dev apt-utils gcc libc6-dev xz-utils zstd)
if [ "${1:-}" = --dev ]; then
  packages+=(createrepo-c rpm "${@:2}")
  command -v npm >/dev/null || packages+=(npm)  # Node's own package, where somebody has it, brings npm and refuses Debian's
fi
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
fi

# Python 3.11 to 3.13, for which requirements/ has digests; the system's own first, since the operator's image is built for it.
python=/usr/bin/python3
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || python=$(command -v python3)
locks=(run build)
[ "${1:-}" = --dev ] && locks+=(dev)
stamp=.venv/.slipway-setup
wanted=$(cat pyproject.toml requirements/*.txt installer/slipway/__init__.py | sha256sum | cut -d' ' -f1)
have=$(cat "$stamp" 2>/dev/null || true)
if [ "$have" != "$wanted dev" ] && [ "$have" != "$wanted ${locks[2]:-}" ]; then
  echo "setup: Python dependencies${locks[2]:+ for development}"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  export PIP_CACHE_DIR="$cache/pip" PIP_DISABLE_PIP_VERSION_CHECK=1
  files=()
  for lock in "${locks[@]}"; do files+=(--requirement "requirements/$lock.txt"); done
  # By the digests of requirements/ alone, wherever they come from; the checkout itself then needs nothing more.
  .venv/bin/python -m pip install -q --require-hashes --no-deps "${files[@]}"
  .venv/bin/python -m pip install -q --no-index --no-deps --no-build-isolation -e .
  .venv/bin/python -m pip check -q
  echo "$wanted ${locks[2]:-}" > "$stamp"
fi
echo "setup: ready in $((SECONDS - started)) s"
