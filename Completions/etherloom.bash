# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# Bash completion for etherloom; needs nothing but bash. With bash-completion installed, the command of
# `etherloom run -- …` is completed as if it stood alone.

_etherloom_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_etherloom_directories() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$1")
}

_etherloom_words() {
    mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

_etherloom() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]-} index
    local verbs='switch gateway run plug wire capture filter delegate term tunnel key validate fabric web up down ps inspect guest segment link interface network exec shell cp console logs forward policy overlay template snapshot fork save graph events doctor prompt daemon master' options
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        _etherloom_words "$current" "$verbs --help --version"
        return
    fi

    # From the first word that is no option it is another program's command line.
    if [ "$verb" = run ]; then
        for ((index = 2; index < COMP_CWORD; index++)); do
            case ${COMP_WORDS[index]} in
            --) ((index += 1)) ;;
            --net | --address | --via | --mac | --mtu | --dns | --domain | --if | --hostname | --name | --join | \
                --forward | -L)
                ((index += 1))
                continue
                ;;
            -*) continue ;;
            esac
            if declare -F _command_offset >/dev/null; then
                _command_offset "$index"
            elif [ "$index" = "$COMP_CWORD" ]; then
                mapfile -t COMPREPLY < <(compgen -c -- "$current")
            else
                _etherloom_files "$current"
            fi
            return
        done
    fi

    case $verb:$previous in
    switch:-s | switch:--socket | gateway:-s | gateway:--socket | run:--net)
        _etherloom_directories "$current"
        return
        ;;
    switch:-M | switch:--mgmt | switch:-p | switch:--pidfile | switch:-f | switch:--rcfile | \
        gateway:-p | gateway:--pidfile | plug:-p | plug:--pidfile | tunnel:-p | tunnel:--pidfile | tunnel:-k | \
        tunnel:--key | term:-s | term:--socket | \
        web:-s | web:--socket | web:-p | web:--pidfile | web:--token-file | web:--password-file)
        _etherloom_files "$current"
        return
        ;;
    switch:-g | switch:--group | switch:--mgmt-group)
        mapfile -t COMPREPLY < <(compgen -g -- "$current")
        return
        ;;
    switch:-m | switch:--mode | switch:--directory-mode | switch:--mgmt-mode)
        _etherloom_words "$current" '0600 0660 0666 0700 0770 0777'
        return
        ;;
    *:-L | *:--forward | *:-U | *:--forward-udp | *:--ready-fd | tunnel:-K | tunnel:--peer | tunnel:-l | tunnel:--listen | tunnel:--mtu | \
        tunnel:--keepalive | *:--timeout | term:-c | term:--command | switch:-n | switch:--ports | \
        switch:-t | switch:--tap | switch:--port | plug:--or | switch:--gateway | gateway:-n | gateway:--network | gateway:-H | gateway:--host | \
        gateway:-N | gateway:--dns | gateway:--dhcp-start | gateway:--mtu | gateway:-P | gateway:--port | \
        run:--address | run:--via | run:--mac | run:--mtu | run:--dns | run:--domain | run:--if | run:--hostname | \
        run:--name | run:--join | switch:--mac | switch:--priority | switch:--addresses | web:--listen | web:--telnet)
        # A name, a number or an address: nothing to offer.
        return
        ;;
    esac

    case $verb in
    switch)
        options='--daemon --socket --mgmt --ports --hub --multiplexer --uplink --interface --no-filter-counts --spanning-tree --priority --mac --addresses --tap --port --mirror --flood-limit --gateway --forward --forward-udp --dhcp --no-dhcp --mode
            --directory-mode --group --mgmt-mode --mgmt-group --pidfile --rcfile --no-stdin --ready-fd --spin --quiet --help'
        ;;
    gateway)
        options='--socket --network --host --dns --dhcp --no-dhcp --dhcp-start --mtu --forward --forward-udp --port
            --daemon --pidfile --ready-fd --quiet --help'
        ;;
    run)
        options='--net --address --via --mac --mtu --dns --domain --if --dhcp --slaac --hostname --name --join --receive-filter --send-filter --priority --gateway
            --forward -- --help'
        ;;
    capture) options='--all --direction --filter --receive-filter --snaplen --count --duration --ring --write --ready-fd --socket-fd --quiet --help' ;;
    filter)
        options='--allow --mac --ethertype --multicast --send --receive --send-net --receive-net --rule --default-deny
            --owner --group --mode --interface --mgmt --mgmt-mode --rcfile --daemon --pidfile --ready-fd --quiet --help'
        ;;
    delegate)
        options='--allow --mac --ethertype --multicast --send --receive --send-net --receive-net --rule --default-deny
            --uid --group --mgmt --mgmt-mode --rcfile --daemon --pidfile --ready-fd --quiet --help'
        ;;
    wire) options='--preset --loss --loss-burst --delay --duplicate --reorder --corrupt --noise --bandwidth --rate --speed --buffer --mtu --no-fifo --seed --mgmt --mgmt-mode --rcfile --reconnect --daemon --pidfile --ready-fd --quiet --help' ;;
    plug) options='--daemon --or --receive-filter --send-filter --priority --pidfile --quiet --reconnect --ready-fd --help' ;;
    term) options='--identify --socket --timeout --command --code --help' ;;
    web)
        options='--daemon --socket --listen --token-file --telnet --password-file --listen-anywhere --pidfile --ready-fd
            --help'
        ;;
    tunnel)
        options='--peer --key --listen --plain --tcp --mtu --keepalive --reconnect --daemon --pidfile --ready-fd --quiet --help'
        ;;
    key) options='--show --help' ;;
    keeper) options='--lab --directory --runtime --ready-fd --help' ;;
    fabric) options='--socket --owner-fd --directory --stay --daemon --pidfile --ready-fd --quiet --help' ;;
    # Labs.
    up) options='--lab --directory --file --dry-run --no-wait --timeout --down-for --format --quiet --help' ;;
    down) options='--lab --directory --all --grace --quiet --help' ;;
    ps) options='--lab --directory --all --format --help' ;;
    inspect) options='--lab --directory --help' ;;
    guest) options='start stop kill pause resume reset create delete wait type monitor --lab --directory --no-wait --timeout --grace --dry-run --format --files --state --raw --help' ;;
    segment) options='add set remove ls --lab --directory --dry-run --format --help' ;;
    link) options='add remove up down move impair ls --lab --directory --dry-run --format --down-for --help' ;;
    interface) options='add remove ls --lab --directory --dry-run --format --help' ;;
    network) options='--lab --directory --help' ;;
    exec) options='--all --label --tty --user --workdir --env --lab --directory --help' ;;
    shell) options='--user --lab --directory --help' ;;
    cp) options='--lab --directory --help' ;;
    console) options='--read --steal --history --detach-key --lab --directory --help' ;;
    logs) options='--follow --lab --directory --help' ;;
    forward) options='add remove ls --gateway --lab --directory --dry-run --format --help' ;;
    policy) options='set clear show --lab --directory --dry-run --format --help' ;;
    overlay) options='push pop ls --lab --directory --dry-run --format --help' ;;
    template) options='create load ls none --lab --directory --dry-run --format --help' ;;
    snapshot) options='save restore ls remove --lab --directory --format --help' ;;
    fork) options='--lab --directory --help' ;;
    save) options='--lab --directory --help' ;;
    graph) options='--lab --directory --format --help' ;;
    events) options='--lab --directory --all --count --help' ;;
    doctor) options='--fix --format --help' ;;
    prompt) options='--keep-going --lab --directory --help' ;;
    daemon) options='--daemon --on-demand --idle --ready-fd --help' ;;
    # End of labs.
    master)
        case ${COMP_WORDS[2]-} in
        create) options='--from-debian --from-directory --from-tarball --from-oci --busybox --host --help' ;;
        *) options=--help ;;
        esac
        [ "$COMP_CWORD" != 2 ] || _etherloom_words "$current" 'create list remove --help'
        ;;
    validate) options='--format --quiet --help' ;;
    *) options=--help ;;
    esac
    case $verb:$current in
    *:-*) _etherloom_words "$current" "$options" ;;
    run:*)
        mapfile -t COMPREPLY < <(compgen -c -- "$current")
        ;;
    plug:t*) _etherloom_words "$current" 'tap://' ;;
    plug:* | wire:* | capture:* | filter:* | delegate:* | term:* | key:*) _etherloom_files "$current" ;;
    *:) _etherloom_words "$current" "$options" ;;
    esac
}

complete -F _etherloom etherloom
