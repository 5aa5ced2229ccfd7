"""Two services' protocols over HTTP, in front of `kms.Kms`: `server.py PORT [PROFILE]`.

A request that names its operation in X-Amz-Target speaks the JSON of AWS KMS; one with an Action, or
an x-acs-action, speaks Alibaba Cloud's. Requests are not authenticated: that is another part of a service.
The token is the one in TENON_MODULE's first slot, its PIN in TENON_PIN. This file is no test.
"""

import json
import os
import sys
import traceback
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

import p11
from aliyun import Alibaba
from aws import Aws
from kms import Kms
from request import Fault, members
from specs import ALIBABA, AWS

# What a refusal of the token means to the caller of a service; what is not here is no fault of the caller's.
MEANINGS = {p11.CKR_TENON_MATERIAL_MISMATCH: "WrongMaterial", p11.CKR_WRAPPED_KEY_INVALID: "BadCiphertext",
            p11.CKR_WRAPPED_KEY_LEN_RANGE: "BadCiphertext", p11.CKR_UNWRAPPING_KEY_HANDLE_INVALID: "ExpiredToken",
            p11.CKR_ENCRYPTED_DATA_INVALID: "BadCiphertext", p11.CKR_ENCRYPTED_DATA_LEN_RANGE: "BadCiphertext",
            p11.CKR_KEY_FUNCTION_NOT_PERMITTED: "NotInState", p11.CKR_ACTION_PROHIBITED: "Unsupported",
            p11.CKR_ATTRIBUTE_VALUE_INVALID: "Invalid", p11.CKR_TEMPLATE_INCONSISTENT: "Invalid",
            p11.CKR_DATA_LEN_RANGE: "Invalid", p11.CKR_MECHANISM_PARAM_INVALID: "Invalid",
            p11.CKR_MECHANISM_INVALID: "WrongUsage", p11.CKR_KEY_TYPE_INCONSISTENT: "WrongUsage",
            # The key's deletion came between two calls.
            p11.CKR_KEY_HANDLE_INVALID: "NotFound", p11.CKR_OBJECT_HANDLE_INVALID: "NotFound"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target")
        if target:
            status, answer = answer_to(self.server.aws, target.split(".")[-1], lambda: json.loads(body or b"{}"))
        else:
            given = urllib.parse.urlsplit(self.path).query + "&" + body.decode(errors="replace")
            request = dict(urllib.parse.parse_qsl(given))
            action = request.pop("Action", "") or self.headers.get("x-acs-action", "")
            status, answer = answer_to(self.server.alibaba, action, lambda: request)
            answer = {"RequestId": "1"} | answer
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1" if target else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, *_):
        """Requests hold plaintexts."""


def answer_to(service, action, read):
    """HTTP status and answer. Operations are the methods whose names begin with a capital."""
    try:
        operation = getattr(service, action, None) if action[:1].isupper() else None
        if operation is None:
            raise Fault("Unsupported", f"there is no operation {action}")
        request = read()
        if not isinstance(request, dict):
            raise Fault("Malformed", "the request is no JSON object")
        return 200, operation(**members(operation, request, service.harmless)) or {}
    except Fault as fault:
        return 400, service.fault(fault)
    except p11.Refused as refusal:
        meaning, why = MEANINGS.get(refusal.rv, "Internal"), service.kms.session.last_error()
        return 500 if meaning == "Internal" else 400, service.fault(Fault(meaning, why or str(refusal)))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return 400, service.fault(Fault("Malformed", "the request is no JSON"))
    except Exception:  # a defect of this program, whose caller is answered all the same
        traceback.print_exc()
        return 500, service.fault(Fault("Internal", "the service failed"))


def serve(session, port, profile):
    server = HTTPServer(("127.0.0.1", port), Handler)
    server.aws, server.alibaba = Aws(Kms(session, profile, AWS)), Alibaba(Kms(session, profile, ALIBABA))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(p11.Module().user(os.environ.get("TENON_PIN", p11.PIN)), int(sys.argv[1]), (sys.argv[2:] or ["aws"])[0])
