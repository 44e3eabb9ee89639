# shellcheck shell=bash
# Shared by the up-* scripts, which source this file. An engine listens on loopback only and writes only to DATA_DIR.
# The records in STATE_DIR say what tests/engines/down must stop.
#   DATA_DIR   folder of this engine's data, created if absent
#   STATE_DIR  folder of the records NAME.pid: pid, start time, signal
#   PORT       port to listen on; a free one by default
# The last lines of the output of an up-* script are NAME=value: the address of the engine for tests.
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

# Ports on which nothing listens now, below the range from which the kernel takes ports for outgoing connections. Two
# concurrent callers may get the same port; the one whose server fails to start asks again.
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

# The kernel reuses pids; only pid and start time together identify a process.
start_time_of() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# record NAME PID [SIGNAL]
record() { echo "$2 $(start_time_of "$2") ${3:-TERM}" >"$STATE_DIR/$1.pid"; }

# wait_for SECONDS PID COMMAND...   until COMMAND succeeds; 1: not in time, 2: process PID (0: none) ended before
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
