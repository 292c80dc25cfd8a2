# How `engines` starts an engine.
# shellcheck shell=bash disable=SC2153,SC2164
#
# Each engine is enclosed in a mount and a PID namespace of its own. Ending the namespace's first process ends whatever
# the engine has started (conmon, containerd, shims, containers), and its mounts, sockets in /run and locks in /dev/shm go
# with it: the next start is like a boot. The network stays the machine's, so that published ports are reachable.

CLEAN_PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Runs COMMAND as another session, enclosed, with ROOT as / ('' for this machine's). Its pid and log are in $RUN/NAME.
spawn() { # NAME ROOT COMMAND...
  local fd
  # nodes that every user may open, without changing the machine's
  [[ -e $RUN/tun ]] || mknod -m 666 "$RUN/tun" c 10 200
  [[ -e $RUN/fuse ]] || mknod -m 666 "$RUN/fuse" c 10 229
  (
    for fd in "${LOCKS[@]}"; do exec {fd}>&-; done # an engine must not hold the locks of who started it
    cd / # nor work in a directory that may go away: Podman starts nothing then
    exec setsid unshare --mount --pid --fork --kill-child --mount-proc bash "$SELF" _enclose "$@"
  ) >"$RUN/$1/log" 2>&1 </dev/null &
  echo $! >"$RUN/$1/pid"
}

# The first process of the namespaces: prepares the mounts, starts COMMAND, reaps, and ends when COMMAND ends.
enclose() { # NAME ROOT COMMAND...
  local root=$2 engine resolv
  shift 2
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm # libpod keeps its locks there, one set per machine
  [[ -e /dev/net/tun ]] || { mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200; }
  [[ -e /dev/fuse ]] || mknod -m 666 /dev/fuse c 10 229
  mount --bind "$RUN/tun" /dev/net/tun
  mount --bind "$RUN/fuse" /dev/fuse
  umount /sys/fs/cgroup/unified 2>/dev/null || : # crun refuses cgroups v1 in hybrid mode
  resolv=$(cat /etc/resolv.conf 2>/dev/null) || :
  if [[ -n $root ]]; then
    # pivot_root: in a chroot no user namespace can be created
    mount --bind "$root" "$root"
    local d
    for d in proc sys dev; do mount --rbind "/$d" "$root/$d"; done
    mount --bind /tmp "$root/tmp" # files pass there between an engine and its clients
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    for d in "$RUN" "$DATA"; do mkdir -p "$root$d" && mount --bind "$d" "$root$d"; done
    rm -f "$root/etc/resolv.conf" && echo "$resolv" >"$root/etc/resolv.conf"
    mkdir -p "$root/.old"
    cd "$root"
    pivot_root . .old
    cd /
    mount --make-rprivate /.old
    umount -l /.old
  else
    local link
    link=$(readlink -f /etc/resolv.conf)
    mount -t tmpfs -o mode=755 tmpfs /run
    [[ $link != /run/* ]] || { mkdir -p "${link%/*}" && echo "$resolv" >"$link"; }
  fi
  mount --make-rshared /
  "$@" &
  engine=$!
  trap 'kill -TERM $engine' TERM
  while kill -0 $engine 2>/dev/null; do wait $engine || :; done # a trapped signal interrupts wait
  exit 0
}

# The user of the rootless engines, with one uid here and in ROOT.
ensure_user() { # ROOT ('' for this machine)
  local root=$1 file run=() id=()
  id -u "$ROOTLESS" >/dev/null 2>&1 || { useradd -m -s /bin/sh "$ROOTLESS" && touch "$DIR/user-created"; }
  [[ -z $root ]] || { run=(chroot "$root") && id=(-u "$(id -u "$ROOTLESS")"); }
  "${run[@]}" id -u "$ROOTLESS" >/dev/null 2>&1 || "${run[@]}" useradd -m -s /bin/sh "${id[@]}" "$ROOTLESS"
  for file in "$root/etc/subuid" "$root/etc/subgid"; do
    touch "$file"
    grep -q "^$ROOTLESS:" "$file" || # after the last range that is taken
      echo "$ROOTLESS:$(awk -F: '$2 + $3 > m { m = $2 + $3 } END { print (m > 100000 ? m : 100000) }' "$file"):65536" >>"$file"
  done
}

# A root file system of another Debian release, with Podman and PACKAGES.
rootfs() { # SUITE PACKAGES...
  local suite=$1 root=$DIR/$1 p
  shift
  if [[ ! -e $root/.unpacked ]]; then
    packages mmdebstrap
    say "unpacking Debian $suite (0.5 GB)"
    rm -rf --one-file-system "$root"
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
      --include=podman,crun,netavark,aardvark-dns,passt,slirp4netns,uidmap,fuse-overlayfs,iptables,nftables,iproute2,ca-certificates \
      "$suite" "$root" "$(mirror)" >"$DIR/$suite.log" 2>&1 || die "mmdebstrap failed: see $DIR/$suite.log"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    touch "$root/.unpacked"
  fi
  for p in "$@"; do
    chroot "$root" dpkg -s "$p" >/dev/null 2>&1 && continue
    say "adding $p to Debian $suite"
    chroot "$root" sh -c "export DEBIAN_FRONTEND=noninteractive
      apt-get -qq -o Acquire::Check-Valid-Until=false update && apt-get -qq install -y --no-install-recommends $p" \
      >>"$DIR/$suite.log" 2>&1 || die "apt-get failed: see $DIR/$suite.log"
  done
}

# Default ulimits above the hard limit fail without CAP_SYS_RESOURCE. Without systemd: cgroupfs, events in files.
containers_conf() { # FILE NETWORK-LINES
  local nofile nproc
  nofile=$(ulimit -Hn)
  nproc=$(ulimit -Hu)
  [[ $nofile != unlimited && $nofile -lt 1048576 ]] || nofile=1048576
  [[ $nproc != unlimited && $nproc -lt 32768 ]] || nproc=32768
  cat >"$1" <<C
[containers]
default_ulimits = ["nofile=$nofile:$nofile", "nproc=$nproc:$nproc"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 10
[network]
$2
C
}

start_podman_root() { # NAME ROOT NUMBER
  local name=$1 root=$2 number=$3 data=$DATA/$1
  mkdir -p "$data/networks"
  # a network of its own: rootful Podmans side by side would share podman0 and hand out the same addresses
  cat >"$data/networks/tests.json" <<C
{"name": "tests", "id": "$(echo -n "$name" | sha256sum | cut -c1-64)", "driver": "bridge", "network_interface": "sandlot$number",
 "created": "2026-01-01T00:00:00Z", "subnets": [{"subnet": "10.90.$number.0/24", "gateway": "10.90.$number.1"}],
 "ipv6_enabled": false, "internal": false, "dns_enabled": false, "ipam_options": {"driver": "host-local"}}
C
  # Two netavarks that change the same firewall at once fail. The newest has its own, an nftables table.
  local firewall=iptables
  [[ $name != podman58-root ]] || firewall=nftables
  containers_conf "$data/containers.conf" "default_network = \"tests\"${root:+$'\n'firewall_driver = \"$firewall\"}"
  spawn "$name" "$root" env -i PATH=$CLEAN_PATH HOME=/root CONTAINERS_CONF="$data/containers.conf" \
    podman --root "$data/storage" --network-config-dir "$data/networks" system service -t 0 "unix://$RUN/$name/api.sock"
}

start_podman_rootless() { # NAME ROOT
  local name=$1 root=$2 data=$DATA/$1 uid gid
  ensure_user "$root"
  uid=$(id -u "$ROOTLESS")
  gid=$(id -g "$ROOTLESS")
  mkdir -p "$data"
  containers_conf "$data/containers.conf" ''
  chown "$uid:$gid" "$data" "$data/containers.conf" "$RUN/$name"
  spawn "$name" "$root" sh -c "install -d -o $uid -g $gid -m 700 /run/user/$uid
    exec setpriv --reuid $uid --regid $gid --clear-groups --inh-caps=-all \
      env -i PATH=$CLEAN_PATH HOME=$data XDG_RUNTIME_DIR=/run/user/$uid CONTAINERS_CONF=$data/containers.conf \
      podman --root $data/storage system service -t 0 unix://$RUN/$name/api.sock"
}

# Whether root here has every capability of the kernel.
all_capabilities() {
  local all=$(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1))
  (((0x$(awk '$1 == "CapBnd:" { print $2 }' /proc/self/status) & all) == all))
}

# Docker before 23.0 starts a privileged exec with every capability of the kernel, which runc refuses where root lacks one. This is a runc
# that leaves out what is not there, as newer Dockers do.
build_limited_runtime() {
  (cd "$(dirname "$SELF")/../.." && CGO_ENABLED=0 go build -o "$DIR/limited-runc" ./internal/capruntime) ||
    die "go build ./internal/capruntime failed"
}

start_docker() { # NAME ROOT OPTIONS...
  local name=$1 root=$2
  shift 2
  spawn "$name" "$root" env -i PATH=$CLEAN_PATH HOME=/root dockerd -H "unix://$RUN/$name/api.sock" \
    --data-root "$DATA/$name" --exec-opt native.cgroupdriver=cgroupfs "$@"
}

# A Docker beside another one: a bridge of its own and no iptables (it would manage the other's chains); ports go through docker-proxy.
start_second_docker() { # NAME ROOT NUMBER
  local bridge=sandlot$3
  if ! ip link show "$bridge" >/dev/null 2>&1; then
    ip link add "$bridge" type bridge
    ip addr add "10.90.$3.1/24" dev "$bridge"
    ip link set "$bridge" up
  fi
  start_docker "$1" "$2" --bridge "$bridge" --iptables=false --ip6tables=false --ip-masq=false
}
