use std::path::Path;

use crate::Engine;

/// Puts a program before the engine's `runc` that moves the clock of every step and
/// container, by a library which their programs load. Neither keys nor images know
/// of it: what it adds is in no definition, and `/dev` is in no layer.
const SCRIPT: &str = r#"
install -m 644 "$1" /usr/local/lib/moved-clock.so
real=$(command -v runc)
cat > /usr/local/bin/runc <<RUNC
#!/bin/sh
previous=
for word; do
    if [ "\$previous" = --bundle ] && [ -s /usr/local/lib/moved-clock ]; then
        jq --rawfile offset /usr/local/lib/moved-clock '
            .process.env += ["LD_PRELOAD=/dev/moved-clock.so", "FAKETIME=" + (\$offset | rtrimstr("\n")),
                "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]
            | .mounts += [{destination: "/dev/moved-clock.so", type: "bind",
                source: "/usr/local/lib/moved-clock.so", options: ["ro", "bind"]}]' \
            "\$word/config.json" > "\$word/config.moved" && mv "\$word/config.moved" "\$word/config.json"
    fi
    previous=\$word
done
exec $real "\$@"
RUNC
chmod 755 /usr/local/bin/runc
"#;

/// libfaketime, as it is for the lab's images, and taken from one of them.
const LIBRARY: &str = r#"
printf '%s\n' 'FROM debian:bookworm-slim' \
    'RUN apt-get update && apt-get install -y --no-install-recommends libfaketime' |
    docker build -q -t moved-clock -
container=$(docker create moved-clock)
docker cp -L "$container:$(docker run --rm moved-clock find /usr/lib -name libfaketime.so.1)" "$1"
docker rm "$container"
"#;

impl Engine {
    /// Writes what [`Engine::has_a_movable_clock`] needs, on an engine with a network.
    pub fn fetches_a_movable_clock(&self, library: &Path) {
        let run = self.run("sh").args(["-euc", LIBRARY, "sh"]);
        run.arg(library).within(300).quietly().succeeds();
    }

    /// From now on, [`Engine::moves_the_clock`] works.
    pub fn has_a_movable_clock(&self, library: &Path) {
        let run = self.run("sh").args(["-euc", SCRIPT, "sh"]);
        run.arg(library).quietly().succeeds();
    }

    /// Moves the clock of all that this engine runs from now on, by an offset like
    /// `+10y`; programs that are linked statically keep the true one.
    pub fn moves_the_clock(&self, offset: &str) {
        self.shell(&format!("echo '{offset}' > /usr/local/lib/moved-clock"));
        crate::say(format!("the clock is at {offset}"));
    }
}
