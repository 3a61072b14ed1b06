"""A registry that says no: python3 registry_stub.py STATUS PORT [CERT].

429 and 401 have the bodies that Docker Hub sends.
"""
import http.server, json, ssl, sys

STATUS, PORT = int(sys.argv[1]), int(sys.argv[2])
BODIES = {
    429: ("TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"),
    401: ("UNAUTHORIZED", "authentication required"),
    404: ("MANIFEST_UNKNOWN", "manifest unknown"),
}


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code, message = BODIES[STATUS]
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(200 if self.path == "/v2/" and STATUS != 401 else STATUS)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Refusing)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
