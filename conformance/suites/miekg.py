#!/usr/bin/env python3
"""The suite of miekg/pkcs11 (Go)."""

import os

import p11
import suite

suite.in_full("go")
p11.fresh_token("1234")
suite.run_go("miekg", "github.com/miekg/pkcs11", {"SOFTHSM_LIB": os.environ["TENON_MODULE"]})
