#!/usr/bin/env python3
"""The suite of python-pkcs11."""

import os

import p11
import suite

folder = suite.fetch("python-pkcs11", "python_pkcs11-0.10.1", "e0d7ccede3b3145a678d7c8c59b3c64dcebeb77c9146ad3394a4b1309c4ab2a2", "tests")
p11.fresh_token()
suite.run("python_pkcs11", folder, {
    "PKCS11_MODULE": os.environ["TENON_MODULE"], "PKCS11_TOKEN_LABEL": p11.LABEL,
    "PKCS11_TOKEN_PIN": p11.PIN, "PKCS11_TOKEN_SO_PIN": p11.SO_PIN})
