// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Two stacks talk on without loss, whatever others do at the switch's sockets")
    struct Undisturbed {
        /// Says nonsense on every socket of a switch in each way that it knows, until its input ends.
        private static let nuisance = """
            import os, select, socket, struct, sys
            directory = sys.argv[1]
            rounds, kept = 0, []

            def connect(name, kind):
                client = socket.socket(socket.AF_UNIX, kind)
                client.settimeout(60)
                client.connect(directory + "/" + name)
                return client

            def offer(client, data):
                try:
                    client.send(data)
                except OSError:
                    pass

            def request(path, description=b"nuisance"):
                name = path.encode().ljust(108, b"\\0")
                return struct.pack("=IIIH", 0xFEEDFACE, 3, 0, socket.AF_UNIX) + name + description

            def join(number):
                path = directory + "/.%05d-%05d" % (os.getpid(), number)
                data = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                data.bind(path)
                control = connect("ctl", socket.SOCK_STREAM)
                control.sendall(request(path))
                reply = b""
                while len(reply) < 110:
                    part = control.recv(110 - len(reply))
                    if not part:
                        sys.exit("refused")
                    reply += part
                os.unlink(path)
                data.setblocking(False)
                return control, data, reply[2:].split(b"\\0")[0]

            # One that never reads, from the first to the last.
            silent = join(99999)
            while True:
                for size in (0, 1, 12, 60, 121, 4000):
                    client = connect("ctl", socket.SOCK_STREAM)
                    offer(client, os.urandom(size))
                    client.close()
                    client = connect("attach", socket.SOCK_SEQPACKET)
                    offer(client, os.urandom(size))
                    client.close()
                client = connect("ctl", socket.SOCK_STREAM)
                offer(client, request(directory + "/nobody")[:50])
                kept = kept[-20:] + [client, connect("attach", socket.SOCK_SEQPACKET)]
                control, data, switch = join(rounds)
                for size in (0, 1, 13, 14, 59, 9100, 66000, 100000):
                    try:
                        data.sendto(b"\\xff" * 6 + os.urandom(size)[6:] if size > 13 else os.urandom(size), switch)
                    except OSError:
                        pass
                control.close()
                data.close()
                rounds += 1
                if rounds % 5 == 0:
                    print("round", rounds, flush=True)
                if select.select([sys.stdin], [], [], 0.02)[0]:
                    break
            print("last round", flush=True)
            """

        @Test("garbage, half requests, frames too short and too long, a client that never reads", arguments: [2])
        func nuisances(count: Int) throws {
            try require("python3", "ping")
            try withHost { host in
                let element = try host.startSwitch()
                let peer = try host.start([
                    host.etherloom, "run", "--net", element.directory, "--address", "10.9.0.2/24", "sleep", "10000",
                ])
                try element.waitForEndpoints(1)
                let talker = try host.start([
                    host.etherloom, "run", "--net", element.directory, "--address", "10.9.0.1/24",
                    "ping", "-c", "60", "-i", "0.1", "-W", "30", "-w", "60", "10.9.0.2",
                ])
                try talker.wait(forOutput: "icmp_seq=1 ")
                let path = try host.write(Self.nuisance, data: "nuisance.py")
                let nuisances = try (0..<count).map { _ in
                    try host.start(["python3", "-u", path, element.directory], input: .pipe)
                }
                for nuisance in nuisances { try nuisance.wait(forOutput: "round 5") }
                #expect(try talker.waitForEnd(seconds: 90) == .exited(0))
                #expect(talker.output.contains("60 received, 0% packet loss"), "\(talker.transcript)")
                for nuisance in nuisances {
                    nuisance.closeInput()
                    #expect(try nuisance.waitForEnd() == .exited(0), "\(nuisance.transcript)")
                }
                try element.waitForEndpoints(1)
                try peer.stop()
                #expect(try element.program.stop() == .exited(0))
                try host.expectNothingLeft()
            }
        }
    }
}
