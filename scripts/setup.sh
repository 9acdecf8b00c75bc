# shellcheck shell=sh
# Keeps .venv in step with a lock file, and installs what the tests run besides; the other
# scripts source it.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$root/.venv
# Left over from elsewhere, these would mix other packages in, or install past .venv.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER

fail() {
    echo "$(basename -- "$0"): $1" >&2
    exit 1
}

# Prints the first Python that is new enough and able to make a virtual environment.
find_python() {
    local name version=
    for name in python3.13 python3.12 python3.11 python3 python; do
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
            continue
        if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "$name"
            return
        fi
        version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    done
    if [ -n "$version" ]; then
        fail "Python $version cannot make a virtual environment; on Debian and Ubuntu: apt install python$version-venv"
    fi
    fail "Python 3.11 or later is needed; on Debian and Ubuntu: apt install python3 python3-venv"
}

# What .venv was made from.
stamp_of() {
    cat -- "$root/$1" "$root/pyproject.toml" | cksum
}

# Whether .venv works: its Python is still there, and it was not moved here.
is_sound() {
    grep -qsF "$venv/" "$venv/bin/pip" &&
        "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null
}

is_fresh() {
    local lock
    is_sound || return 1
    for lock in "$@"; do
        [ "$(cat "$venv/$lock.stamp" 2>/dev/null)" = "$(stamp_of "$lock")" ] && return
    done
    return 1
}

# Installs what the lock file $1 names, unless that, or all of another of the lock files
# (which name the same and more), is installed already.
set_up() {
    local lock=$1 python
    is_fresh "$@" && return
    echo "Setting up .venv from $lock; this takes a minute the first time." >&2
    if ! is_sound; then
        python=$(find_python) || exit 1
        "$python" -m venv --clear "$venv" || fail "cannot make $venv"
    fi
    rm -f -- "$venv"/*.stamp
    pip_install --no-deps --require-hashes -r "$root/$lock" ||
        fail "cannot install the packages of $lock; pip says why above"
    # The lock has the build backend, too, so nothing else is fetched.
    pip_install --no-deps --no-build-isolation --editable "$root" ||
        fail "cannot install the project itself; pip says why above"
    stamp_of "$lock" >"$venv/$lock.stamp"
}

# Says what went wrong, but not which of several package indexes lack a package.
pip_install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --root-user-action=ignore "$@" >&2
}

# Installs, where that can be done, the programs that tests run besides our own: proxies,
# systemd's and Prometheus' tools, shells whose completion is tried, and the browser.
set_up_tools() {
    local each program missing= status=0
    for each in nginx caddy systemd-analyze:systemd promtool:prometheus zsh fish chromium; do
        program=${each%:*}
        PATH=$PATH:/usr/sbin command -v "$program" >/dev/null ||
            missing="$missing ${each#*:}"
    done
    [ -z "$missing" ] && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "Installing$missing by apt-get, for the tests." >&2
        # shellcheck disable=SC2086 # these are several
        apt_install $missing && return
        status=1
    fi
    if [ "$status" -ne 0 ] || [ -n "${CI-}" ]; then
        fail "the tests need$missing; on Debian, as root: apt-get install$missing"
    fi
    echo "Some tests are skipped without$missing; on Debian, as root: apt-get install$missing" >&2
}

# Installs Debian packages, and starts none of what they would run.
apt_install() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
    fi
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq \
        --no-install-recommends "$@"; } >&2 || status=$?
    [ -z "$policy" ] || rm -f -- "$policy"
    return "$status"
}
