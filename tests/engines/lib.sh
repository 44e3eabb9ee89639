# shellcheck shell=bash
# What the up-* scripts share; each sources this file. An engine listens on loopback only, and keeps everything it writes in
# DATA_DIR. Who called it is told in STATE_DIR what to stop later (tests/engines/down).
#   DATA_DIR   folder of this engine's data, made when absent
#   STATE_DIR  folder of the records NAME.pid: pid, start time, signal
#   PORT       port to listen on; a free one is chosen when not set
# The last lines of an up-* script's output are NAME=value: what a test needs to reach the engine.
set -euo pipefail
HOST=127.0.0.1
: "${DATA_DIR:?}" "${STATE_DIR:?}"
mkdir -p "$DATA_DIR" "$STATE_DIR"
DATA_DIR=$(cd "$DATA_DIR" && pwd)

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}
need() { command -v "$1" >/dev/null 2>&1 || die "program '$1' not found"; }

# Ports that nobody listens on now. Two that ask at once may get the same: the one whose server fails to start asks again.
# Below the range that the kernel takes ports of outgoing connections from: none of those takes one away meanwhile.
free_ports() {
    python3 -c 'import random, socket, sys
found = []
while len(found) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(15000, 32000)))
    except OSError:
        continue
    found.append(s)
print(*(s.getsockname()[1] for s in found))' "$1"
}
free_port() { free_ports 1; }

# The kernel uses a pid again; pid and start time together name one process.
start_time_of() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# record NAME PID [SIGNAL]
record() { echo "$2 $(start_time_of "$2") ${3:-TERM}" >"$STATE_DIR/$1.pid"; }

# wait_for SECONDS PID COMMAND...   until COMMAND succeeds; 1 when it does not in time, 2 when process PID (0: none) ends before
wait_for() {
    local end=$((SECONDS + $1)) pid=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$pid" != 0 ] && ! kill -0 "$pid" 2>/dev/null; then return 2; fi
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}
tcp_open() { (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null; }

# launch LOGFILE COMMAND...   in a session of its own; sets LAUNCHED to its pid
launch() {
    local log=$1
    shift
    setsid "$@" >"$log" 2>&1 </dev/null &
    # shellcheck disable=SC2034  # read by the scripts that source this
    LAUNCHED=$!
}
