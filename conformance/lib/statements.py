"""What the documents of the services state of a key's life, each with a check.

A check is a function with the number of its statement, what is stated, and where:

    @states(27, "An external key without material waits for it", "001 003")
    def waits(token): ...

`run()` at the end of a file runs its checks, all on one token. `statements.py --write` makes
docs/statements.md of all files; `--check` fails where that is out of date or a number is missing.
"""

import contextlib
import importlib.util
import io
import os
import sys
import traceback

TOTAL = 218
HERE = os.path.dirname(os.path.realpath(__file__))
FOLDER = os.path.join(HERE, "..", "statements")
DOCUMENT = os.path.join(HERE, "..", "..", "docs", "statements.md")

found = []


def states(number, text, documents):
    """Marks a check of a statement: its number, its text, the documents that state it."""
    def mark(check):
        found.append((number, text, documents, check))
        return check
    return mark


def run(token):
    """Runs the checks of the calling file, or only those whose numbers $STATEMENTS names.

    Each failure is told with its number; any ends in status 1.
    """
    only = os.environ.get("STATEMENTS", "").split()
    chosen, failed = [row for row in found if not only or str(row[0]) in only], 0
    for number, text, _documents, check in chosen:
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                check(token)
        except Exception:
            failed += 1
            print(f"FAILED {number}: {text}\n{output.getvalue()}{traceback.format_exc()}", flush=True)
    print(f"note: {len(chosen) - failed} of {len(chosen)} statements hold")
    sys.exit(1 if failed else 0)


def all_checks():
    """Number, text, documents, file and name of every check, in the order of their numbers."""
    rows = []
    for name in sorted(os.listdir(FOLDER)):
        if not name.endswith(".py"):
            continue
        found.clear()
        spec = importlib.util.spec_from_file_location(name[:-3], os.path.join(FOLDER, name))
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        rows += [(number, text, documents, name, check.__name__) for number, text, documents, check in found]
    return sorted(rows)


def document(rows):
    lines = ["# Statements", "",
             "What the documents of the services say of keys and their material, as far as a token can keep it, and the check",
             "that holds it, in `conformance/statements/`. 000 to 003 are Alibaba Cloud's documents (000 the oldest), 004 is",
             "Huawei Cloud's. Written by `conformance/lib/statements.py --write`.", "",
             "| | statement | documents | check |", "|---|---|---|---|"]
    lines += [f"| {number} | {text} | {documents} | {file}: {name} |" for number, text, documents, file, name in rows]
    return "\n".join(lines) + "\n"


def main(argument):
    rows = all_checks()
    numbers = [row[0] for row in rows]
    wrong = [number for number in range(1, TOTAL + 1) if numbers.count(number) != 1]
    if argument == "--write":
        with open(DOCUMENT, "w", encoding="utf-8") as file:
            file.write(document(rows))
    elif argument == "--check":
        with open(DOCUMENT, encoding="utf-8") as file:
            if file.read() != document(rows):
                sys.exit("docs/statements.md is out of date: conformance/lib/statements.py --write")
    else:
        sys.exit("usage: statements.py --write | --check")
    if wrong:
        sys.exit(f"not one check of each: {wrong}")


if __name__ == "__main__":
    # The files import this module by its name, and their checks must land in that one.
    sys.path.insert(0, HERE)
    import statements
    statements.main(sys.argv[1] if len(sys.argv) == 2 else "")
