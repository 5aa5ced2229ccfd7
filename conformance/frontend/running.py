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
    with another(profile) as address:
        yield address


@contextlib.contextmanager
def another(profile):
    """One more front end on the token that is there."""
    program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "server.py")
    server = subprocess.Popen([sys.executable, program, "0", profile], stdout=subprocess.PIPE, text=True)
    try:
        yield f"127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


def aws_client(address):
    """boto3's, which asks once."""
    import boto3
    from botocore.config import Config
    return boto3.client("kms", endpoint_url=f"http://{address}", region_name="local", aws_access_key_id="id",
                        aws_secret_access_key="secret", config=Config(retries={"total_max_attempts": 1}))


def refused(name, call, says="", **request):
    """The service's refusal of what a boto3 client calls."""
    from botocore.exceptions import ClientError
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == name and says in str(error), error
        return
    raise AssertionError(f"{call.__name__} was answered instead of {name}")
