"""Answers questions, by template."""

from jinja2 import Template
from bottle import route, run

from version import VERSION


@route("/health")
def health():
    return {"status": "ok"}


@route("/api/deer-flow-backend/version")
def version():
    return {"version": VERSION}


@route("/api/deer-flow-backend/ask/<question>")
def ask(question):
    with open("/app/prompt.txt", encoding="utf-8") as prompt:
        return {"prompt": Template(prompt.read()).render(question=question)}


run(host="0.0.0.0", port=8000, quiet=True)
