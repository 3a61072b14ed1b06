"""Runs operators: Python ones, and jq as one that is not."""

import subprocess

import orjson
from bottle import route, run

from version import VERSION


@route("/health")
def health():
    return {"status": "ok"}


@route("/api/runtime/version")
def version():
    return {"version": VERSION}


@route("/api/runtime/operators")
def operators():
    told = subprocess.run(["jq", "-c", "keys", "/opt/runtime/operators.json"], capture_output=True, check=True)
    return {"operators": orjson.loads(told.stdout)}


run(host="0.0.0.0", port=8081, quiet=True)
