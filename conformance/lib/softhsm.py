"""SoftHSM2, which some tests drive beside the module under test."""

import glob
import os

PLACES = ("/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib64/softhsm")


def find():
    """Its module where a package puts it; None where it is not installed."""
    return next((path for place in PLACES for path in glob.glob(f"{place}/libsofthsm2.so")), None)


def path():
    """Its module, configured to keep its tokens in the test's own directory; None where it is not installed."""
    os.mkdir("softhsm", 0o700)
    with open(os.environ["SOFTHSM2_CONF"], "w", encoding="ascii") as conf:
        conf.write(f"directories.tokendir = {os.path.abspath('softhsm')}\nlog.level = ERROR\n")
    return find()
