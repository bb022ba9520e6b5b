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
    local verbs='switch gateway run plug term' options
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        _etherloom_words "$current" "$verbs --help --version"
        return
    fi

    # Behind `--`, or behind the first word that is no option, it is another program's command line.
    if [ "$verb" = run ]; then
        for ((index = 2; index < COMP_CWORD; index++)); do
            [ "${COMP_WORDS[index]}" = -- ] || continue
            if declare -F _command_offset >/dev/null; then
                _command_offset $((index + 1))
            elif [ $((index + 1)) = "$COMP_CWORD" ]; then
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
        gateway:-p | gateway:--pidfile | term:-s | term:--socket)
        _etherloom_files "$current"
        return
        ;;
    switch:-g | switch:--group)
        mapfile -t COMPREPLY < <(compgen -g -- "$current")
        return
        ;;
    switch:-m | switch:--mode | switch:--directory-mode | switch:--mgmt-mode)
        _etherloom_words "$current" '0600 0660 0666 0700 0770 0777'
        return
        ;;
    switch:-n | switch:--ports | switch:-t | switch:--tap | switch:-L | switch:--ready-fd | switch:--gateway | \
        gateway:-n | gateway:--network | gateway:-H | gateway:--host | gateway:-N | gateway:--dns | gateway:-L | \
        gateway:-U | run:--address | run:--via | run:--mac | run:--mtu | run:--dns | run:--hostname | run:--name | \
        run:--join)
        # A name, a number or an address: nothing to offer.
        return
        ;;
    esac

    case $verb in
    switch)
        options='--daemon --socket --mgmt --ports --hub --tap --gateway -L --mode --directory-mode --group --mgmt-mode
            --pidfile --rcfile --no-stdin --ready-fd --help'
        ;;
    gateway) options='--socket --network --host --dns -L -U --dhcp --daemon --pidfile --quiet --help' ;;
    run)
        options='--net --address --via --mac --mtu --dns --dhcp --hostname --name --join --gateway -- --help'
        ;;
    term) options='-i -s --help' ;;
    *) options=--help ;;
    esac
    case $verb:$current in
    *:-*) _etherloom_words "$current" "$options" ;;
    run:*)
        mapfile -t COMPREPLY < <(compgen -c -- "$current")
        ;;
    plug:t*) _etherloom_words "$current" 'tap://' ;;
    plug:* | term:*) _etherloom_files "$current" ;;
    *:) _etherloom_words "$current" "$options" ;;
    esac
}

complete -F _etherloom etherloom
