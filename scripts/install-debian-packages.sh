#!/usr/bin/env bash
# Installs the Debian packages of debian-packages.txt that are missing. Exit codes:
#   0 nothing is missing (any more)    2 the installation failed
#   3 some are missing and only root may install them: the line to type is printed
#   4 this is not a Debian-like system: the list is printed
# With --check nothing is installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$here/debian-packages.txt")

if ! command -v dpkg-query >/dev/null; then
  echo "This system has no dpkg. Install what corresponds to: ${wanted[*]}"
  exit 4
fi

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

line="apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}"
if [ "${1:-}" = --check ] || [ "$(id -u)" -ne 0 ]; then
  echo "Missing Debian packages: ${missing[*]}. Type:"
  echo "  sudo sh -c '$line'"
  exit 3
fi

echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"; } </dev/null; then
  echo "The installation failed; what was there before is still there. Try: $line"
  exit 2
fi
