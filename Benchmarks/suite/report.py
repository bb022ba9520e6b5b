# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Rounds, medians, verdicts and tables."""

import json
import os
import statistics
import sys

from . import lab, machine, programs

# A goal that is reached to this part passes the gate: the noise of a shared machine is not a regression.
GATE = 0.90
# Characters of a row's last column.
NOTE = 72


class Result:
    """What a benchmark found: raw values of every round, and rows that compare their medians with goals."""

    def __init__(self, title: str):
        self.title = title
        self.raw: dict[str, list] = {}
        self.failures: dict[str, list[str]] = {}
        self.rows: list[dict] = []
        self.notes: list[str] = []

    @property
    def missed(self) -> bool:
        return any(row["verdict"] in ("MISSED", "FAILED") for row in self.rows)

    def tried(self, configuration: str) -> bool:
        """Whether the configuration was measured, with or without success; `--only` leaves some out."""
        return configuration in self.raw or configuration in self.failures

    def values(self, configuration: str, key: str) -> list[float]:
        return [entry[key] for entry in self.raw.get(configuration, []) if entry.get(key) is not None]

    def median(self, configuration: str, key: str) -> float | None:
        values = self.values(configuration, key)
        return statistics.median(values) if values else None

    def compare(self, what: str, configuration: str, key: str, *, peer: str, peer_key: str | None = None,
                least: float | None = None, most: float | None = None, unit: str = "", note: str = "") -> None:
        """Adds a row: our median, the peer's, their ratio, and whether it is at least or at most what was wanted."""
        if not (self.tried(configuration) and self.tried(peer)):
            return
        ours = self.median(configuration, key)
        theirs = self.median(peer, peer_key or key)
        failed = ours is None or theirs is None
        ratio = ours / theirs if not failed and theirs else None
        goal = f">= {least:g}x" if least is not None else f"<= {most:g}x" if most is not None else ""
        why = (self.failures.get(configuration) or self.failures.get(peer) or ["not measured"])[-1]
        self.rows.append({"what": what, "ours": ours, "peer": theirs, "ratio": ratio, "unit": unit, "goal": goal,
                          "verdict": "FAILED" if failed else judge(ratio, least, most),
                          "note": why if failed else note or self.spread(configuration, key)})

    def fixed(self, what: str, configuration: str, key: str, *, most: float | None = None, scale: float = 1.0,
              unit: str = "", note: str = "") -> None:
        """Adds a row: our median against a number that does not depend on a peer."""
        if not self.tried(configuration):
            return
        ours = self.median(configuration, key)
        shown = ours * scale if ours is not None else None
        verdict = judge(shown, None, most) if shown is not None else "FAILED"
        why = (self.failures.get(configuration) or [""])[-1]
        self.rows.append({"what": what, "ours": shown, "peer": None, "ratio": None, "unit": unit,
                          "goal": f"<= {most:g}" if most is not None else "", "verdict": verdict,
                          "note": note or why or self.spread(configuration, key, scale)})

    def spread(self, configuration: str, key: str, scale: float = 1.0) -> str:
        values = self.values(configuration, key)
        return f"[{number(min(values) * scale)} .. {number(max(values) * scale)}]" if len(values) > 1 else ""


def judge(value: float | None, least: float | None, most: float | None) -> str:
    if value is None or (least is None and most is None):
        return ""
    if (least is None or value >= least) and (most is None or value <= most):
        return "met"
    if (least is None or value >= least * GATE) and (most is None or value * GATE <= most):
        return "near"
    return "MISSED"


def rounds(result: Result, configurations: dict, options) -> None:
    """Measures every configuration once a round, in reverse order every second round, each time on an idle machine.

    `configurations` maps names to functions without arguments that return the figures of one measurement.
    """
    wanted = options.only.split("|") if options.only else [""]
    names = [name for name in configurations if any(text in name for text in wanted)]
    for number_of_round in range(options.rounds):
        for name in names if number_of_round % 2 == 0 else reversed(names):
            idle = machine.wait_until_idle(options)
            progress(f"{number_of_round + 1}/{options.rounds} {name}")
            try:
                figures = configurations[name]()
            except lab.Failed as failure:
                result.failures.setdefault(name, []).append(str(failure))
                progress(f"{number_of_round + 1}/{options.rounds} {name}: {failure}", keep=True)
                continue
            figures["idle"] = idle
            result.raw.setdefault(name, []).append(figures)
    progress("")


def progress(text: str, keep: bool = False) -> None:
    """Says on standard error what is being measured."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text[:110]}", end="\n" if keep else "", file=sys.stderr, flush=True)
    elif text:
        print(f"  {text}", file=sys.stderr, flush=True)


def number(value: float | None) -> str:
    """A number with three or so digits that say something."""
    if value is None:
        return "-"
    if abs(value) >= 100_000:
        return f"{value / 1000:,.0f}k"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10 or value == 0:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.01 else f"{value:.2g}"


def print_conditions(conditions: dict) -> None:
    print(f"kernel {conditions['kernel']}, {conditions['processors']} x {conditions['processor']}")
    print(f"congestion control {conditions['congestion_control']}, MTU {conditions['mtu']}, "
          f"max_dgram_qlen {conditions['max_dgram_qlen']}, wmem_default {conditions['wmem_default']}, "
          f"socket memory {'' if conditions['memory_is_charged'] else 'not '}charged to a memory cgroup")
    print(f"etherloom {conditions['etherloom']}; "
          + ", ".join(f"{name} {text}" for name, text in conditions["peers"].items()))
    if not programs.built():
        print(f"{programs.ETHERLOOM} is not built: only the peers are measured")
    if (conditions["processors"] or 1) < 4:
        print("fewer than four processors: generator, sink and switch share them, and so do iperf3 and its path")
    print(flush=True)


def table(columns: list[str], lines: list[list[str]]) -> None:
    """Prints a table; all columns but the first and the last are aligned to the right."""
    widths = [max(len(line[index]) for line in [columns] + lines) for index in range(len(columns))]
    last = len(columns) - 1
    for line in [columns, ["-" * width for width in widths]] + lines:
        cells = [text.ljust(widths[index]) if index in (0, last) else text.rjust(widths[index])
                 for index, text in enumerate(line)]
        print("  " + "  ".join(cells).rstrip())


def finish(name: str, result: Result, conditions: dict, options) -> None:
    """Prints a benchmark's table and stores everything as JSON."""
    print(f"{name}: {result.title}")
    lines = []
    for row in result.rows:
        ratio = f"{row['ratio']:.2f}x" if row["ratio"] is not None else ""
        peer = number(row["peer"]) if row["peer"] is not None else ""
        lines.append([row["what"], number(row["ours"]), peer, row["unit"], ratio, row["goal"], row["verdict"],
                      row["note"][:NOTE]])
    if lines:
        table(["", "ours", "peer", "unit", "ratio", "goal", "verdict", ""], lines)
    busy = [entry for entries in result.raw.values() for entry in entries if entry.get("idle") is False]
    if busy:
        result.notes.append(f"the machine was busy with other things before {len(busy)} of "
                            f"{sum(map(len, result.raw.values()))} measurements: these figures are only indicative")
    for note in result.notes:
        print(f"  {note}")
    print(flush=True)
    os.makedirs(options.out, exist_ok=True)
    path = os.path.join(options.out, f"{name}.json")
    content = {"benchmark": name, "title": result.title, "conditions": conditions, "rounds": options.rounds,
               "seconds": options.seconds, "rows": result.rows, "notes": result.notes, "raw": result.raw,
               "failures": result.failures}
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)
