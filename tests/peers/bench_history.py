"""pymscada's history kept and asked, so that a bench can measure it beside ours in the same run.

    bench_history.py FOLDER kind SIGNAL        a day of two tags: {"disk": …, "written": …} bytes per sample
    bench_history.py FOLDER questions DAYS     {"ingest": samples/s, "rss_mb": …, "day of 1, 800 columns": [µs, …], …}

The same work that tests/bench/src/past/work.rs gives the others. Records of a tag are 16 bytes whatever they say, so the values
here are simple ones; what was kept long ago is laid down as the files pymscada makes of it, for appending a year takes it minutes.
"""

import array
import argparse
import json
import os
import sys
import time
from pathlib import Path

import report
from pymscada.history import FILE_CHUNKS, ITEM_COUNT, TagHistory

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
DAY = 86_400
FILE_RECORDS = FILE_CHUNKS * ITEM_COUNT
KIND_TAGS = 2
INGEST_SAMPLES = 400_000
ASKED = 3
# The questions of work.rs: name, tags, the last so many seconds. pymscada can't thin: it answers with every sample.
QUESTIONS = (
    ("day of 1, 800 columns", 1, DAY), ("day of 8, 800 columns", 8, DAY), ("30 days of 4, 800 columns", 4, 30 * DAY),
    ("last hour", 1, 3600), ("day of 1, every sample", 1, DAY), ("day of 8, every sample", 8, DAY),
)


def device_bytes():
    """Bytes of pages that this process has made the kernel write to a device."""
    with open("/proc/self/io", encoding="ascii") as counters:
        return int(next(line for line in counters if line.startswith("write_bytes:")).split()[1])


def resident_most_mb():
    """The most memory this process ever had."""
    with open("/proc/self/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) * 1024 / 1e6


def kind_of(signal):
    """Its type, as in signal.rs."""
    return float if signal < 2 else int


def one_kind(folder, signal):
    """A day of each of some tags."""
    kind = kind_of(signal)
    tags = [TagHistory(f"t{i}", kind, folder) for i in range(KIND_TAGS)]
    before = device_bytes()
    for second in range(DAY):
        for tag in tags:
            tag.append(START + second * SECOND, kind(second % 300))
    for tag in tags:
        tag.flush()
    os.sync()
    samples = KIND_TAGS * DAY
    disk = sum(file.stat().st_size for file in Path(folder).iterdir())
    return {"disk": disk / samples, "written": (device_bytes() - before) / samples}


def lay_down(folder, name, kind, days, all_days):
    """The files of a tag's last days. Of those that are full only the names matter: no question reaches them."""
    first, end = (all_days - days) * DAY, all_days * DAY
    for start in range(first, end, FILE_RECORDS):
        count = min(FILE_RECORDS, end - start)
        words = array.array("Q")
        if count < FILE_RECORDS:
            words = array.array("Q", bytes(16 * count))
            words[0::2] = array.array("Q", range(START + start * SECOND, START + (start + count) * SECOND, SECOND))
            words[1::2] = array.array("Q", array.array("d" if kind is float else "q", [230] * count).tobytes())
            words.byteswap()
        with open(os.path.join(folder, f"{name}_{START + start * SECOND}.dat"), "wb") as out:
            out.write(words.tobytes())


def questions(folder, days):
    """Takes in; then is asked for what work.rs asks the others."""
    kept = os.path.join(folder, "kept")
    os.mkdir(kept)
    tags = [TagHistory(f"i{i}", kind_of(i % 5), kept) for i in range(8)]
    began = time.perf_counter()
    for second in range(INGEST_SAMPLES // len(tags)):
        for tag in tags:
            tag.append(START + second * SECOND, tag.type(second))
    said = {"ingest": INGEST_SAMPLES / (time.perf_counter() - began)}
    for i in range(8):
        lay_down(folder, f"t{i}", kind_of(i % 5), days if i == 0 else 30 if i < 4 else 1, days)
    tags = [TagHistory(f"t{i}", kind_of(i % 5), folder) for i in range(8)]
    end = START + days * DAY * SECOND
    known = {}
    for name, count, seconds in QUESTIONS:
        if (count, seconds) not in known:
            times = []
            for _ in range(ASKED):
                began = time.perf_counter()
                found = sum(len(tag.read_bytes(end - seconds * SECOND, end)) for tag in tags[:count]) // 16
                times.append((time.perf_counter() - began) * 1e6)
            assert found >= seconds * count - count, f"{name}: {found} records"
            known[count, seconds] = times
        said[name] = known[count, seconds]
    said["rss_mb"] = resident_most_mb()
    return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("work", choices=["kind", "questions"])
    parser.add_argument("number", type=int)
    parser.add_argument("--deadline", type=float, default=600)
    parsed = parser.parse_args()
    report.deadline(parsed.deadline)
    print(json.dumps((one_kind if parsed.work == "kind" else questions)(parsed.folder, parsed.number)), flush=True)
    # Its tags write what they hold at exit: the folder may go first.
    sys.stdout.flush()
    os._exit(0)
