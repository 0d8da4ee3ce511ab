#!/usr/bin/env bash
# Installs the browsers that the tests drive, the proxies that these are led through, a C compiler for those of the bench,
# Redis for those of the bus, promtool and systemd-analyze for the files of deploy/, from Debian's packages, where apt-get and root are at hand.
# Elsewhere it says so and leaves it to what Selenium finds; ANYWIRE_TEST_REQUIRE decides what must be there.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=(chromium-headless-shell chromium chromium-driver firefox-esr wpewebkit-driver libwpewebkit-1.1-0
          nginx-light haproxy squid tinyproxy privoxy openssl edbrowse curl fonts-wqy-microhei fonts-dejavu-core
          gcc libc6-dev redis-server prometheus systemd)

missing=()
if command -v dpkg-query >/dev/null; then
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # The tests start proxies and a Redis of their own: none is to become a service of this machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  elif [ ${#missing[@]} -gt 0 ]; then
    echo "Not installed, and no root to install them: ${missing[*]}" >&2
  fi
fi

# acorn holds the client to ES5, axe-core looks for barriers in the pages; both are single files without dependencies.
if command -v npm >/dev/null && [ ! -f build/node/node_modules/axe-core/axe.min.js ]; then
  mkdir -p build/node
  npm install --silent --no-audit --no-fund --no-save --fetch-retries=1 --fetch-timeout=60000 --prefix build/node acorn@8.15.0 axe-core@4.10.3 ||
    echo "npm could not bring acorn and axe-core: the tests that use them will say so" >&2
fi
