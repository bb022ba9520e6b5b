// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LinuxSystem
import Runtime

/// `etherloom delegate`: gives a user a device, or part of it.
struct DelegateCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "delegate",
            abstract: "Give a user or a group a network device, or some addresses on it.",
            discussion: """
                Root opens the device, makes DIRECTORY for the user, and gives up every other right: etherloom delegate eth0 \
                /run/bob --uid bob --allow 10.0.0.7. The user needs no privilege to plug in. What was given lasts as long as \
                this program.
                """
        )
    }

    @Argument(help: "An interface (a tap, a macvtap, or any other by a packet socket), or a network's URL.")
    var device: String?
    @Argument(help: "Directory to make for the user.")
    var directory: String?
    @Option(name: [.customShort("u"), .customLong("uid")], help: "User whom it is for.")
    var user: String?
    @Option(name: [.short, .customLong("group")], help: "Group that it is for.")
    var group: String?
    @OptionGroup var rules: RuleOptions
    @OptionGroup var common: FilterProcessOptions

    mutating func run() throws {
        guard let device, let directory else {
            throw Failure(
                "delegate: what, and where? give a device and a directory; see: etherloom delegate --help",
                status: ExitStatus.usage
            )
        }
        var delegation = try Delegation(user: user, group: group)
        let upstream = try Self.upstream(device, &delegation)
        var setup = try common.setup(upstream, directory, rules)
        setup.mode = delegation.isForGroup ? 0o660 : 0o600
        setup.directoryMode = delegation.isForGroup ? 0o2770 : 0o700
        delegation.consolePath = setup.consolePath
        delegation.pidFile = setup.process.pidFile.take()
        setup.delegation = delegation
        try SwitchProcess.run(setup)
    }

    /// The URL of a device, by what it is.
    private static func upstream(_ device: String, _ delegation: inout Delegation) throws -> String {
        guard device.contains(":") || device.contains("/") else {
            guard let interface = try? NetworkInterface.index(device) else {
                throw Failure("\(device): no such interface on this host, and no URL", status: ExitStatus.usage)
            }
            if (try? FileStatus(path: "/dev/tap\(interface)"))?.isCharacterDevice == true {
                return "macvtap://\(device)"
            }
            // What is mounted at /sys may be of another network namespace.
            let path = "/sys/class/net/\(device)/"
            let number = (try? FileSystem.contents(path + "ifindex", limit: 16)) ?? []
            let isHere = String(decoding: number.prefix { $0 != 10 }, as: UTF8.self) == String(interface)
            return isHere && FileSystem.isReadable(path + "tun_flags") ? "tap://\(device)" : "packet://\(device)"
        }
        try refuseSenseless(device)
        if let url = try? NetworkURL(device), url.scheme == "macvtap", url.has("link"),
            (try? NetworkInterface.index(url.address)) == nil
        {
            delegation.madeInterface = url.address
        }
        return device
    }

    /// What this process could not go on with, or not clean up, once it is somebody else's.
    private static func refuseSenseless(_ text: String) throws {
        // One that is no URL at all is refused when it is opened.
        guard let alternatives = try? NetworkURL.alternatives(text) else { return }
        do {
            for url in alternatives {
                guard let reason = try url.reasonNotToDelegate() else { continue }
                throw Failure("delegate: \(url): \(reason)", status: ExitStatus.usage)
            }
        } catch let error as TransportError {
            throw Failure(error)
        }
    }
}
