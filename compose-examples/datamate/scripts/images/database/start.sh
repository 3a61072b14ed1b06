#!/bin/sh
# Fills the database when it is empty, as the images of databases do.
set -e
redis-server --protected-mode no --bind 0.0.0.0 --dir /data --save 60 1 &
until redis-cli ping >/dev/null 2>&1; do sleep 0.1; done
[ "$(redis-cli exists datasets)" = 1 ] || redis-cli </opt/database/init.redis
trap 'redis-cli shutdown nosave' TERM INT
wait
