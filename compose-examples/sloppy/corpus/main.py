import pathlib

WORDS = pathlib.Path("/srv/corpora/stopwords.txt").read_text().split()
print("corpus one:", len(WORDS), "stop words")
