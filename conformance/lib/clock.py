"""A clock that the test sets: this process and all that it starts run under libfaketime."""

import glob
import os
import sys

import outside

OFFSET = "FAKETIME_TIMESTAMP_FILE"


def fake():
    """Starts the test anew under a clock that goes on as `forward` says; to be called first of all."""
    if OFFSET in os.environ:
        return
    library = glob.glob("/usr/lib*/faketime/libfaketime.so.1") + glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not library:
        outside.skip("no libfaketime here (faketime)")
    offset = outside.write(os.path.abspath("clock"), b"+0")
    # Files keep their times, and waiting lasts as long as it does.
    settings = {"LD_PRELOAD": library[0], OFFSET: offset, "FAKETIME_NO_CACHE": "1", "NO_FAKE_STAT": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | settings)


def forward(seconds):
    """Sets the clock so many seconds later than it is, for every process at once."""
    now = int(outside.read(os.environ[OFFSET]))
    outside.write(os.environ[OFFSET], b"+%d" % (now + seconds))
