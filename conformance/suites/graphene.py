#!/usr/bin/env python3
"""The suite of graphene-pk11 (npm): the tests of the last version that ships them, with the newest version."""

import json
import os
import shutil

import p11
import suite

suite.in_full("node", "npm")
folder = suite.node(suite.NODE)
tests = suite.node_package("graphene-pk11", "2.0.10")
p11.fresh_token("12345")
shutil.copytree(os.path.join(tests, "test"), "suite/test")
os.mkdir("suite/build")
with open("suite/build/graphene.js", "w", encoding="utf-8") as file:
    file.write('module.exports = require("graphene-pk11");')
with open("suite/test/config.json", encoding="utf-8") as file:
    config = json.load(file)
config["init"]["lib"] = os.environ["TENON_MODULE"]
with open("suite/test/config.json", "w", encoding="utf-8") as file:
    json.dump(config, file)
suite.run_mocha("graphene", folder, ["suite/test"])
