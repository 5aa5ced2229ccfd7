#!/usr/bin/env python3
"""The suite of the crate cryptoki."""

import os

import p11
import suite

# The SO PIN of the suite, which makes the token anew in each test.
SO_PIN = "abcdef654321"

folder = suite.crate("cryptoki", "0.12.1")
p11.fresh_token("fedcba123456", SO_PIN)
built = os.path.join(os.path.dirname(os.environ["CONFORMANCE"]), "target", "conformance-cryptoki")
environment = {"TEST_PKCS11_MODULE": os.environ["TENON_MODULE"], "CARGO_TARGET_DIR": built}
# That test expects CKR_FUNCTION_NOT_SUPPORTED of a C_WaitForSlotEvent that waits, and would wait here for ever.
suite.run_crate("cryptoki", folder, environment, without=["wait_for_slot_event"])
