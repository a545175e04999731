#!/usr/bin/env bash
# Starts MLflow's server on the head's loopback, unless it runs there already: give searches
# --tracking-uri http://127.0.0.1:5000.
#
# Its database lies on the head's own disk (SQLite on NFS loses locks) and goes with it: the ledgers in /shared/runs are
# the truth, and `launch.py sync` writes a new one from them.
set -euo pipefail

port=${ESPALIER_MLFLOW_PORT:-5000}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${ESPALIER_SHARED:-/shared}

if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
  echo "Something answers at 127.0.0.1:$port already."
  exit
fi
mkdir -p "$shared/mlartifacts"
cd "$HOME"
setsid nohup "$here/.venv/bin/mlflow" server --host 127.0.0.1 --port "$port" --workers 1 \
  --backend-store-uri "sqlite:///$HOME/mlflow.db" --artifacts-destination "$shared/mlartifacts" \
  > "$HOME/mlflow.log" 2>&1 < /dev/null &
echo "MLflow starts at 127.0.0.1:$port; its log is $HOME/mlflow.log."
