"""Suites of other projects, run unmodified from their packages of PyPI, crates.io, npm and Debian on a fresh token.

Those that take long to install run with `conformance/run --suites` alone (`in_full`).

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

# Packages of npm, at the versions that were tried.
NODE = {"pkcs11js": "2.1.7", "graphene-pk11": "2.3.6", "node-webcrypto-p11": "2.8.0",
        "@peculiar/webcrypto-test": "1.0.7", "mocha": "11.7.5"}
# Of PyPI: the plugin's suite and docs/clients/barbican.md have the same.
BARBICAN = ["barbican==23.0.0"]
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


def in_full(*programs):
    """Ends a suite that is not asked for, or lacks a program."""
    if os.environ.get("TENON_SUITES") != "all":
        outside.skip("runs with --suites")
    for program in programs:
        if not shutil.which(program):
            outside.skip(f"no {program} here")


def installed(name, made, command):
    """The folder `name` in the build folder, where `command` installs packages at the first time and when
    `made`, the files of the folder, say something else."""
    folder = os.path.join(os.path.dirname(os.environ["CONFORMANCE"]), "target", f"conformance-{name}")
    done = os.path.join(folder, "installed")
    said = json.dumps(made, sort_keys=True)
    if not os.path.exists(done) or open(done, encoding="utf-8").read() != said:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for file, text in made.items():
            with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
                out.write(text)
        if subprocess.run(command, cwd=folder, shell=True).returncode:
            outside.skip("the packages cannot be had")
        with open(done, "w", encoding="utf-8") as out:
            out.write(said)
    return folder


def environment(name, packages):
    """A virtual environment with these packages of PyPI."""
    folder = installed(name, {"requirements.txt": "\n".join(packages)},
                       "python3 -m venv venv && venv/bin/pip install -q --disable-pip-version-check -r requirements.txt")
    return os.path.join(folder, "venv")


def inside(name, packages):
    """Goes on in a virtual environment with these packages of PyPI."""
    folder = environment(name, packages)
    python = os.path.join(folder, "bin", "python")
    if os.path.realpath(sys.prefix) != os.path.realpath(folder):
        os.execv(python, [python, *sys.argv])


def programs(name, crates):
    """A folder whose `bin` has the programs of these crates, each with its version and options as `cargo install` takes
    them: they are built without optimization, which takes half an hour less."""
    commands = [f"cargo install --locked --debug --quiet --root . --target-dir target {crate}" for crate in crates]
    commands.append("rm -rf target")
    return installed(name, {"install.sh": "\n".join(commands) + "\n"}, "CARGO_PROFILE_DEV_DEBUG=0 sh -e install.sh")


def node(packages):
    """A folder with packages of npm, whose versions are given. Those that are compiled find node's headers."""
    if os.path.isdir("/usr/include/node"):
        os.environ["npm_config_nodedir"] = "/usr"
    made = {"package.json": json.dumps({"name": "suites", "private": True, "dependencies": packages})}
    return installed("node", made, "npm install --no-audit --no-fund --loglevel=error")


def node_package(name, version):
    """The files of a package of npm, unpacked."""
    folder = installed(f"{name}-{version}", {}, f"npm pack --silent {name}@{version} && tar xzf *.tgz --strip-components=1")
    return shutil.copytree(folder, "package")


def softhsm_with_database():
    """SoftHSM2's module, built of Debian's source with the back end that its package lacks."""
    in_full("g++", "make", "curl")
    source = "http://deb.debian.org/debian/pool/main/s/softhsm2/softhsm2_2.6.1.orig.tar.gz"
    digest = "ac9ac1e3f4402f88bf3e626a18f070f8031c031947ed469c6e17482495ec72b6"
    folder = installed("softhsm", {"digest": f"{digest}  source.tar.gz\n"}, f"""
        curl -sSf -o source.tar.gz {source} && sha256sum -c digest && tar xzf source.tar.gz --strip-components=1 &&
        ./configure --quiet --with-objectstore-backend-db --enable-eddsa --disable-gost --disable-p11-kit &&
        make --silent -j "$(nproc)" -C src/lib CXXFLAGS="-O1 -w" """)
    return os.path.join(folder, "src/lib/.libs/libsofthsm2.so")


def run_mocha(name, folder, specs):
    """Runs the files or folders `specs` with the packages of `folder`, and compares what failed with the list."""
    os.symlink(os.path.join(folder, "node_modules"), "node_modules")
    subprocess.run(["node_modules/.bin/mocha", "--exit", "--timeout", "60000", "--reporter", "json",
                    "--reporter-option", "output=report.json", *specs])
    with open("report.json", encoding="utf-8") as file:
        report = json.load(file)
    for case in report["failures"]:
        print(case["fullTitle"], case["err"].get("message"))
    failed = {case["fullTitle"].replace(": ", " - ") for case in report["failures"]}
    judge(name, report["stats"]["tests"], failed, report["stats"]["pending"])


def run_go(name, package, environment, configure=lambda folder: None):
    """Runs the tests of a Go package that Debian has the source of, and compares what failed with the list."""
    source = "/usr/share/gocode/src"
    if not os.path.isdir(os.path.join(source, package)):
        outside.skip(f"no {package} here")
    shutil.copytree(source, "go/src")
    folder = os.path.join("go/src", package)
    configure(folder)
    cache = os.path.join(os.path.dirname(os.environ["CONFORMANCE"]), "target", "conformance-go")
    environment |= {"GOPATH": os.path.abspath("go"), "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": cache}
    told = subprocess.run(["go", "test", "-json", "-vet=off", "-count=1", "."], cwd=folder,
                          env=os.environ | environment, stdout=subprocess.PIPE, text=True).stdout
    ended = {}
    for line in told.splitlines():
        event = json.loads(line)
        print(event.get("Output", ""), end="")
        if event.get("Test") and event["Action"] in ("pass", "fail", "skip"):
            ended[event["Test"]] = event["Action"]
    failed = {case for case, outcome in ended.items() if outcome == "fail"}
    judge(name, len(ended), failed, sum(outcome == "skip" for outcome in ended.values()))


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
