"""`make run`: set up what is missing, start gunicorn and the worker, say where, and stop both together.

Both programs run in process groups of their own, so that Ctrl-C, a termination signal or the end of either one
stops everything that was started; the kernel ends them too when this script is killed outright.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import machine
import setup

START_SECONDS = 60
STOP_SECONDS = 15
THREADS = 4


def web_command(host: str, port: int, workers: int) -> list[str]:
    """Return the command line of the web server.

    Nothing is preloaded: a process that has loaded torch or FAISS and is then forked hangs.
    """
    return [
        *(str(machine.PYTHON), "-m", "gunicorn", "app:app", "--bind", f"{host}:{port}"),
        *("--worker-class", "gthread", "--workers", str(workers), "--threads", str(THREADS)),
        *("--timeout", "60", "--graceful-timeout", "5", "--max-requests", "5000", "--max-requests-jitter", "500"),
        *("--no-control-socket", "--log-level", "warning"),
    ]


def flask_command(*words: str) -> list[str]:
    """Return the command line of one of the site's own commands."""
    return [str(machine.PYTHON), "-m", "flask", "--app", "app", *words]


def threads_each(processes: int) -> dict[str, str]:
    """Return the environment that divides the cores among processes which compute with OpenMP."""
    share = str(max(1, (os.cpu_count() or 1) // max(1, processes)))
    return {"OMP_NUM_THREADS": share, "OPENBLAS_NUM_THREADS": share, "TOKENIZERS_PARALLELISM": "false"}


def _end_with_parent() -> None:
    """Ask the Linux kernel, in the child, to end it when this script dies without being able to clean up."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Programs:
    """The programs that belong together: started one by one, watched, stopped all at once."""

    def __init__(self):
        self.running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, command: list[str], env: dict[str, str], log=None) -> subprocess.Popen:
        """Start a program in a process group of its own; its output goes to the terminal, or to an open file."""
        self.running[name] = subprocess.Popen(
            command,
            cwd=machine.ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        return self.running[name]

    def ended(self) -> str | None:
        """Return the name of a program that has ended by itself, or None."""
        return next((name for name, program in self.running.items() if program.poll() is not None), None)

    def stop(self) -> None:
        """End every program and all of its children: politely, and after STOP_SECONDS by force."""
        for program in self.running.values():
            self._signal(program, signal.SIGTERM, group=False)
        deadline = time.monotonic() + STOP_SECONDS
        for program in self.running.values():
            try:
                program.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._signal(program, signal.SIGKILL, group=False)
                program.wait()
            self._signal(program, signal.SIGKILL, group=True)
        self.running.clear()

    @staticmethod
    def _signal(program: subprocess.Popen, number: int, group: bool) -> None:
        try:
            if group:
                os.killpg(program.pid, number)
            elif program.poll() is None:
                program.send_signal(number)
        except (ProcessLookupError, PermissionError):
            pass


def wait_until_it_answers(address: str, programs: Programs, seconds: float = START_SECONDS) -> None:
    """Return when the address answers with any page; raise Stop when a program ends first or the time is up."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if name := programs.ended():
            raise machine.Stop(f"the {name} ended while starting; the lines above say why.")
        try:
            opener.open(address, timeout=5).close()
            return
        except urllib.error.HTTPError as fault:
            if fault.code < 500:
                return
            raise machine.Stop(f"the site answers with an error ({fault.code}); the lines above say why.") from None
        except OSError:
            time.sleep(0.1)
    raise machine.Stop(f"the site did not answer within {seconds:.0f} seconds; the lines above say why.")


def prepare_database(values: dict[str, object]) -> None:
    """Bring the database up to the newest migration, and load the demo data into an empty one unless that is off.

    Nothing else runs yet, so the encoder may have every core.
    """
    machine.say("Looking after the database …")
    command = flask_command("prepare", "--demo" if values["DEMO"] else "--no-demo")
    env = machine.environment(KCZ_ENCODER_THREADS=str(os.cpu_count() or 1), KCZ_LOG="WARNING")
    machine.call_aloud(command, "the database could not be prepared", env)


def serve(values: dict[str, object]) -> None:
    """Run the site until it is told to stop; raise Stop when it cannot start or a program ends by itself."""
    host, port, workers = str(values["HOST"]), int(values["PORT"]), int(values["WEB_WORKERS"])
    machine.require_free_port(host, port)
    machine.require_writable(values["DATA"])
    setup.prepare_site(values)
    prepare_database(values)
    address = f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"  # noqa: S104 - read, not bound
    programs = Programs()
    try:
        programs.start("web server", web_command(host, port, workers), machine.environment(**threads_each(workers)))
        programs.start("worker", flask_command("worker"), machine.environment(**threads_each(workers)))
        wait_until_it_answers(address, programs)
        machine.say(f"kcz_match is running at {address} (Ctrl-C stops it). Demo accounts: README.md, “Demo accounts”.")
        machine.say(f"科创匹配已启动，请用浏览器打开 {address} ；演示账号见 README.md，按 Ctrl-C 停止。")
        while not (name := programs.ended()):
            time.sleep(0.5)
        raise machine.Stop(f"the {name} ended by itself, so the rest was stopped; the lines above say why.")
    finally:
        programs.stop()


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _stop_politely(number: int, frame: object) -> None:
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)  # an impatient second Ctrl-C must not cut the clean-up short
    raise SystemExit(0)


if __name__ == "__main__":
    for each in STOPPING:
        signal.signal(each, _stop_politely)
    with machine.plain_ending():
        serve(machine.settings())
