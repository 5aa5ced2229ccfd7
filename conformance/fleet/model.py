#!/usr/bin/env python3
"""What a fleet asks of its database, by what was measured of one change, one renewal and one key. `--write` puts the table into
docs/fleet.md; without it the table there is compared.
"""

import os
import re
import sys

# Messages of a change while it has the token's row (`trips.py`: C_GenerateKey), bytes of a key in tables and indexes and in the log.
MESSAGES, BYTES, LOGGED = 12, 1620, 3340
BEGIN, END = "<!-- model -->\n", "<!-- end of the model -->\n"
# Name, hosts, processes of each, keys, lease in ms, round trip to the primary and from there to the standby in ms.
FLEETS = (("one room", 4, 4, 100_000, 500, 0.2, 0.2),
          ("one region, three rooms", 20, 4, 1_000_000, 500, 0.5, 1),
          ("100 hosts in one region", 100, 4, 10_000_000, 500, 0.5, 1),
          ("100 hosts, standby in another region", 100, 4, 10_000_000, 1000, 0.5, 30),
          ("100 hosts in three regions", 100, 4, 10_000_000, 2000, 30, 30))
# The server's own time for a commit, in ms: a log on a disk that is fast.
COMMIT = 1


def rows():
    for name, hosts, processes, keys, lease, there, standby in FLEETS:
        renewals = hosts * processes * 1000 / lease
        change = MESSAGES * there + COMMIT + standby
        wait = there + COMMIT + standby
        yield (name, f"{keys * BYTES / 1e9:.1f} GB", f"{renewals:.0f}", f"{wait:.1f} ms each {lease} ms",
               f"{1000 / change:.0f}", f"{1000 / change * LOGGED / 1e3:.0f} kB/s", f"{change + 1.25 * lease:.0f} ms")


def main():
    head = ("fleet", "tables", "renewals a second", "a process in use waits", "changes a second, of one token", "log at that rate",
            "a revocation takes")
    lines = ["| " + " | ".join(line) + " |\n" for line in (head, *rows())]
    lines.insert(1, "|" + "---|" * len(head) + "\n")
    table = "".join(lines)
    path = os.path.join(os.environ["CONFORMANCE"], "../docs/fleet.md")
    with open(path) as file:
        text = file.read()
    wanted = re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}{table}{END}", text, flags=re.DOTALL)
    if sys.argv[1:] == ["--write"]:
        with open(path, "w") as file:
            file.write(wanted)
    else:
        assert BEGIN in text and wanted == text, "docs/fleet.md says otherwise: run this with --write"


main()
