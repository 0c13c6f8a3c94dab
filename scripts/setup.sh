# Shared by ./demo and ./test: installing what is missing, and building a preset. Sourced by bash, from anywhere.
# shellcheck shell=bash disable=SC2034
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }

# Debian packages, only those that are not there yet; apt (and sudo for it) is used only then.
install_missing() {
  if ! command -v dpkg-query > /dev/null; then
    say "not a Debian system: these packages are needed, by whatever name: $*"
    return
  fi
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as_root=(env DEBIAN_FRONTEND=noninteractive)
  if ((EUID != 0)); then
    command -v sudo > /dev/null || cannot_install "neither root nor sudo" "${missing[@]}"
    as_root=(sudo "${as_root[@]}")
  fi
  say "installing ${missing[*]}"
  local apt=("${as_root[@]}" apt-get -qq -o DPkg::Lock::Timeout=120)
  { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } < /dev/null > /dev/null ||
    cannot_install "apt-get failed" "${missing[@]}"
}

cannot_install() {
  say "$1: please install these packages, then try again:"
  printf '   %s\n' "${*:2}" >&2
  exit 1
}

# build PRESET [TARGET...]
build() {
  local preset=$1 targets=()
  shift
  (($# == 0)) || targets=(--target "$@")
  say "building $preset"
  cmake --preset "$preset" > /dev/null
  cmake --build --preset "$preset" --parallel "$(nproc)" "${targets[@]}" >&2
}

# What ./demo needs; ./test adds to it.
build_packages=(cmake g++ ninja-build libgtest-dev libgmock-dev libcli11-dev libfmt-dev nlohmann-json3-dev)
