echo "probe one: $(wc -l < /srv/words.txt) words"
