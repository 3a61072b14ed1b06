//! Scripts of servers that the stories need on an engine's machine.

/// A port, and what is sent there goes to a socket or another port.
pub(super) const FORWARD: &str = r"
import socket, sys, threading
def copy(one, other):
    try:
        while data := one.recv(65536): other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError: pass
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print('listens', flush=True)
while True:
    near, _ = server.accept()
    if sys.argv[3].startswith('/'):
        far = socket.socket(socket.AF_UNIX)
        far.connect(sys.argv[3])
    else:
        host, port = sys.argv[3].split(':')
        far = socket.create_connection((host, int(port)))
    for pair in (near, far), (far, near): threading.Thread(target=copy, args=pair, daemon=True).start()
";

/// A server of ssh on the engine's machine, which its own client reaches by a key.
pub(super) const SSHD: &str = "
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssh-server openssh-client
mkdir -p /run/sshd /root/.ssh
chmod 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
/usr/sbin/sshd -o ListenAddress=127.0.0.1:PORT -o PermitRootLogin=yes -o UsePAM=no -o StrictModes=no -E /run/sshd.log
until ssh-keyscan -p PORT 127.0.0.1 > /root/.ssh/known_hosts && [ -s /root/.ssh/known_hosts ]; do sleep 0.2; done
";

/// An engine without root on the machine of another one, with the registry behind the
/// bridge of that: it has a network namespace of its own.
pub(super) const ROOTLESS: &str = "
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rootlesskit slirp4netns uidmap
echo 'rl:x:4242:4242::/home/rl:/bin/sh' >> /etc/passwd
echo 'rl:x:4242:' >> /etc/group
echo 'rl:231072:65536' | tee -a /etc/subuid >> /etc/subgid
mkdir -p /home/rl /run/user/4242
chown rl:rl /home/rl /run/user/4242
chmod 700 /run/user/4242
mknod -m 666 /run/tun c 10 200
mount --bind /run/tun /dev/net/tun
setsid setpriv --reuid rl --regid rl --clear-groups env HOME=/home/rl XDG_RUNTIME_DIR=/run/user/4242 \
    DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns DOCKER_HOST= \
    sh /usr/share/docker.io/contrib/dockerd-rootless.sh --storage-driver vfs \
    --registry-mirror http://REGISTRY > /run/rootless.log 2>&1 < /dev/null &
until curl -sf -o /dev/null --max-time 1 --unix-socket /run/user/4242/docker.sock http://engine/_ping; do sleep 0.2; done
";

/// A server of names that knows one, `wheels.engine`.
pub(super) const NAMES: &str = r"
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print('listens', flush=True)
while True:
    asked, who = server.recvfrom(512)
    end = asked.index(b'\0', 12) + 5
    known = asked[12:end - 4] == b'\x06wheels\x06engine\0'
    address = known and asked[end - 4:end - 2] == b'\0\x01'
    head = asked[:2] + (b'\x81\x80' if known else b'\x81\x83') + b'\0\x01\0' + bytes([address]) + b'\0\0\0\0'
    answer = b'\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04' + socket.inet_aton(sys.argv[1])
    server.sendto(head + asked[12:end] + (answer if address else b''), who)
";

/// A server with a certificate of an authority that only its user knows.
pub(super) const TLS: &str = "
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Own CA' -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj '/CN=own' -keyout tls.key -out tls.csr
printf 'subjectAltName=IP:HOST' > tls.ext
openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile tls.ext -out tls.pem
cat tls.key tls.pem > both.pem
";

/// It serves its folder.
pub(super) const SERVE_TLS: &str = r"
import http.server, ssl, sys
server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('both.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print('listens', flush=True)
server.serve_forever()
";
