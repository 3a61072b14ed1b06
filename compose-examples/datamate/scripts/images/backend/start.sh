#!/bin/sh
set -e
exec /opt/jre/bin/java -Xmx128m -cp /opt/backend/backend.jar com.datamate.Backend
