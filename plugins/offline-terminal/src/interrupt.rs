use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::ExitCode;

/// Names the socket that Docker's CLI closes when it is told to end
/// (docker/cli, `cli-plugins/socket`).
const PLUGIN_SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// Starts to listen for the user's wish to stop.
///
/// The first signal sets the flag and lets the work end in order; children
/// started from a terminal get the same signal from it. The second one leaves
/// at once with 130. Where Docker's CLI alone is signalled it does not pass the
/// signal on but closes the plugin's socket: that sets the flag too, and does
/// not count as a signal, because with Ctrl-C in a terminal both happen.
pub(crate) fn listen() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        let flag = Arc::clone(&flag);
        std::thread::spawn(move || {
            let mut again = false;
            for _ in signals.forever() {
                flag.store(true, Ordering::SeqCst);
                if again {
                    std::process::exit(i32::from(ExitCode::INTERRUPTED.number));
                }
                again = true;
            }
        });
    }
    listen_to_docker(&flag);
    flag
}

#[cfg(target_os = "linux")]
fn listen_to_docker(flag: &Arc<AtomicBool>) {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};

    let Ok(name) = std::env::var(PLUGIN_SOCKET) else {
        return;
    };
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let Some(mut stream) = address.and_then(|a| UnixStream::connect_addr(&a)).ok() else {
        return;
    };
    let flag = Arc::clone(flag);
    std::thread::spawn(move || {
        // Docker never writes: anything but silence is the end.
        let _ = stream.read(&mut [0]);
        flag.store(true, Ordering::SeqCst);
    });
}

#[cfg(not(target_os = "linux"))]
fn listen_to_docker(_: &Arc<AtomicBool>) {}
