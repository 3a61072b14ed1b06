#!/bin/sh
set -e
exec /opt/jre/bin/java -Xmx128m -cp /opt/gateway/gateway.jar com.datamate.Gateway
