"""Runs the program `tenon` with the arguments of this process, in its place."""

import os
import sys

from tenon_pkcs11 import program


def main():
    os.execv(program(), ["tenon", *sys.argv[1:]])


if __name__ == "__main__":
    main()
