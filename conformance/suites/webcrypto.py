#!/usr/bin/env python3
"""The suite @peculiar/webcrypto-test (npm), by node-webcrypto-p11 on the token."""

import os

import p11
import suite

suite.in_full("node", "npm")
folder = suite.node(suite.NODE)
p11.fresh_token("12345")
with open("spec.js", "w", encoding="utf-8") as file:
    file.write("""
const { Crypto } = require("node-webcrypto-p11");
const { WebcryptoTest } = require("@peculiar/webcrypto-test");
const crypto = new Crypto({ library: process.env.TENON_MODULE, slot: 0, readWrite: true, pin: "12345" });
// What node-webcrypto-p11 does not offer, whatever the token.
const lacking = ["AES128KW", "AES192KW", "AES256KW", "AES128CMAC", "AES192CMAC", "AES256CMAC", "AES128CTR",
  "AES192CTR", "AES256CTR", "PBKDF2", "HKDF", "DESCBC", "DESEDE3CBC", "RSAESPKCS1"];
WebcryptoTest.check(crypto, Object.fromEntries(lacking.map((name) => [name, true])));
after(() => crypto.close());
""")
suite.run_mocha("webcrypto", folder, ["spec.js"])
