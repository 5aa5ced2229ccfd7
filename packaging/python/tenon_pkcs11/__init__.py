"""Where the PKCS#11 module of Tenon is, and the program that manages its tokens."""

import os

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def module():
    """The path of the PKCS#11 module."""
    return os.path.join(_FOLDER, "libtenon_pkcs11.so")


def program():
    """The path of the program `tenon`."""
    return os.path.join(_FOLDER, "tenon")
