// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Gateway
import Glibc
public import LinuxSystem
import Wire

/// Watches which name servers the host uses: `/etc/resolv.conf`, resolv.conf(5), on the control thread.
///
/// A resolver that listens on loopback only (systemd-resolved's 127.0.0.53, dnsmasq) is as good as any: the gateway asks it
/// from the host.
public final class ResolverMonitor {
    public static var defaultPath: String { "/etc/resolv.conf" }
    /// resolv.conf(5): no more are used.
    private static var maximumCount: Int { 3 }

    private let path: String
    private let watch: DirectoryWatch?
    private let onChange: ([HostEndpoint]) -> Void
    private var current: [HostEndpoint]

    /// The servers named in the file now; the host itself when it names none, as the resolver library does.
    public static func servers(path: String = defaultPath) -> [HostEndpoint] {
        let text = (try? FileSystem.contents(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return servers(in: text)
    }

    static func servers(in text: String) -> [HostEndpoint] {
        var servers: [HostEndpoint] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count >= 2, words[0] == "nameserver", let address = IPv4Address(String(words[1])) else {
                continue
            }
            servers.append(HostEndpoint(address: address, port: 53))
            if servers.count == maximumCount { break }
        }
        return servers.isEmpty
            ? [HostEndpoint(address: IPv4Address(rawValue: 0x7f00_0001), port: 53)] : servers
    }

    /// Watches the file's directory, since the file is replaced rather than written by most programs.
    public init(loop: ControlLoop, path: String = defaultPath, onChange: @escaping ([HostEndpoint]) -> Void) {
        self.path = path
        self.onChange = onChange
        current = Self.servers(path: path)
        let directory = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        watch = try? DirectoryWatch(directory.isEmpty ? "/" : directory)
        guard let watch else { return }
        _ = try? loop.watch(watch.rawDescriptor) { [unowned self] _ in check() }
    }

    private func check() {
        watch?.drain()
        let servers = Self.servers(path: path)
        guard servers != current else { return }
        current = servers
        onChange(servers)
    }
}
