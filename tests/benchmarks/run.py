"""All benchmarks, one after another: `make bench`, or some of them by name.

    python tests/benchmarks/run.py                     # all
    python tests/benchmarks/run.py losses fused        # bench_losses.py and bench_fused.py

Each script is a process of its own and says what it prints. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def scripts() -> dict[str, Path]:
    """By name, without `bench_`."""
    return {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}


def main() -> int:
    """Run them; the number of those that failed."""
    known = scripts()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(known))
    names = parser.parse_args().names or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}")
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    failed: list[str] = []
    for name in names:
        print(f"\n=== {name} {'=' * (90 - len(name))}", flush=True)
        if subprocess.run([sys.executable, known[name]], check=False).returncode != 0:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
