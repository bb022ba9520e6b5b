// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

/// A lab directory and the namespaces of a lab, for one test.
final class RootsFixture {
    let directory: String
    let loop: ControlLoop
    let maps: IdentityMaps
    private let holder: NamespaceProgram
    let namespaces: RootNamespaces

    /// - Parameter single: with root as the only user, whatever the host grants.
    init(single: Bool = false, name: String = "lab") throws {
        let base = NSTemporaryDirectory() + "el-roots-\(UUID().uuidString.prefix(8))"
        directory = base + "/" + name
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        loop = try ControlLoop()
        let maps =
            single
            ? IdentityMaps.single(user: CurrentProcess.userID, group: CurrentProcess.groupID)
            : IdentityMaps.ofThisProcess()
        let written = Box(maps)
        holder = try NamespaceProgram(
            "/bin/sleep",
            ["sleep", "300"],
            place: .own { process in
                guard let result = try? maps.write(processID: process) else { return false }
                written.value = result
                return true
            },
            streams: []
        )
        self.maps = written.value
        namespaces = try RootNamespaces(ofProcess: holder.processID)
    }

    private final class Box {
        var value: IdentityMaps
        init(_ value: IdentityMaps) { self.value = value }
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func mounts() throws -> RootMounts {
        try RootMounts(loop: loop, namespaces: namespaces, directory: path("roots"))
    }

    func plan(_ guest: String, layers: [String] = []) -> RootPlan {
        var plan = RootPlan(master: path("master"), upper: path("host/\(guest)"), mountPoint: path("mount/\(guest)"))
        plan.layers = layers
        return plan
    }

    /// Waits for what an operation of the loop answers.
    func wait<Value>(_ begin: (@escaping (Value) -> Void) -> Void) throws -> Value {
        var answer: Value?
        begin { [loop] value in
            answer = value
            loop.stop()
        }
        if answer == nil {
            let timer = loop.after(milliseconds: 20_000) { [loop] in loop.stop() }
            try loop.run()
            loop.cancel(timer)
        }
        return try #require(answer)
    }

    func write(_ text: String, _ name: String) throws {
        let file = path(name)
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }

    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: path(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A shell command as root of the lab's namespaces: what it prints.
    @discardableResult
    func inside(_ command: String) throws -> String {
        let pipe = try OwnedDescriptor.pipe()
        let reading = Int32(try pipe.first.duplicate().release())
        var program: NamespaceProgram?
        do {
            let output = try pipe.second.duplicate()
            program = try NamespaceProgram(
                "/bin/sh",
                ["sh", "-c", "exec 2>&1; " + command, directory],
                place: .inside(user: namespaces.user.rawValue, mount: namespaces.mount.rawValue),
                streams: [-1, output.rawValue]
            )
        }
        try pipe.second.close()
        let bytes = FileHandle(fileDescriptor: reading, closeOnDealloc: true).readDataToEndOfFile()
        _ = program?.wait()
        return String(decoding: bytes, as: UTF8.self)
    }

    deinit {
        // What belongs to sub-uids.
        _ = try? inside("cd \"$0\" && rm -rf host snapshots")
        holder.end()
        try? FileManager.default.removeItem(atPath: (directory as NSString).deletingLastPathComponent)
    }
}
