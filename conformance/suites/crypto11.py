#!/usr/bin/env python3
"""The suite of crypto11 (Go)."""

import json
import os

import p11
import suite


def configure(folder):
    with open(os.path.join(folder, "config"), "w", encoding="utf-8") as file:
        json.dump({"Path": os.environ["TENON_MODULE"], "TokenLabel": p11.LABEL, "Pin": p11.PIN}, file)


suite.in_full("go")
p11.fresh_token()
suite.run_go("crypto11", "github.com/ThalesIgnite/crypto11", {}, configure)
