echo "fetch one: $(wc -l < /srv/words.txt) words, $(cat /srv/notes/note.txt)"
