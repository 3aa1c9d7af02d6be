"""What the default encoder gains over the same weights in PyTorch, and what it costs.

    python -m scripts.bench_encode [--rounds 5] [--threads 1 2] [--fast FOLDER] [--plain FOLDER]

Three ways take turns within each round, each in a process of its own that waits while another works:

- ``plain``: ``SentenceTransformer.encode`` of the float32 PyTorch folder, batches of 32 (the library's default),
- ``library``: the same call on the default encoder's folder,
- ``ours``: ``Encoder.encode`` of the default encoder's folder, as the site calls it.

Texts are short questions, records of 150 tokens and records of 600 tokens; of the last, ``plain`` and ``library`` read
the first 512 tokens and ``ours`` all.  One JSON line for each measurement: texts a second (median of the rounds) and
the ratio to ``plain`` (median of the rounds' ratios, least and greatest).  Agreement compares both folders through
``Encoder``.  Memory is that of one process after the work; cold start is from the start of the process to the
first vector.  Without folders, both are built in a temporary one first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kcz_match.matching import encoder_build, sample
from kcz_match.matching.encoder import load

ROOT = Path(__file__).resolve().parent.parent
LABELLED = ROOT / "tests" / "data" / "match-small"
WAYS = {"plain": ("plain", "library"), "library": ("fast", "library"), "ours": ("fast", "ours")}
SIZES = {"short": (48, 0), "150 tokens": (24, 150), "600 tokens": (8, 600)}
FIRST = "预热"


class Process:
    """A folder's model in a process of its own; ``ask`` sends one request and waits for the answer."""

    def __init__(self, folder: Path, threads: int) -> None:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "scripts.bench_encode", "--answer", str(folder), "--threads", str(threads)]
        self.program = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ask(how="ours", texts=[FIRST], role="query")
        self.cold_start = time.perf_counter() - begun

    def ask(self, **request: object) -> dict:
        """Return the answer to a request; see ``answer``."""
        self.program.stdin.write(json.dumps(request) + "\n")
        self.program.stdin.flush()
        line = self.program.stdout.readline()
        if not line:
            sys.exit("bench_encode: a measured process ended early; run it with --answer FOLDER to see why.")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.program.stdin.close()
        self.program.wait(30)
        self.program.stdout.close()


def answer(folder: str, threads: int) -> None:
    """Read requests from standard input, encode, and print seconds, memory and, where asked for, rows to a file."""
    encoder = load(folder, threads)
    for line in sys.stdin:
        request = json.loads(line)
        texts, role = request["texts"], request["role"]
        begun = time.perf_counter()
        if request["how"] == "ours":
            rows = encoder.encode(texts, role)
        else:
            prompt = encoder.model.prompts[role]
            rows = encoder.model.encode(texts, prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
        seconds = time.perf_counter() - begun
        if "file" in request:
            np.save(request["file"], rows)
        print(json.dumps({"seconds": seconds, **memory()}), flush=True)


def memory() -> dict[str, int]:
    """Return this process's memory in MB: private, proportional, of it written to, and the greatest resident ever."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0])
    sizes = {"uss": kib["Private_Clean"] + kib["Private_Dirty"], "pss": kib["Pss"], "written": kib["Private_Dirty"]}
    return {f"{name}_mb": value // 1024 for name, value in {**sizes, "peak": peak}.items()}


def texts_of(folder: Path) -> dict[str, list[str]]:
    """Return the texts by length, made of the project's own samples and of the small labelled corpus."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    source = [one["text"] for one in read_lines("corpus")] + list(sample.CAPABILITIES)
    found = {}
    for name, (count, tokens) in SIZES.items():
        if not tokens:
            found[name] = [text.split("。")[0] for text in sample.NEEDS] * (count // len(sample.NEEDS))
            continue
        found[name], place = [], 0
        while len(found[name]) < count:
            text = ""
            while len(tokenizer.encode(text).ids) < tokens:
                text, place = text + source[place % len(source)], place + 1
            found[name].append(text)
    return found


def read_lines(name: str) -> list[dict]:
    """Return one file of the labelled corpus."""
    return [json.loads(line) for line in (LABELLED / f"{name}.jsonl").read_text("utf-8").splitlines()]


def measure_speed(folders: dict[str, Path], texts: dict[str, list[str]], threads: int, rounds: int) -> list[dict]:
    """Return the lines of one number of threads: speeds, ratios, memory and cold start."""
    processes = {way: Process(folders[which], threads) for way, (which, _) in WAYS.items()}
    lines = []
    for name, some in texts.items():
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for turn in range(rounds + 1):
            for way in list(WAYS) if turn % 2 else list(WAYS)[::-1]:
                taken = processes[way].ask(how=WAYS[way][1], texts=some, role="passage")["seconds"]
                seconds[way] += [taken] if turn else []  # the first turn warms up
        for way in WAYS:
            ratios = [one / other for one, other in zip(seconds["plain"], seconds[way], strict=True)]
            line = {"what": "speed", "threads": threads, "texts": name, "way": way}
            line["texts_a_second"] = round(len(some) / statistics.median(seconds[way]), 1)
            middle, least, most = (round(pick(ratios), 2) for pick in (statistics.median, min, max))
            lines.append(line | {"ratio_to_plain": middle, "least": least, "most": most})
    for way, process in processes.items():
        kept = process.ask(how="ours", texts=[FIRST], role="query")
        one_query = statistics.median(
            process.ask(how="ours", texts=texts["short"][:1], role="query")["seconds"] for _ in range(9)
        )
        cost = {"cold_start_s": round(process.cold_start, 1), "one_query_ms": round(1000 * one_query, 1)}
        lines.append(
            {
                "what": "one process",
                "threads": threads,
                "way": way,
                **cost,
                **{k: v for k, v in kept.items() if k != "seconds"},
            }
        )
    for process in processes.values():  # not before all have told their memory: the last one would own what was shared
        process.close()
    return lines


def measure_agreement(folders: dict[str, Path], texts: dict[str, list[str]]) -> list[dict]:
    """Return how near the vectors of both folders are, and how well each finds the labelled records."""
    rows: dict[str, dict[str, np.ndarray]] = {"plain": {}, "fast": {}}
    queries, corpus = read_lines("queries"), read_lines("corpus")
    wanted = {name: (some, "passage") for name, some in texts.items()}
    wanted["queries"] = ([one["text"] for one in queries], "query")
    wanted["corpus"] = ([f"{one.get('title', '')}\n{one['text']}".strip() for one in corpus], "passage")
    for which, found in rows.items():
        process = Process(folders[which], 2)
        with tempfile.TemporaryDirectory() as folder:
            for name, (some, role) in wanted.items():
                process.ask(how="ours", texts=some, role=role, file=f"{folder}/rows.npy")
                found[name] = np.load(f"{folder}/rows.npy")
        process.close()
    lines = []
    for name in wanted:
        alike = (rows["plain"][name] * rows["fast"][name]).sum(axis=1)
        lines.append(
            {
                "what": "cosine to float32",
                "texts": name,
                "mean": round(float(alike.mean()), 5),
                "least": round(float(alike.min()), 5),
            }
        )
    recalls = {f"recall@10_{which}": recall(found, queries, corpus) for which, found in rows.items()}
    return [*lines, {"what": "labelled records found", "texts": LABELLED.name, **recalls}]


def recall(rows: dict[str, np.ndarray], queries: Sequence[dict], corpus: Sequence[dict], depth: int = 10) -> float:
    """Return the mean share of a query's labelled records among its ``depth`` nearest ones."""
    labels: dict[str, set[str]] = {}
    for line in (LABELLED / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]:
        query, record, grade = line.split("\t")
        if int(grade) > 0:
            labels.setdefault(query, set()).add(record)
    nearest = np.argsort(-(rows["queries"] @ rows["corpus"].T), axis=1, kind="stable")[:, :depth]
    shares = [
        len(labels[query["_id"]] & {corpus[place]["_id"] for place in places}) / len(labels[query["_id"]])
        for query, places in zip(queries, nearest, strict=True)
        if query["_id"] in labels
    ]
    return round(float(np.mean(shares)), 4)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--fast", type=Path, help="folder of the default encoder")
    parser.add_argument("--plain", type=Path, help="folder of the float32 PyTorch encoder")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.answer:
        answer(chosen.answer, chosen.threads[0])
        return
    with tempfile.TemporaryDirectory() as folder:
        quiet = lambda sentence: None  # noqa: E731 - the two builders want something to say it to
        folders = {
            "fast": chosen.fast or encoder_build.build(Path(folder) / "fast", quiet),
            "plain": chosen.plain or encoder_build.build_plain(Path(folder) / "plain", quiet),
        }
        texts, lines = texts_of(folders["fast"]), []
        for threads in chosen.threads:
            lines += measure_speed(folders, texts, threads, chosen.rounds)
        lines += measure_agreement(folders, texts)
        for line in lines:
            print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
