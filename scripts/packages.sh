# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# need PACKAGE...: makes sure that Debian packages are there. Installs what is missing as root or with sudo; otherwise names
# it and ends. "a|b" means the first of the two that the release has. To be sourced.

need() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: the build will say what it misses
  missing=
  for package in "$@"; do
    found=
    for name in $(echo "$package" | tr '|' ' '); do
      if dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed'; then found=yes; fi
    done
    [ -n "$found" ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0

  as_root=
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      as_root=sudo
    else
      echo "$0: missing Debian packages (a|b: either):$missing" >&2
      echo "$0: install them, or run this as root" >&2
      exit 1
    fi
  fi
  echo "$0: installing$missing" >&2
  $as_root apt-get update -qq
  chosen=
  for package in $missing; do
    for name in $(echo "$package" | tr '|' ' '); do
      if [ -n "$(apt-cache madison "$name")" ]; then
        chosen="$chosen $name"
        break
      fi
    done
  done
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $chosen >/dev/null
}
