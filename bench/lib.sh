# Shared by the measurements: which program is measured, where figures are written, what is said about the machine.
# To be sourced from the root of the repository.

program() { # the optimised program
  local found=${IES:-${CARGO_TARGET_DIR:-target}/release/ies}
  [ -x "$found" ] || { echo "$found is missing: make release" >&2; return 1; }
  realpath "$found"
}

run_file() { # NAME -> bench/runs/NAME-COMMIT.jsonl
  mkdir -p bench/runs
  echo "bench/runs/$1-$(git rev-parse --short HEAD).jsonl"
}

header() { # COMMAND -> the first line of a run: machine, commit, command
  python3 - "$1" "$(git rev-parse --short HEAD)" <<'PY'
import json, os, re, sys
cpu = next((re.sub(r"\s+", " ", line.split(":", 1)[1]).strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))) // (1 << 20)
machine = {"cores": os.cpu_count(), "cpu": cpu, "memory_gb": memory, "kernel": os.uname().release, "load": round(os.getloadavg()[0], 2)}
print(json.dumps({"machine": machine, "commit": sys.argv[2], "command": sys.argv[1]}))
PY
}

figure() { # NAME PEER OURS THEIRS UNIT -> a line; THEIRS is the peer's value or the target, "null" for none
  python3 - "$@" <<'PY'
import json, sys
name, peer, ours, theirs, unit = sys.argv[1:]
ours = float(ours)
theirs = None if theirs == "null" else float(theirs)
ratio = None if not theirs else round(ours / theirs, 3)
print(json.dumps({"name": name, "peer": peer, "ours": ours, "theirs": theirs, "ratio": ratio, "unit": unit}))
PY
}
