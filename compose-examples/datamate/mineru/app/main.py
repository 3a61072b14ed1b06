"""Reads documents, with a model that is part of the image."""

import json

import pypdf
from bottle import route, run

from version import VERSION


@route("/health")
def health():
    return {"status": "ok"}


@route("/api/mineru/version")
def version():
    return {"version": VERSION}


@route("/api/mineru/model")
def model():
    with open("/opt/mineru/model.json", encoding="utf-8") as file:
        return {"model": json.load(file), "reader": pypdf.__version__}


run(host="0.0.0.0", port=8001, quiet=True)
