"""Instructions per message of the core, counted by callgrind and compared with a baseline file. No clock is involved:
busy machines say the same as idle ones."""

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BASELINE = Path(__file__).resolve().parents[2] / "tests" / "bench" / "baseline.json"
COUNT = 500
MORE = 0.10  # so much above the baseline is a regression
SLACK = {"instructions": 10, "allocations": 0.01, "octets": 16}  # small figures may round up
# Only what the core does is counted; what prepares a case is written to a file of its own.
CALLGRIND = ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=mqttsn::test::CoreRig::turn*",
             "--toggle-collect=*::part<*", "--dump-after=*::prepared(*", "--dump-after=*::measured(*"]


def machine():
    """What decides over instructions besides the source: figures of other compilers and libraries do not compare, nor
    those of a processor for which the C library has other functions."""
    compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    features = set(found[1].split()) if found else set()
    vectors = [each for each in ("sse4_2", "avx2", "bmi2", "erms", "fsrm", "asimd") if each in features]
    return f"{platform.machine()} {' '.join(vectors)}, g++ {compiler}, {' '.join(platform.libc_ver())}"


def measure(program):
    """{case: {"instructions": per message, "allocations": per message}}, and of an idle client {"octets": of heap}."""
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is missing: tools/install-dependencies --ci")
    with tempfile.TemporaryDirectory(prefix="callgrind-") as directory:
        out = Path(directory) / "out"
        done = subprocess.run([*CALLGRIND, f"--callgrind-out-file={out}", program, str(COUNT)], capture_output=True,
                              text=True)
        if done.returncode != 0:
            sys.exit(f"callgrind failed:\n{done.stderr[-2000:]}")
        cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        figures = {}
        for number, case in enumerate(cases, 1):
            name = case["case"]
            if "octets" in case:
                figures[name] = {"octets": case["octets"]}
                continue
            total = re.search(r"^totals: (\d+)", Path(f"{out}.{2 * number}").read_text(), re.M)
            figures[name] = {"instructions": round(int(total[1]) / COUNT), "allocations": case["allocations"]}
        return figures


def regressions(figures, baseline):
    """One line per figure that is worse than it may be, and per case that is not in both."""
    for name in sorted(figures.keys() ^ baseline.keys()):
        yield f"{name}: not in {'the baseline' if name in figures else 'the measurement'}"
    for name in figures.keys() & baseline.keys():
        for what, value in figures[name].items():
            limit = baseline[name].get(what, 0) * (1 + MORE) + SLACK[what]
            if value > limit:
                yield f"{name}: {value:g} {what}, the baseline has {baseline[name].get(what, 0):g}"


def as_table(figures, baseline):
    lines = [f"{'':28}{'instructions':>13}{'ratio':>7}{'allocations':>13}"]
    for name, each in figures.items():
        before = baseline.get(name, {})
        main = "octets" if "octets" in each else "instructions"
        ratio = f"{each[main] / before[main]:7.2f}" if before.get(main) else f"{'new':>7}"
        unit = " octets" if main == "octets" else ""
        rest = f"{each['allocations']:13g}" if "allocations" in each else ""
        lines.append(f"{name:28}{each[main]:13,}{ratio}{rest}{unit}")
    return "\n".join(lines)


def check(program, accept):
    """The exit code: 1 when something costs over 10 % more than the baseline says. With `accept` the baseline is what
    is measured now."""
    kept = json.loads(BASELINE.read_text()) if BASELINE.exists() else {"machine": machine(), "figures": {}}
    baseline = kept["figures"]
    figures = measure(program)
    print(as_table(figures, baseline))
    if accept:
        BASELINE.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1) + "\n")
        return 0
    if kept["machine"] != machine():
        print(f"Not compared: the baseline is of {kept['machine']}, this is {machine()}", file=sys.stderr)
        return 0
    worse = list(regressions(figures, baseline))
    for line in worse:
        print(line, file=sys.stderr)
    if worse:
        print(f"If that is the price of something that is wanted: tools/bench --check --accept, and commit "
              f"{BASELINE.name}", file=sys.stderr)
    return 1 if worse else 0
