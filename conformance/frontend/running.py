"""A front end that runs on a fresh token, for the clients of one service."""

import contextlib
import os
import subprocess
import sys

import outside
import p11


@contextlib.contextmanager
def front_end(profile):
    """The address at which it listens."""
    module = p11.Module()
    module.fresh_token()
    module.finalize()
    program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "server.py")
    server = subprocess.Popen([sys.executable, program, "0", profile], stdout=subprocess.PIPE, text=True)
    try:
        yield f"127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


def sealed(public, material, digest="sha256"):
    """What a key's owner does: RSA-OAEP by openssl, with the public key as it was downloaded (DER)."""
    outside.write("public.der", public)
    return outside.openssl(
        "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "public.der", "-pkeyopt",
        "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{digest}", "-pkeyopt", f"rsa_mgf1_md:{digest}",
        data=material)
