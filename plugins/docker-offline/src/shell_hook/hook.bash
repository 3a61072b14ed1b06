# docker-offline: docker offline-export, docker offline-build, docker offline-diagnose
function docker {
    local before=()
    while [ $# -gt 0 ]; do
        case $1 in
            --config | --context | --host | --log-level | --tlscacert | --tlscert | --tlskey | -[cHl] | -D[cHl])
                before+=("$1")
                shift
                [ $# -gt 0 ] || break
                before+=("$1")
                shift
                ;;
            help | __complete | __completeNoDesc | -*)
                before+=("$1")
                shift
                ;;
            offline-export | offline-build | offline-diagnose)
                set -- offline "${1#offline-}" "${@:2}"
                break
                ;;
            *)
                break
                ;;
        esac
    done
    command docker ${before[@]+"${before[@]}"} "$@"
}
