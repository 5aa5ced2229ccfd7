"""The outside party in Java: one process of Wrap.java, which answers line by line."""

import base64
import functools
import os
import shutil
import subprocess

import outside

BOUNCY_CASTLE = "/usr/share/java/bcprov.jar"


class Owner:
    def __init__(self):
        if not shutil.which("javac") or not os.path.exists(BOUNCY_CASTLE):
            outside.skip("no JDK with Bouncy Castle here (default-jdk-headless, libbcprov-java)")
        source = os.path.join(os.environ["CONFORMANCE"], "lib", "Wrap.java")
        subprocess.run(["javac", "-cp", BOUNCY_CASTLE, "-d", "classes", source], check=True)
        self.process = subprocess.Popen(
            ["java", "-cp", f"classes:{BOUNCY_CASTLE}", "Wrap"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, f"{words[0]}: the Java program has ended"
        return base64.b64decode(answer)

    def generate(self, provider, kind):
        """A private key, `RSA:2048` or `EC:secp256r1`, as PKCS#8."""
        return self.ask("generate", provider, kind)

    def wrap(self, provider, way):
        """The function (public key, material) -> blob; provider `jdk` or `bc`."""
        return lambda public, material: self.ask(
            way, provider, *(base64.b64encode(data).decode() for data in (public, material)))


@functools.cache
def owner():
    """The one process of a test, where several checks need it."""
    return Owner()
