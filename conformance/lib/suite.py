"""Suites of other projects, run unmodified from their packages of PyPI on a fresh token.

Tests that fail are listed beside the runner with the reason: `suites/NAME.txt` has lines of
`name of the test: reason`. A failure that is not listed, and a listed one that passes, fail the run.
"""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import outside

HERE = os.path.dirname(os.path.realpath(__file__))


def fetch(project, package, digest, tests):
    """A folder with the tests alone of the source package, so that they meet the installed package, not its
    source; `tests` is their folder in the package, `digest` the package's SHA-256."""
    page = f"https://pypi.org/simple/{project}/"
    try:
        with urllib.request.urlopen(page, timeout=60) as answer:
            links = re.findall(r'href="([^"]+)"', answer.read().decode())
        link = next(link for link in links if f"/{package}.tar.gz" in link)
        with urllib.request.urlopen(urllib.parse.urljoin(page, link), timeout=120) as answer:
            data = answer.read()
    except OSError as error:
        outside.skip(f"PyPI cannot be reached: {error}")
    assert hashlib.sha256(data).hexdigest() == digest, f"{package} is another file"
    with tarfile.open(outside.write("suite.tar.gz", data)) as tar:
        tar.extractall("suite", filter="data")
    os.mkdir("run")
    os.rename(os.path.join("suite", package, tests), os.path.join("run", tests))
    return "run"


def run(name, folder, environment):
    """Runs pytest in `folder`, and compares what failed with the list of `name`."""
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
                    "--junitxml=report.xml"], cwd=folder, env=os.environ | environment)
    cases = xml.etree.ElementTree.parse(os.path.join(folder, "report.xml")).iter("testcase")
    ended = {f"{case.get('classname')}.{case.get('name')}": {part.tag for part in case} for case in cases}
    failed = {case for case, tags in ended.items() if tags & {"failure", "error"}}
    skipped = sum("skipped" in tags for tags in ended.values())
    with open(os.path.join(HERE, "..", "suites", f"{name}.txt"), encoding="utf-8") as file:
        listed = dict(line.rstrip("\n").split(": ", 1) for line in file if not line.startswith("#"))
    for case in sorted(failed - set(listed)):
        print(f"FAILED, and not listed: {case}")
    for case in sorted(set(listed) - failed):
        print(f"listed, and does not fail: {case}")
    print(f"note: {len(ended) - len(failed) - skipped} passed, {len(failed)} failed for listed reasons, "
          f"{skipped} skipped")
    sys.exit(failed != set(listed))
