#!/usr/bin/env python3
"""The suite of pkcs11js (npm): the tests of the one version that ships them, with the newest version."""

import os
import shutil

import p11
import suite

suite.in_full("node", "npm")
folder = suite.node(suite.NODE)
tests = suite.node_package("pkcs11js", "1.0.9")
# The PINs of its token.
p11.fresh_token("12345", "12345")
shutil.copytree(os.path.join(tests, "test"), "suite/test")
with open("suite/index.js", "w", encoding="utf-8") as file:
    file.write('module.exports = require("pkcs11js");')
# The test has the module's path as a constant.
with open("suite/test/test.js", encoding="utf-8") as file:
    test = file.read()
with open("suite/test/test.js", "w", encoding="utf-8") as file:
    file.write(test.replace("/usr/local/lib/softhsm/libsofthsm2.so", os.environ["TENON_MODULE"]))
suite.run_mocha("pkcs11js", folder, ["suite/test/test.js"])
