# What `engines` and `rootless-vm` share.
# shellcheck shell=bash

say() { echo "${0##*/}: $*" >&2; }
die() { say "$@"; exit 1; }

# Anything that installs, unpacks or starts needs this machine; using engines that run already does not.
require_debian() {
  local os
  os=$(. /etc/os-release 2>/dev/null && echo "$ID ${VERSION_ID:-}") || :
  [[ $os == "debian 12" ]] || die "can install and start engines on Debian 12 only, this is '${os:-unknown}':" \
    "start Docker or Podman yourself and name it, for example SANDLOT_TEST_ENGINES='docker=docker+unix:///var/run/docker.sock' make test"
  [[ $(id -u) == 0 ]] || die "needs root to install packages and to start engines: run it as root," \
    "or start Docker or Podman yourself and name it, for example SANDLOT_TEST_ENGINES='docker=docker+unix:///var/run/docker.sock' make test"
}

installed() { [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]; }

# Installs the named Debian packages that are missing, without starting or enabling any service of theirs.
packages() {
  local p missing=() policy=/usr/sbin/policy-rc.d
  for p in "$@"; do installed "$p" || missing+=("$p"); done
  ((${#missing[@]})) || return 0
  require_debian
  say "installing ${missing[*]}"
  if [[ -e $policy ]]; then policy=''; else printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; fi
  local status=0
  { apt-get -qq update &&
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"; } >/dev/null || status=$?
  [[ -z $policy ]] || rm -f "$policy"
  ((status == 0)) || die "apt-get could not install ${missing[*]}: see above"
  for p in "${missing[@]}"; do
    case $p in
      docker.io) systemctl disable docker.service docker.socket containerd.service >/dev/null 2>&1 || : ;;
      podman) systemctl disable podman.service podman.socket podman-restart.service podman-auto-update.timer >/dev/null 2>&1 || : ;;
    esac
  done
}

# The mirror this machine's own apt uses: another release is taken from there too.
# shellcheck disable=SC2016
mirror() { apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/*$' | head -n 1; }

usage() { sed -n '2,/^$/p' "$0" | sed '$d; s/^# \{0,1\}//'; }
