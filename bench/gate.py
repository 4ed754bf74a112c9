"""Measures one check of the gate beside its peers and prints a Markdown table: gate.py

Every contestant is asked on one thread, and on two threads at once. They take turns; what is printed are medians.
"""

import os
import shutil
import statistics
from pathlib import Path
from typing import NamedTuple

from run import BUILD, ROOT, machine, run, say

ROUNDS = max(int(os.environ.get("BENCH_RUNS", "5")), 5)
PEERS = Path(os.environ.get("BENCH_PEERS", BUILD / "bench/peers")) / "gate"
THREADS = (1, 2)
CHECK_BAR_NS = 10
# What a measurement of something that two threads do not share at all differs by, on a machine that others use too.
SLOWDOWN_BAR = 1.1


class Contestant(NamedTuple):
    words: str
    side: str
    count: int
    program: tuple


NATIVE = (BUILD / "bench/gate_check",)
NODE = ("node", PEERS / "peer.js")
CHECK = "`opsgate_check`, open"
CONTESTANTS = [
    Contestant(CHECK, "check", 30_000_000, NATIVE),
    Contestant("`opsgate_check_request`, open", "request", 30_000_000, NATIVE),
    Contestant("`opsgate_check`, a window is active", "blocked", 30_000_000, NATIVE),
    Contestant("an atomic load", "load", 100_000_000, NATIVE),
    Contestant("a read of the coarse clock", "clock", 30_000_000, NATIVE),
    Contestant("a cache with a mutex and that clock", "mutex", 5_000_000, NATIVE),
    Contestant("Unleash's SDK for Node.js, one flag, from memory", "unleash", 2_000_000, NODE),
    Contestant("LaunchDarkly's SDK for Node.js, one flag, from memory", "launchdarkly", 500_000, NODE),
]


def installed():
    if (PEERS / "node_modules").is_dir():
        shutil.copy(ROOT / "bench/peers/gate/peer.js", PEERS)
        return CONTESTANTS
    say("The flag SDKs are not installed (bench/peers/install); their rows are left out.\n")
    return [contestant for contestant in CONTESTANTS if contestant.program != NODE]


def measure(contestants):
    """All times of each contestant and number of threads, in nanoseconds."""
    times = {(contestant.words, threads): [] for contestant in contestants for threads in THREADS}
    for turn in range(ROUNDS):
        order = contestants[turn % len(contestants):] + contestants[:turn % len(contestants)]
        for contestant in order:
            for threads in THREADS:
                ns = float(run(*contestant.program, contestant.side, threads, contestant.count))
                times[contestant.words, threads].append(ns)
    return times


def table(contestants, times):
    say(f"### One check of the gate, medians of {ROUNDS}\n")
    say("| what | one thread, ns | two at once, ns | two against one (median of pairs) | one thread, against the check |")
    say("|---|---|---|---|---|")
    check = statistics.median(times[CHECK, 1])
    for contestant in contestants:
        alone, together = (times[contestant.words, threads] for threads in THREADS)
        slower = statistics.median(b / a for a, b in zip(alone, together))
        say(f"| {contestant.words} | {statistics.median(alone):,.1f} | {statistics.median(together):,.1f} | {slower:.2f} "
            f"| {statistics.median(alone) / check:,.1f} |")
    say()


def verdict(words, figure, bar):
    say(f"- {words}: {figure:.2f}, at most {bar}: {'met' if figure <= bar else 'MISSED'}")


def main():
    machine()
    contestants = installed()
    times = measure(contestants)
    table(contestants, times)
    verdict("a check on one thread, ns", statistics.median(times[CHECK, 1]), CHECK_BAR_NS)
    verdict("slowdown on two threads", statistics.median(b / a for a, b in zip(times[CHECK, 1], times[CHECK, 2])),
            SLOWDOWN_BAR)
    say()


if __name__ == "__main__":
    main()
