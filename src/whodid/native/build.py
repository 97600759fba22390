"""`python -m whodid.native.build`: compile the inner loops beside this file, where that can be had.

Set-up runs it. Without a C compiler or Python's headers whodid works all the same, more slowly:
one line says so, and the exit status is 0.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "_native.abi3.so"
_FLAGS = ("-O3", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")
_SECONDS_MAX = 120


def command(compiler: list[str], target: Path) -> list[str]:
    """Return the call of the compiler."""
    include = sysconfig.get_path("include")
    mac = ("-undefined", "dynamic_lookup") if sys.platform == "darwin" else ()
    sources = [str(path) for path in sorted(HERE.glob("*.c"))]
    return [*compiler, *_FLAGS, *mac, f"-I{include}", *sources, "-o", str(target)]


def build() -> str | None:
    """Compile; return why not, None when it is done. A module that works replaces an older one."""
    installed = (name for name in ("cc", "gcc", "clang") if shutil.which(name))
    compiler = shlex.split(os.environ.get("CC") or next(installed, ""))
    if not compiler:
        return "there is no C compiler"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's headers are not here"
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".build-") as folder:
        target = Path(folder, NAME)
        call = command(compiler, target)
        try:
            done = subprocess.run(  # noqa: S603 - our own files, the user's compiler
                call, check=False, capture_output=True, text=True, timeout=_SECONDS_MAX
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"the compiler does not work ({error})"
        if done.returncode:
            return f"the compiler says: {(done.stderr.strip() or 'nothing').splitlines()[-1]}"
        target.replace(HERE / NAME)
    return None


def main() -> int:
    """Build and say what came of it."""
    try:
        reason = build()
    except OSError as error:
        reason = str(error)
    if reason is not None:
        said = f"whodid works without its compiled part, more slowly: {reason}\n"
        sys.stderr.write(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
