"""Child processes start together, are watched, and never outlive their crew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli import up
from cli.processes import Crew, NotHealthy
from core.settings import Settings


def children() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if process.status() != psutil.STATUS_ZOMBIE]


def test_a_server_starts_answers_and_is_gone_afterwards(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{up.free_port()}/v1"
    others = children()  # servers of other tests in this process
    with Crew(tmp_path / "logs") as crew:
        up.start_model(crew, url)
        up.await_model(crew, url)
        mine = [process for process in children() if process not in others]
        assert mine
    assert all(not process.is_running() for process in mine)
    assert (tmp_path / "logs" / "model.log").exists()


def test_a_process_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Crew(tmp_path) as crew:
        crew.start("doctor", "doctor", "--only", "weather", env={})
        with pytest.raises(NotHealthy, match=r"doctor process ended .exit status 2.*say one of"):
            crew.wait_for(lambda: False, what="doctor", seconds=60)


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{up.free_port()}/v1"
    with Crew(tmp_path) as crew:
        up.start_model(crew, url)
        up.await_model(crew, url)
        with pytest.raises(up.Occupied, match="Port"), Crew(tmp_path / "second") as second:
            up.start_model(second, url)


def test_the_local_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = up.local_key(tmp_path)
    assert up.local_key(tmp_path) == key
    assert (tmp_path / "api-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("url", "name", "ours"),
    [
        ("http://127.0.0.1:8621/v1", "playbook", True),
        ("http://localhost:9/v1/", "playbook", True),
        ("http://127.0.0.1:8621/v1", "qwen3-8b", False),
        ("https://models.example/v1", "playbook", False),
        ("http://127.0.0.1:8621/other", "playbook", False),
    ],
)
def test_only_the_playbook_on_this_machine_is_served_by_us(url: str, name: str, ours: bool) -> None:
    assert up.serves_itself(Settings(model_url=url, model_name=name)) is ours


def test_a_second_signal_while_stopping_leaves_no_child_behind(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{up.free_port()}/v1"
    script = (
        "import os, signal, sys; from pathlib import Path; from cli import up; from cli.processes import Crew\n"
        "class Late(Crew):\n"
        "    def stop(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM); os.kill(os.getpid(), signal.SIGINT); super().stop()\n"
        "with Late(Path(sys.argv[1])) as crew:\n"
        "    up.start_model(crew, sys.argv[2]); up.await_model(crew, sys.argv[2])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), url], check=False, timeout=120)
    assert done.returncode == 0
    assert not up.answers(url.replace("/v1", "/healthz"))


def test_children_die_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{up.free_port()}/v1"
    script = (
        "import os, signal, sys; from pathlib import Path; from cli import up; from cli.processes import Crew\n"
        "with Crew(Path(sys.argv[1])) as crew:\n"
        "    up.start_model(crew, sys.argv[2]); up.await_model(crew, sys.argv[2])\n"
        "    print(crew._children[0].process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), url], check=False, timeout=120, capture_output=True, text=True
    )
    try:
        child = psutil.Process(int(done.stdout))
    except psutil.NoSuchProcess:
        return  # it is gone already
    assert psutil.wait_procs([child], timeout=30)[1] == []


def test_the_model_server_gets_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_MASTER_KEY", "canary")
    url = f"http://127.0.0.1:{up.free_port()}/v1"
    with Crew(tmp_path) as crew:
        up.start_model(crew, url)
        up.await_model(crew, url)
        (server,) = [child for child in children() if "playbook" in child.cmdline()]
        assert "CASEMATE_MASTER_KEY" not in server.environ()
