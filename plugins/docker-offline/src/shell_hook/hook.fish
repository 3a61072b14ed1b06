# docker-offline: docker offline-export, docker offline-build, docker offline-diagnose
function docker --description 'docker, with docker offline-export, offline-build and offline-diagnose'
    set -l before
    while set -q argv[1]
        switch $argv[1]
            case --config --context --host --log-level --tlscacert --tlscert --tlskey -c -H -l -Dc -DH -Dl
                set -a before $argv[1]
                set -e argv[1]
                if set -q argv[1]
                    set -a before $argv[1]
                    set -e argv[1]
                end
            case help __complete __completeNoDesc '-*'
                set -a before $argv[1]
                set -e argv[1]
            case offline-export offline-build offline-diagnose
                set -l name (string replace offline- '' -- $argv[1])
                set -e argv[1]
                set -p argv offline $name
                break
            case '*'
                break
        end
    end
    command docker $before $argv
end
