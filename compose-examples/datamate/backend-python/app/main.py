"""Data tasks, one YAML file each."""

from pathlib import Path

import yaml
from bottle import route, run

from version import VERSION


@route("/health")
def health():
    return {"status": "ok"}


@route("/api/backend-python/version")
def version():
    return {"version": VERSION}


@route("/api/backend-python/tasks")
def tasks():
    files = sorted(Path("/opt/backend/tasks").glob("*.yaml"))
    return {"tasks": [yaml.safe_load(file.read_text()) for file in files]}


run(host="0.0.0.0", port=18000, quiet=True)
