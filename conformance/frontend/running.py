"""A front end that runs on a fresh token, for the clients of one service."""

import contextlib
import os
import subprocess
import sys

import p11


@contextlib.contextmanager
def front_end(profile):
    """The address at which it listens."""
    p11.fresh_token()
    program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "server.py")
    server = subprocess.Popen([sys.executable, program, "0", profile], stdout=subprocess.PIPE, text=True)
    try:
        yield f"127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()
