#!/usr/bin/env bash
# Runs a command in a fresh Debian 13, in a fresh clone of the last commit, as a user without rights:
#   scripts/in_debian13.sh make run
# The system has its own Python, git, make and a compiler, nothing else. Needs root and debootstrap. DEBIAN_ROOT names
# a folder to build it in and keep it for the next call (5 GB); DEBIAN_MIRROR another mirror than Debian's.
# Exit codes: the command's; 75 where such a system cannot be built here.
set -euo pipefail

fail() { echo "error: $1" >&2; exit "${2:-75}"; }
[ $# -gt 0 ] || fail "no command: scripts/in_debian13.sh COMMAND..." 2
[ "$(id -u)" = 0 ] || fail "building a Debian 13 root needs root"
command -v debootstrap >/dev/null || fail "no debootstrap: apt-get install debootstrap"

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${DEBIAN_ROOT:-}" ]; then
  mkdir -p "$DEBIAN_ROOT"
  root=$(cd "$DEBIAN_ROOT" && pwd)
else
  root=$(mktemp -d "${TMPDIR:-/tmp}/debian13-XXXXXX")
  chmod 755 "$root"  # The user without rights goes through it: it is the "/" there.
  trap 'rm -rf --one-file-system "$root"' EXIT
fi

if [ ! -e "$root/.complete" ]; then
  echo "Building Debian 13 in $root ..."
  debootstrap --variant=minbase --include=ca-certificates,g++,git,make,python3 trixie "$root" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" > "$root.log" 2>&1 || { tail "$root.log" >&2; rm "$root.log"; fail "debootstrap failed"; }
  rm "$root.log"
  chroot "$root" useradd --create-home user
  touch "$root/.complete"
fi

# How this machine reaches its registries: names, certificates, proxies, indexes.
cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt "${SSL_CERT_FILE:-}"; do
  [ ! -f "$file" ] || install -D --mode=644 "$file" "$root$file"
done
for folder in .config/pip .config/uv; do
  [ ! -d "$HOME/$folder" ] || { mkdir -p "$root/home/user/.config" && cp -r "$HOME/$folder" "$root/home/user/.config/"; }
done
mapfile -t variables < <(env | grep -E '^(CI|SSL_CERT_FILE|(PIP|UV)_(\w*INDEX\w*|CERT|TRUSTED_HOST|INSECURE_HOST|NATIVE_TLS)|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY)=' || true)

rm -rf "$root/home/user/project"
git -c safe.directory="*" clone --quiet --no-hardlinks "$source" "$root/home/user/project"
chroot "$root" chown --recursive user:user /home/user
# Mounts and processes end with the command.
unshare --mount true || fail "no mounts are allowed here"
chroot --userspec=user:user "$root" true || fail "no program can be run as a user without rights in $root"
unshare --mount --pid --fork --kill-child bash -c '
  root=$1; shift
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  exec chroot --userspec=user:user "$root" env --ignore-environment --chdir=/home/user/project HOME=/home/user USER=user \
    LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin "$@"
' bash "$root" ${variables[@]+"${variables[@]}"} "$@"
