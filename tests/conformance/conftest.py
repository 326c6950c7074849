import sys
from pathlib import Path

# The runner is a program whose modules import each other by their bare names.
RUNNER = Path(__file__).resolve().parents[2] / "conformance" / "runner"
if str(RUNNER) not in sys.path:
    sys.path.insert(0, str(RUNNER))

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

BENCH = RUNNER.parent / "bench"
if str(BENCH) not in sys.path:
    sys.path.append(str(BENCH))
