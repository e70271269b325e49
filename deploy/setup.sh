#!/bin/sh
# Prepares this checkout on a fresh Debian or Ubuntu machine: virtual environment, pinned packages, Debian packages.
# Usage: deploy/setup.sh run|dev|test. Says nothing and changes nothing when all is in place.
set -eu

purpose=${1:-run}
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

can_apt() {
  command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Install Debian packages; succeeds only if apt does.
apt_install() {
  can_apt || return 1
  echo "setup: installing $* (apt-get)" >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 || {
    as_root apt-get update -qq >/dev/null 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
  }
}

suits() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1
}

can_make_venv() {
  "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

# The first Python that fits, preferring one that can make virtual environments as it is.
find_python() {
  fallback=
  for candidate in python3.13 python3.12 python3.11 python3; do
    suits "$candidate" || continue
    if can_make_venv "$candidate"; then
      command -v "$candidate"
      return
    fi
    fallback=${fallback:-$candidate}
  done
  echo "$fallback"
}

make_venv() {
  python=$(find_python)
  if [ -z "$python" ]; then
    apt_install python3 python3-venv || true
    python=$(find_python)
  fi
  [ -n "$python" ] || fail "no Python 3.11, 3.12 or 3.13 here; install one, e.g. 'apt-get install python3 python3-venv'."
  if ! can_make_venv "$python"; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    apt_install "python$version-venv" || fail "$python cannot make virtual environments; install python$version-venv."
  fi
  echo "setup: making .venv with $("$python" --version)" >&2
  "$python" -m venv .venv
}

# One stamp per purpose; it holds the hash of what was installed.
install_packages() {
  extras=$1
  stamp=.venv/.casemate-$2
  wanted=$(cat pyproject.toml constraints.txt deploy/setup.sh | sha256sum | cut -d' ' -f1)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  echo "setup: installing Python packages into .venv (minutes the first time)" >&2
  .venv/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt setuptools ||
    fail "pip could not install setuptools; check this machine's way to a package index."
  # First and alone, so that nothing that wants it brings another build.
  case $extras in *serving*)
    .venv/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt torch ||
      fail "pip could not install torch; check this machine's way to a package index."
    ;;
  esac
  .venv/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt --no-build-isolation -e ".$extras" ||
    fail "pip could not install the pinned packages; check this machine's way to a package index."
  echo "$wanted" >"$stamp"
}

need_bubblewrap() {
  command -v bwrap >/dev/null 2>&1 && return
  apt_install bubblewrap || fail "tools run only in a sandbox; install the Debian package bubblewrap."
}

# Tests that need a server or a browser are skipped where it is missing, except in CI.
need_servers() {
  missing=
  command -v redis-server >/dev/null 2>&1 || missing="redis-server"
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1 ||
    missing="$missing postgresql"
  command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
  [ -z "$missing" ] && return
  # shellcheck disable=SC2086  # a list of package names
  apt_install $missing && return
  [ -z "${CI:-}" ] || fail "CI runs every test; install the Debian packages $missing."
  echo "setup: tests against real servers and in a browser will be skipped; install the Debian packages $missing to run them." >&2
}

suits .venv/bin/python || make_venv
case $purpose in
  run)
    install_packages "" run
    need_bubblewrap
    ;;
  dev) install_packages "[dev,serving]" dev ;;
  test)
    install_packages "[dev,serving]" dev
    need_bubblewrap
    need_servers
    ;;
  *) fail "unknown purpose '$purpose'; say run, dev or test." ;;
esac
