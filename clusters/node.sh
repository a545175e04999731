#!/usr/bin/env bash
# Sets up one node of a cluster: shared folder, Espalier from constraints.txt, what login shells and Ray need to know.
#
#   bash node.sh [SERVER:/PATH]     an NFS export to mount at /shared; without one /shared must be there already
#
# It stops at the first command that fails. The autoscaler sets workers up where nobody looks, so the words of a failure
# also lie in /shared/setup/HOST.log, and a node that is set up removes its own.
set -uo pipefail

export_of_nfs=${1:-}
shared=${ESPALIER_SHARED:-/shared}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
log=$HOME/espalier-setup.log
words=$shared/setup/$(hostname).log

failed() { echo "Setting up $(hostname) failed (exit code $1) at line $2 of clusters/node.sh: $3"; }

refuse() { echo "$1"; false; }

mount_shared() {
  case $export_of_nfs in
    *CHANGE*) refuse "$export_of_nfs is a placeholder: write your file system's address into setup_commands." ;;
    "") test -d "$shared" -a -w "$shared" || refuse "$shared is no folder that $(whoami) can write: mount it on every node, or give node.sh the NFS export." ;;
    *) if ! mountpoint -q "$shared"; then
         command -v mount.nfs4 > /dev/null || as_root apt-get install -y nfs-common
         as_root mkdir -p "$shared"
         as_root mount -t nfs4 -o nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport "$export_of_nfs" "$shared"
         test -w "$shared" || as_root chown "$(id -u):$(id -g)" "$shared"
       fi ;;
  esac
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

python_of_node() {
  local each
  for each in python3.11 python3.12 python3.13 python3; do
    if command -v "$each" > /dev/null && "$each" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
      command -v "$each"
      return
    fi
  done
}

install() {
  # A node whose environment is there already needs no other Python.
  if [ ! -x "$here/.venv/bin/python" ]; then
    python=$(python_of_node)
    if [ -z "$python" ]; then
      as_root apt-get update
      as_root apt-get install -y python3-venv make
      python=$(python_of_node)
    fi
    test -n "$python" || refuse "No Python 3.11 or newer with venv is on the PATH of $(hostname)."
  fi
  make -C "$here" setup PYTHON="${python:-python3}"
}

interface() {
  # gloo asks the name of the host for its address, which Debian's /etc/hosts answers with loopback.
  ip -o -4 route show default | awk '{print $5; exit}'
}

tell_shells() {
  # `ray submit` calls a bare `python` in a login shell, and Ray's start commands run in one.
  local profile=$HOME/.espalier-profile device
  device=$(interface)
  device=${device:-$(ip -o -4 address show scope global | awk '{print $2; exit}')}
  cat > "$profile" << PROFILE
export PATH=$here/.venv/bin:\$PATH
export RAY_AUTH_MODE=token
export GLOO_SOCKET_IFNAME=$device
export ESPALIER_KEYS_FILE=$HOME/.config/espalier/keys
PROFILE
  for file in .profile .bashrc; do
    grep -qs espalier-profile "$HOME/$file" || echo ". $profile" >> "$HOME/$file"
  done
  mkdir -p "$HOME/.config/espalier"
  chmod 700 "$HOME/.config/espalier"
  # For `ray job submit -- python launch.py …`, which begins in the home folder, as `ray submit` does.
  cp "$here/launch.py" "$HOME/launch.py"
  if [ -f "$HOME/.ray/auth_token" ]; then
    chmod 600 "$HOME/.ray/auth_token"
  fi
}

set_up() {
  set -Eeuo pipefail
  trap 'failed "$?" "$LINENO" "$BASH_COMMAND"' ERR
  mount_shared
  install
  tell_shells
}

# In no condition: there Bash would go on after a failure. And no words are lost: the log is whole when the pipe has ended.
(set_up) 2>&1 | tee "$log"
code=${PIPESTATUS[0]}
if [ "$code" = 0 ]; then
  rm -f "$words"
  echo "$(hostname) is set up."
elif mkdir -p "$shared/setup" 2> /dev/null && tail -n 60 "$log" > "$words" 2> /dev/null; then
  echo "These words also lie in $words."
fi
exit "$code"
