"""Suites of other projects, run unmodified from their packages of PyPI and crates.io on a fresh token.

Tests that fail are listed beside the runner with the reason: `suites/NAME.txt` has lines of
`name of the test: reason`. A failure that is not listed, and a listed one that passes, fail the run.
"""

import hashlib
import json
import os
import re
import shutil
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


def crate(name, version):
    """A copy of a crate's source, as cargo gets it."""
    os.makedirs("crate/src")
    open("crate/src/lib.rs", "w", encoding="utf-8").close()
    with open("crate/Cargo.toml", "w", encoding="utf-8") as manifest:
        manifest.write('[package]\nname = "suite"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
                       f'[dependencies]\n{name} = "={version}"\n')
    if subprocess.run(["cargo", "fetch"], cwd="crate").returncode:
        outside.skip("crates.io cannot be reached")
    told = subprocess.run(["cargo", "metadata", "--format-version", "1"], cwd="crate", check=True,
                          stdout=subprocess.PIPE).stdout
    manifest = next(package["manifest_path"] for package in json.loads(told)["packages"] if package["name"] == name)
    return shutil.copytree(os.path.dirname(manifest), "suite")


def run(name, folder, environment):
    """Runs pytest in `folder`, and compares what failed with the list of `name`."""
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
                    "--junitxml=report.xml"], cwd=folder, env=os.environ | environment)
    cases = xml.etree.ElementTree.parse(os.path.join(folder, "report.xml")).iter("testcase")
    ended = {f"{case.get('classname')}.{case.get('name')}": {part.tag for part in case} for case in cases}
    failed = {case for case, tags in ended.items() if tags & {"failure", "error"}}
    judge(name, len(ended), failed, sum("skipped" in tags for tags in ended.values()))


def run_crate(name, folder, environment, without):
    """Runs the integration tests of the crate in `folder` but for those `without`, and compares what failed with
    the list of `name`."""
    skips = [word for test in without for word in ("--skip", test)]
    told = subprocess.run(["cargo", "test", "--locked", "--no-fail-fast", "--test", "*", "--", "--test-threads=1",
                           *skips],
                          cwd=folder, env=os.environ | environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout
    print(told)
    ended, program = {}, ""
    for program_line, test, outcome in re.findall(
            r"^ +Running tests/(\w+)\.rs|^test (\S+) \.\.\. (ok|FAILED|ignored)", told, re.MULTILINE):
        program = program_line or program
        if test:
            ended[f"{program}.{test}"] = outcome
    failed = {case for case, outcome in ended.items() if outcome == "FAILED"}
    judge(name, len(ended), failed, sum(outcome == "ignored" for outcome in ended.values()))


def judge(name, number, failed, skipped):
    """Ends the run: right where the tests failed that the list of `name` has, and no others."""
    with open(os.path.join(HERE, "..", "suites", f"{name}.txt"), encoding="utf-8") as file:
        listed = dict(line.rstrip("\n").split(": ", 1) for line in file if not line.startswith("#"))
    for case in sorted(failed - set(listed)):
        print(f"FAILED, and not listed: {case}")
    for case in sorted(set(listed) - failed):
        print(f"listed, and does not fail: {case}")
    print(f"note: {number - len(failed) - skipped} passed, {len(failed)} failed for listed reasons, "
          f"{skipped} skipped")
    sys.exit(failed != set(listed))
