# Shared by the scripts in this folder: where we are, how to fail, what to install, how to build. Sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Three lines: what failed, why, what to try.
die() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  [ -z "${2:-}" ] || printf '  why: %s\n' "$2" >&2
  [ -z "${3:-}" ] || printf '  try: %s\n' "$3" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

missing_packages() {
  local package
  grep -vE '^(#|$)' scripts/packages | while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
  done
}

# Installs what is missing. Costs nothing when nothing is.
install_packages() {
  local missing log
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "cannot install packages" "this is not a Debian system: apt-get is missing" \
    "install by hand the equivalents of: $(echo $missing)"
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    die "cannot install packages" "neither root nor allowed to sudo without a password" \
      "as root: apt-get install $(echo $missing)"
  fi
  echo "installing $(echo "$missing" | wc -l) packages" >&2
  log=$(mktemp)
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 ||
    ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install the packages" "its last lines are above; all of them are in $log" \
      "check the network and /etc/apt/sources.list (Debian 12), then run this again"
  fi
  rm -f "$log"
}

# build PRESET [TARGET...]: configures and builds; the whole output is shown only when it fails.
build() {
  local preset=$1 log
  shift
  log=$(mktemp)
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    die "configuring build/$preset failed" "see above"
  fi
  if ! cmake --build --preset "$preset" ${1:+--target "$@"} >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 80 >&2
    die "building build/$preset failed" "see above; the whole log is $log"
  fi
  rm -f "$log"
}
