"""The tests and benchmarks that need a GPU: `make test-gpu`, `make bench-gpu`.

    python tests/gpu/run.py test [arguments of pytest]
    python tests/gpu/run.py bench [arguments of tests/benchmarks/bench_gpu.py]
    python tests/gpu/run.py --device cpu test      # the same way without a GPU, as far as it goes

For a bare machine without network: nothing is downloaded, and nothing is installed into the Python
it runs with. First comes what is missing, all of it at once. Then `pip` builds the library, with
kernels for the GPUs that are there, into build/gpu, and what was asked for runs on that.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "gpu" / "site"

MODULES = {
    "torch": "torch >=2.11, built for CUDA",
    "numpy": "numpy >=1.26",
    "typing_extensions": "typing-extensions >=4.10",
    "pip": "pip",
    "scikit_build_core": "scikit-build-core >=1.0",
    "nanobind": "nanobind >=2.4",
}
PROGRAMS = {"cmake": "CMake >=3.18", "ninja": "ninja, or make"}


def _nvcc() -> str | None:
    """The compiler: what CUDACXX says, in the PATH, or where CUDA is usually installed."""
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    known = [str(Path(home, "bin/nvcc")) for home in homes if home]
    candidates = [os.environ.get("CUDACXX"), "nvcc", *known]
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


def missing(what: str, device: str) -> list[str]:
    """What this machine lacks, a line each."""
    modules = MODULES | ({"pytest": "pytest >=8"} if what == "test" else {})
    lines = [text for name, text in modules.items() if find_spec(name) is None]
    for name, text in PROGRAMS.items():
        others = ("make",) if name == "ninja" else ()
        if not any(map(shutil.which, (name, *others))) and find_spec(name) is None:
            lines.append(text)
    if device == "cuda":
        lines += _missing_for_cuda()
    return lines


def _missing_for_cuda() -> list[str]:
    lines = [] if _nvcc() else ["nvcc, in PATH, CUDA_HOME or /usr/local/cuda"]
    if find_spec("torch") is not None:
        import torch

        if torch.version.cuda is None:
            lines.append(f"a PyTorch for CUDA (there is {torch.__version__})")
        elif not torch.cuda.is_available():
            lines.append(f"a GPU that PyTorch sees (torch {torch.__version__})")
    return lines


def _architectures() -> str:
    """Code for the GPUs that are there, and for nothing else: it is only to be run here."""
    import torch

    found = {torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())}
    return ";".join(f"{major}{minor}-real" for major, minor in sorted(found))


def build(device: str) -> None:
    """The package, as users install it, into a folder of its own."""
    options = [f"build-dir={SITE.parent}/{{wheel_tag}}", "install.strip=false"]
    if device == "cuda":
        options += ["cmake.define.SEQFRONT_CUDA=ON"]
        options += [f"cmake.define.CMAKE_CUDA_ARCHITECTURES={_architectures()}"]
        options += [f"cmake.define.CMAKE_CUDA_COMPILER={_nvcc()}"]
    else:
        options += ["cmake.define.SEQFRONT_CUDA=OFF"]
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(SITE)]
    for option in options:
        command += ["--config-settings", option]
    jobs = {"CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1)}
    done = subprocess.run([*command, str(ROOT)], env={**jobs, **os.environ}, check=False)
    if done.returncode:
        sys.exit(f"seqfront was not built: {' '.join(command)} {ROOT}")


def check_found(environment: dict[str, str]) -> None:
    """An editable installation of seqfront comes before any path, and would be what is tested."""
    show = "import seqfront; print(seqfront.__file__)"
    command = [sys.executable, "-c", show]
    done = subprocess.run(
        command, cwd=SITE, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    if SITE not in Path(done.stdout.strip()).resolve().parents:
        sys.exit(
            f"{sys.executable} imports seqfront from {done.stdout.strip()}, not from {SITE}.\n"
            "fix: use a Python without an editable installation of it: "
            f"{sys.executable} -m pip uninstall seqfront"
        )


def _environment(device: str) -> dict[str, str]:
    """In which tests see all GPUs, or none (`tests/conftest.py` hides them by default)."""
    environment = {**os.environ, "PYTHONPATH": str(SITE)}
    if device == "cpu":
        return {**environment, "CUDA_VISIBLE_DEVICES": ""}
    import torch

    count = range(torch.cuda.device_count())
    return {**environment, "SEQFRONT_TEST_DEVICES": ",".join(map(str, count))}


def main() -> int:
    """The exit status of what ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("what", choices=("test", "bench"))
    options, rest = parser.parse_known_args()
    lacking = missing(options.what, options.device)
    if lacking:
        print(f"{sys.executable} lacks what `make {options.what}-gpu` needs:", file=sys.stderr)
        print(*(f"  {line}" for line in lacking), sep="\n", file=sys.stderr)
        return 2
    build(options.device)
    if options.what == "test":
        command = ["-m", "pytest", "-c", str(ROOT / "pyproject.toml"), str(ROOT / "tests/gpu")]
    else:
        command = [str(ROOT / "tests/benchmarks/bench_gpu.py"), "--device", options.device]
    # Not in the root of the repository: what lies there would come before what was built.
    environment = _environment(options.device)
    check_found(environment)
    return subprocess.run(
        [sys.executable, *command, *rest], cwd=SITE, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
