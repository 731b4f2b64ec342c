"""Write requirements.lock and requirements-dev.lock anew from pyproject.toml: every file with its hash, no address.

Needs pip-tools. Run it with the oldest Python that is supported: newer ones only need fewer packages.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).parent.parent
HEADER = """\
# Written by tools/lock.py from pyproject.toml; `./polyclinic` installs it with pip --require-hashes.
"""
COMPILE = [
    sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--strip-extras", "--no-header",
    "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links", "--annotation-style=line",
]  # fmt: skip


def main() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))
    lock(HERE / "requirements.lock", project["project"]["dependencies"])
    lock(
        HERE / "requirements-dev.lock",
        project["dependency-groups"]["dev"],
        "-c",
        str(HERE / "requirements.lock"),
    )


def lock(target: Path, wanted: list[str], *more: str) -> None:
    """Resolve ``wanted`` into ``target``; what an older ``target`` pins stays unless --upgrade is given."""
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "wanted.in", Path(folder) / "lock"
        source.write_text("\n".join(wanted) + "\n", "utf-8")
        if target.exists():
            result.write_bytes(target.read_bytes())
        environment = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}
        words = [*COMPILE, *sys.argv[1:], *more, f"--output-file={result}", str(source)]
        subprocess.run(words, check=True, env=environment)
        lines = result.read_text("utf-8").replace(f" -r {source}", " pyproject.toml").replace(str(HERE) + "/", "")
        target.write_text(HEADER + lines.removeprefix(HEADER), "utf-8")


if __name__ == "__main__":
    main()
