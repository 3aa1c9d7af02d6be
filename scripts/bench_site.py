"""What the running site costs: the start of its processes, and the memory of each gunicorn worker.

    python -m scripts.bench_site

Starts gunicorn with two workers and the job worker on an empty database of their own, as `make run` does, waits for
the first page, then searches until both workers have loaded the encoder.  Memory is read from the kernel: ``private``
is what another worker would add, ``shared`` is counted in each.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import machine
import serve
import setup

WORKERS = 2
SEARCHES = 16
KIB = 1024


def main() -> None:
    """Start the site, measure, stop it."""
    setup.build_encoder(machine.ROOT / "indexes" / "encoder")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        env = machine.environment(
            KCZ_DATA=folder,
            KCZ_INDEXES=f"{folder}/indexes",
            KCZ_ENCODER=str(machine.ROOT / "indexes" / "encoder"),
            **serve.threads_each(WORKERS),
        )
        machine.call(serve.flask_command("db-upgrade"), "the database could not be made", env=env)
        programs = serve.Programs()
        try:
            measure(programs, port, env, Path(folder))
        finally:
            programs.stop()


def measure(programs: serve.Programs, port: int, env: dict[str, str], folder: Path) -> None:
    """Print the figures of a site that is started here."""
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("ab") as log:
        started = time.perf_counter()
        web = programs.start("web server", serve.web_command("127.0.0.1", port, WORKERS), env, log)
        worker = programs.start("worker", serve.flask_command("worker"), env, log)
        serve.wait_until_it_answers(address, programs)
        first_page = time.perf_counter() - started
        first_search = timed_search(address, 0)
        ready = time.perf_counter() - started
        times = [timed_search(address, number) for number in range(1, SEARCHES)]
    tell(
        "cold start",
        first_page_s=round(first_page, 2),
        first_search_answered_s=round(ready, 2),
        first_search_s=round(first_search, 2),
        later_search_ms=round(sorted(times)[len(times) // 2] * 1000, 1),
    )
    for name, process in [*(("gunicorn worker", child) for child in children(web.pid)), ("job worker", worker.pid)]:
        tell("memory", process=name, **memory(process))


def timed_search(address: str, number: int) -> float:
    """Search for a text that was never asked before, and return the seconds it took."""
    words = urllib.parse.quote(f"第 {number} 条产线的铸件气孔怎么自动检出")
    started = time.perf_counter()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{address}/search?kind=capability&q={words}", timeout=300) as answer:
        answer.read()
    return time.perf_counter() - started


def children(parent: int) -> list[int]:
    """Return the processes that gunicorn's master has started."""
    return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()]


def memory(process: int) -> dict[str, float]:
    """Return MiB of a process: private, shared, and its share of all."""
    found = {"Private": 0, "Shared": 0, "Pss": 0}
    for line in Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()[1:]:
        name, size = line.split()[0].rstrip(":").split("_")[0], int(line.split()[1])
        if name in found and not line.startswith(("Pss_", "Private_Hugetlb", "Shared_Hugetlb")):
            found[name] += size
    return {f"{name.lower()}_mib": round(size / KIB, 1) for name, size in found.items()}


def tell(what: str, **figures: object) -> None:
    """Print one line."""
    print(json.dumps({"what": what, **figures}), flush=True)


if __name__ == "__main__":
    main()
