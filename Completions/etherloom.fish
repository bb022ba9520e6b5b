# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# fish completion for etherloom.

function __etherloom_verb -d 'the verb given so far is one of these'
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

function __etherloom_no_verb
    test (count (commandline -opc)) -eq 1
end

# Behind `run … --` stands another program's command line.
function __etherloom_run_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = run; and contains -- -- $words
end

complete -c etherloom -f
complete -c etherloom -n __etherloom_no_verb -l version -d version
complete -c etherloom -s h -l help -d help
complete -c etherloom -n __etherloom_no_verb -a switch -d 'a virtual switch'
complete -c etherloom -n __etherloom_no_verb -a gateway -d 'user-mode NAT to the network of the host'
complete -c etherloom -n __etherloom_no_verb -a run -d 'a command in a network stack of its own'
complete -c etherloom -n __etherloom_no_verb -a capture -d 'write down the frames of a switch'
complete -c etherloom -n __etherloom_no_verb -a filter -d 'let clients send and receive only what rules admit'
complete -c etherloom -n __etherloom_no_verb -a delegate -d 'give a user a device, or part of it'
complete -c etherloom -n __etherloom_no_verb -a wire -d 'a cable with loss, delay and other faults'
complete -c etherloom -n __etherloom_no_verb -a plug -d 'join two things that carry frames'
complete -c etherloom -n __etherloom_no_verb -a term -d 'talk to a management console'
complete -c etherloom -n __etherloom_no_verb -a tunnel -d 'an encrypted cable to another host'
complete -c etherloom -n __etherloom_no_verb -a fabric -d 'many networks in one process, for a lab'
complete -c etherloom -n __etherloom_no_verb -a key -d 'make a tunnel key, or show its public half'
complete -c etherloom -n __etherloom_no_verb -a validate -d 'check a lab file'
complete -c etherloom -n __etherloom_no_verb -a web -d 'a management console as a web page'

# For several verbs
complete -c etherloom -n '__etherloom_verb switch gateway plug web' -s d -l daemon -d 'go to the background when ready'
complete -c etherloom -n '__etherloom_verb switch gateway' -s s -l socket -x -a '(__fish_complete_directories)' \
    -d 'directory of the switch'
complete -c etherloom -n '__etherloom_verb switch gateway plug web' -s p -l pidfile -r -F -d 'write the process ID'
complete -c etherloom -n '__etherloom_verb switch gateway plug web' -l ready-fd -x -d 'write a line there when ready'
complete -c etherloom -n '__etherloom_verb switch gateway' -s q -l quiet -d 'say errors only'
complete -c etherloom -n '__etherloom_verb switch gateway run' -s L -l forward -x -d 'forward TCP: port:address:port'
complete -c etherloom -n '__etherloom_verb switch gateway' -s U -l forward-udp -x -d 'forward UDP: port:address:port'
complete -c etherloom -n '__etherloom_verb switch gateway' -l dhcp -d 'serve addresses'
complete -c etherloom -n '__etherloom_verb switch gateway' -l no-dhcp -d 'serve no addresses'

complete -c etherloom -n '__etherloom_verb switch' -s M -l mgmt -r -F -d 'socket of the management console'
complete -c etherloom -n '__etherloom_verb switch' -s n -l ports -x -d 'number of ports'
complete -c etherloom -n '__etherloom_verb switch' -s x -l hub -d 'send every frame to every port'
complete -c etherloom -n '__etherloom_verb switch' -l multiplexer -d 'interfaces with names, on a shared network'
complete -c etherloom -n '__etherloom_verb switch' -l uplink -x -d 'network that all interfaces share'
complete -c etherloom -n '__etherloom_verb switch' -l interface -x -d 'declare an interface: name,owner=user'
complete -c etherloom -n '__etherloom_verb switch' -l no-filter-counts -d 'let the kernel run send filters, uncounted'
complete -c etherloom -n '__etherloom_verb switch' -s F -l spanning-tree -d 'run the spanning tree protocol'
complete -c etherloom -n '__etherloom_verb switch' -l priority -x -d 'priority in the spanning tree'
complete -c etherloom -n '__etherloom_verb switch' -l mac -x -d 'address of the switch'
complete -c etherloom -n '__etherloom_verb switch' -l addresses -x -d 'addresses to have places for'
complete -c etherloom -n '__etherloom_verb switch' -s t -l tap -x -d 'make a tap interface and plug it in'
complete -c etherloom -n '__etherloom_verb switch' -l mirror -x -d 'show frames of a port to another one'
complete -c etherloom -n '__etherloom_verb switch' -l flood-limit -x -d 'frames a second that a port may send to all others'
complete -c etherloom -n '__etherloom_verb switch' -l gateway -x -d 'hold a gateway in the same process'
complete -c etherloom -n '__etherloom_verb switch' -s m -l mode -x -d 'mode of the sockets'
complete -c etherloom -n '__etherloom_verb switch' -l directory-mode -x -d 'mode of the directory'
complete -c etherloom -n '__etherloom_verb switch' -s g -l group -x -a '(__fish_complete_groups)' \
    -d 'group of the sockets'
complete -c etherloom -n '__etherloom_verb switch' -l mgmt-mode -x -d 'mode of the console socket'
complete -c etherloom -n '__etherloom_verb switch' -l mgmt-group -x -a '(__fish_complete_groups)' \
    -d 'group of the console socket'
complete -c etherloom -n '__etherloom_verb switch' -s f -l rcfile -r -F -d 'console commands to run at start'
complete -c etherloom -n '__etherloom_verb switch' -l spin -x -d 'microseconds to look for more before sleeping'
complete -c etherloom -n '__etherloom_verb switch' -l no-stdin -d 'no console on standard input'

complete -c etherloom -n '__etherloom_verb gateway' -s n -l network -x -d 'the virtual network'
complete -c etherloom -n '__etherloom_verb gateway' -s H -l host -x -d 'address of the gateway'
complete -c etherloom -n '__etherloom_verb gateway' -s N -l dns -x -d 'address of the name server'
complete -c etherloom -n '__etherloom_verb gateway' -l dhcp-start -x -d 'first address to serve'
complete -c etherloom -n '__etherloom_verb gateway' -l mtu -x -d 'MTU of the network'
complete -c etherloom -n '__etherloom_verb gateway' -s P -l port -x -d 'port of the switch'

complete -c etherloom -n '__etherloom_verb run' -l net -x -a '(__fish_complete_directories)' -d 'switch to join'
complete -c etherloom -n '__etherloom_verb run' -l address -x -d 'address/length of the interface'
complete -c etherloom -n '__etherloom_verb run' -l via -x -d 'default route'
complete -c etherloom -n '__etherloom_verb run' -l mac -x -d 'Ethernet address'
complete -c etherloom -n '__etherloom_verb run' -l mtu -x -d MTU
complete -c etherloom -n '__etherloom_verb run' -l dns -x -d 'name server'
complete -c etherloom -n '__etherloom_verb run' -l dhcp -d 'ask the network for addresses'
complete -c etherloom -n '__etherloom_verb run' -l domain -x -d 'search domain'
complete -c etherloom -n '__etherloom_verb run' -l if -x -d 'name of the interface'
complete -c etherloom -n '__etherloom_verb run' -l slaac -d 'take IPv6 addresses from routers'
complete -c etherloom -n '__etherloom_verb run plug' -l receive-filter -x -d 'receive only frames that this wants'
complete -c etherloom -n '__etherloom_verb run plug' -l send-filter -x -d 'send only frames that this wants'
complete -c etherloom -n '__etherloom_verb run plug' -l priority -x -d 'place in the order of delivery'
complete -c etherloom -n '__etherloom_verb run' -l hostname -x -d 'host name inside'
complete -c etherloom -n '__etherloom_verb run' -l name -x -d 'name of the stack'
complete -c etherloom -n '__etherloom_verb run' -l join -x -d 'run in a stack that exists'
complete -c etherloom -n '__etherloom_verb run' -l gateway -d 'a private network with a gateway'
complete -c etherloom -n __etherloom_run_command -x -a '(__fish_complete_subcommand --fcs-skip=3)'

complete -c etherloom -n '__etherloom_verb plug' -l or -x -d 'an alternative for the other end'
complete -c etherloom -n '__etherloom_verb plug' -l reconnect -d 'plug in again what goes'
complete -c etherloom -n '__etherloom_verb plug' -s q -l quiet -d 'say errors only'
complete -c etherloom -n '__etherloom_verb switch' -l port -x -d 'plug this network in'
complete -c etherloom -n '__etherloom_verb plug' -x -a '(__fish_complete_directories) tap://'

complete -c etherloom -n '__etherloom_verb term' -s i -l identify -d 'begin each line with the socket name'
complete -c etherloom -n '__etherloom_verb term' -s s -l socket -r -F -d 'socket of the console'
complete -c etherloom -n '__etherloom_verb term' -s c -l command -x -d 'send this command'
complete -c etherloom -n '__etherloom_verb term' -l code -d 'end with the number of the first error'
complete -c etherloom -n '__etherloom_verb term' -l timeout -x -d 'seconds to wait for an answer'

complete -c etherloom -n '__etherloom_verb validate' -l format -x -a 'text json' -d 'how to answer'
complete -c etherloom -n '__etherloom_verb validate' -s q -l quiet -d 'say nothing about a file that is right'
complete -c etherloom -n '__etherloom_verb web' -s s -l socket -r -F -d 'socket of the console'
complete -c etherloom -n '__etherloom_verb web' -l listen -x -d 'where the page is served: address:port'
complete -c etherloom -n '__etherloom_verb web' -l token-file -r -F -d 'file of the token'
complete -c etherloom -n '__etherloom_verb web' -l telnet -x -d 'serve telnet there too: address:port'
complete -c etherloom -n '__etherloom_verb web' -l password-file -r -F -d 'file of the password for telnet'
complete -c etherloom -n '__etherloom_verb web' -l listen-anywhere -d 'other hosts may connect'

complete -c etherloom -n '__etherloom_verb key' -l show -d 'only show, a missing file is an error'
complete -c etherloom -n '__etherloom_verb key' -r -F

complete -c etherloom -n '__etherloom_verb fabric' -l socket -r -F -d 'control socket'
complete -c etherloom -n '__etherloom_verb fabric' -l owner-fd -x -d 'a connected control socket'
complete -c etherloom -n '__etherloom_verb fabric' -l directory -r -F -d 'where relative paths begin'
complete -c etherloom -n '__etherloom_verb fabric' -l stay -d 'stay when the owner has gone'
complete -c etherloom -n '__etherloom_verb fabric' -s d -l daemon -d 'go to the background when ready'
complete -c etherloom -n '__etherloom_verb fabric' -s p -l pidfile -r -F -d 'write the process ID'
complete -c etherloom -n '__etherloom_verb fabric' -l ready-fd -x -d 'write a line there when ready'
complete -c etherloom -n '__etherloom_verb fabric' -s q -l quiet -d 'say errors only'
complete -c etherloom -n '__etherloom_verb tunnel' -s K -l peer -x -d 'public key of the other side'
complete -c etherloom -n '__etherloom_verb tunnel' -s k -l key -r -F -d 'private key of this side'
complete -c etherloom -n '__etherloom_verb tunnel' -s l -l listen -x -d 'UDP port to use here'
complete -c etherloom -n '__etherloom_verb tunnel' -l plain -d 'uml_switch2 form, without keys'
complete -c etherloom -n '__etherloom_verb tunnel' -l tcp -x -a 'always auto' -d 'carry the packets in a TCP connection'
complete -c etherloom -n '__etherloom_verb tunnel' -l mtu -x -d 'largest IP packet'
complete -c etherloom -n '__etherloom_verb tunnel' -l keepalive -x -d 'seconds of silence'
complete -c etherloom -n '__etherloom_verb tunnel' -l reconnect -d 'wait for a switch that is not there'
complete -c etherloom -n '__etherloom_verb tunnel' -s d -l daemon -d 'go to the background when ready'
complete -c etherloom -n '__etherloom_verb tunnel' -s p -l pidfile -r -F -d 'write the process ID'
complete -c etherloom -n '__etherloom_verb tunnel' -l ready-fd -x -d 'write a line there when ready'
complete -c etherloom -n '__etherloom_verb tunnel' -s q -l quiet -d 'say errors only'

complete -c etherloom -n '__etherloom_verb wire' -l preset -x -a 'lan wifi 4g 3g satellite' -d 'begin with this kind of link'
complete -c etherloom -n '__etherloom_verb wire' -s l -l loss -x -d 'percentage of frames lost'
complete -c etherloom -n '__etherloom_verb wire' -s L -l loss-burst -x -d 'mean number of frames lost in a row'
complete -c etherloom -n '__etherloom_verb wire' -s d -l delay -x -d 'milliseconds'
complete -c etherloom -n '__etherloom_verb wire' -s D -l duplicate -x -d 'percentage of frames that arrive twice'
complete -c etherloom -n '__etherloom_verb wire' -l reorder -x -d 'percentage of frames that overtake others'
complete -c etherloom -n '__etherloom_verb wire' -l corrupt -x -d 'percentage of frames with one bit changed'
complete -c etherloom -n '__etherloom_verb wire' -s n -l noise -x -d 'bits changed in each mebibyte'
complete -c etherloom -n '__etherloom_verb wire' -s b -l bandwidth -x -d 'bytes a second carried'
complete -c etherloom -n '__etherloom_verb wire' -l rate -x -d 'bits a second carried'
complete -c etherloom -n '__etherloom_verb wire' -s s -l speed -x -d 'bytes a second taken in'
complete -c etherloom -n '__etherloom_verb wire' -s c -l buffer -x -d 'bytes that may be in the wire'
complete -c etherloom -n '__etherloom_verb wire' -s m -l mtu -x -d 'longest frame'
complete -c etherloom -n '__etherloom_verb wire' -s N -l no-fifo -d 'frames may overtake others'
complete -c etherloom -n '__etherloom_verb wire' -l seed -x -d 'make a run repeatable'
complete -c etherloom -n '__etherloom_verb wire' -s M -l mgmt -r -F -d 'socket of the console'
complete -c etherloom -n '__etherloom_verb wire' -l mgmt-mode -x -d 'permission bits of the console'
complete -c etherloom -n '__etherloom_verb wire' -s f -l rcfile -r -F -d 'console commands to run'
complete -c etherloom -n '__etherloom_verb wire' -l reconnect -d 'plug in again what goes'
complete -c etherloom -n '__etherloom_verb wire' -l daemon -d 'go to the background when ready'
complete -c etherloom -n '__etherloom_verb wire' -s p -l pidfile -r -F -d 'write the process ID'
complete -c etherloom -n '__etherloom_verb wire' -l ready-fd -x -d 'write a line there when ready'
complete -c etherloom -n '__etherloom_verb wire' -s q -l quiet -d 'say errors only'
complete -c etherloom -n '__etherloom_verb wire' -x -a '(__fish_complete_directories)'

complete -c etherloom -n '__etherloom_verb capture' -l all -d 'all ports'
complete -c etherloom -n '__etherloom_verb capture' -l direction -x -a 'in out both' -d 'which way, seen from the switch'
complete -c etherloom -n '__etherloom_verb capture' -l receive-filter -x -d 'only frames that this wants'
complete -c etherloom -n '__etherloom_verb capture' -l filter -x -d 'only frames that this wants'
complete -c etherloom -n '__etherloom_verb capture' -s s -l snaplen -x -d 'bytes kept of each frame'
complete -c etherloom -n '__etherloom_verb capture' -s c -l count -x -d 'end after so many frames'
complete -c etherloom -n '__etherloom_verb capture' -l duration -x -d 'end after so many seconds'
complete -c etherloom -n '__etherloom_verb capture' -l ring -x -d 'SIZExFILES'
complete -c etherloom -n '__etherloom_verb capture' -s w -l write -r -F -d 'file, -, unix:PATH or tcp:HOST:PORT'
complete -c etherloom -n '__etherloom_verb capture' -l ready-fd -x -d 'write a line there when frames are taken'
complete -c etherloom -n '__etherloom_verb capture' -s q -l quiet -d 'say errors only'
complete -c etherloom -n '__etherloom_verb capture' -x -a '(__fish_complete_directories)'

# filter, delegate
complete -c etherloom -n '__etherloom_verb filter delegate' -l allow -x -d 'addresses that clients have'
complete -c etherloom -n '__etherloom_verb filter delegate' -l mac -x -d 'Ethernet address of the clients'
complete -c etherloom -n '__etherloom_verb filter delegate' -l ethertype -x -d 'admit this protocol too'
complete -c etherloom -n '__etherloom_verb filter delegate' -l multicast -x -d 'groups that clients receive'
complete -c etherloom -n '__etherloom_verb filter delegate' -s s -l send -x -d 'clients send what this wants'
complete -c etherloom -n '__etherloom_verb filter delegate' -s r -l receive -x -d 'clients receive what this wants'
complete -c etherloom -n '__etherloom_verb filter delegate' -s S -l send-net -x -d 'clients send from there'
complete -c etherloom -n '__etherloom_verb filter delegate' -s R -l receive-net -x -d 'clients receive for there'
complete -c etherloom -n '__etherloom_verb filter delegate' -l rule -x -d 'a rule with a name'
complete -c etherloom -n '__etherloom_verb filter delegate' -l default-deny -d 'deny what no rule matches'
complete -c etherloom -n '__etherloom_verb filter delegate' -s g -l group -x -a '(__fish_complete_groups)' -d 'group that may use it'
complete -c etherloom -n '__etherloom_verb filter delegate' -s M -l mgmt -r -F -d 'socket of the management console'
complete -c etherloom -n '__etherloom_verb filter delegate' -l mgmt-mode -x -d 'permission bits of the console'
complete -c etherloom -n '__etherloom_verb filter delegate' -s f -l rcfile -r -F -d 'console commands to run at the start'
complete -c etherloom -n '__etherloom_verb filter delegate' -s d -l daemon -d 'go to the background when ready'
complete -c etherloom -n '__etherloom_verb filter delegate' -s p -l pidfile -r -F -d 'write the process ID'
complete -c etherloom -n '__etherloom_verb filter delegate' -l ready-fd -x -d 'write a line there when ready'
complete -c etherloom -n '__etherloom_verb filter delegate' -s q -l quiet -d 'say errors only'
complete -c etherloom -n '__etherloom_verb filter' -s o -l owner -x -a '(__fish_complete_users)' -d 'user who may use the sockets'
complete -c etherloom -n '__etherloom_verb filter' -s m -l mode -x -d 'permission bits'
complete -c etherloom -n '__etherloom_verb filter' -l interface -x -d 'declare an interface: name,owner=user'
complete -c etherloom -n '__etherloom_verb delegate' -s u -l uid -x -a '(__fish_complete_users)' -d 'user whom it is for'
