"""A server that says no: python3 server.py STATUS PORT [CERT]."""
import http.server, socket, ssl, sys

STATUS, PORT = int(sys.argv[1]), int(sys.argv[2])


class Refusing(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.send_response(STATUS)
        if STATUS == 407:
            self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_CONNECT = answer

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


server = Server(("::", PORT), Refusing)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
