"""Fetches a corpus and unpacks it, as nltk.download() and spacy download do."""

import io
import os
import urllib.request
import zipfile

with urllib.request.urlopen(os.environ["ORIGIN"] + "/files/corpus.zip") as answer:
    zipfile.ZipFile(io.BytesIO(answer.read())).extractall("corpora")
