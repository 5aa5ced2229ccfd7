#!/usr/bin/env python3
"""The suite of PyKCS11."""

import os

import p11
import suite

folder = suite.fetch("pykcs11", "pykcs11-1.5.20", "1f7a7c8164fac636382aa7b0d70279ad5581379748fc17a20bc0be8fe574c259", "test")
p11.fresh_token("1234", "123456")
suite.run("pykcs11", folder, {"PYKCS11LIB": os.environ["TENON_MODULE"]})
