// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Overlay mounts in the mount namespace of a lab, overlayfs(5): one short-lived process for each arrangement.
public enum RootMount {
    /// One overlay.
    public struct Overlay: Sendable, Equatable {
        /// Where it appears; made when missing.
        public var target: String
        public var upper: String
        /// On the file system of `upper`, and empty.
        public var work: String
        /// The topmost first.
        public var layers: [String]
        /// Whether, where overlayfs refuses the one layer because something is mounted below it, the layer itself
        /// may stand there, read-only.
        public var mayBind: Bool

        public init(target: String, upper: String, work: String, layers: [String], mayBind: Bool = false) {
            self.target = target
            self.upper = upper
            self.work = work
            self.layers = layers
            self.mayBind = mayBind
        }
    }

    /// What could not be done.
    public enum Step: UInt32, Sendable {
        case enterNamespace = 1
        case makeDirectory, makeTarget, openLayer, openUpper, openWork
        /// The file system keeps no extended attributes.
        case attributes
        /// The kernel has no overlayfs, or none for ordinary users.
        case overlay
        case mount, unmount, execute
    }

    public struct Failure: Error, Sendable, Equatable {
        public let step: Step
        public let overlay: Int
        public let layer: Int
        public let error: Errno
        /// The kernel's own words, may be empty.
        public let text: String

        public init(step: Step, overlay: Int = 0, layer: Int = 0, error: Errno, text: String = "") {
            self.step = step
            self.overlay = overlay
            self.layer = layer
            self.error = error
            self.text = text
        }
    }

    /// A process that mounts, or has mounted.
    public struct Operation: ~Copyable, Sendable {
        public let processID: Int32
        private let report: OwnedDescriptor
        private var isReaped = false

        fileprivate init(processID: Int32, report: consuming OwnedDescriptor) {
            self.processID = processID
            self.report = report
        }

        /// Readable when it is done.
        public var rawDescriptor: Int32 { report.rawValue }

        /// Waits for its end: nil when all is done.
        public mutating func finish() -> Failure? {
            let failure = RootMount.readReport(report)
            isReaped = true
            // Somebody who reaps all children may have been faster.
            _ = try? ProcessHandle.wait(child: processID)
            switch failure {
            case .ended: return Failure(step: .mount, overlay: 0, layer: 0, error: .interrupted, text: "")
            case .done: return nil
            case .failed(let failure): return failure
            }
        }

        deinit { if !isReaped { _ = try? ProcessHandle.wait(child: processID) } }
    }

    /// Starts it.
    ///
    /// - Parameters:
    ///   - user, mount: descriptors of the namespaces.
    ///   - directory: gets a file system of its own, once, in which the targets are.
    ///   - unmount: a target whose mounts go first.
    ///   - detach: even if somebody uses it.
    ///   - byOptions: as kernels before 6.13 want it, which is tried by itself where it must.
    public static func start(
        user: Int32,
        mount: Int32,
        directory: String,
        unmount: String?,
        detach: Bool,
        overlays: [Overlay],
        byOptions: Bool = false
    ) throws(Errno) -> Operation {
        // All strings in one buffer, which the child's copy of this memory keeps.
        var text: [CChar] = []
        func place(_ strings: [String]) -> Int {
            let start = text.count
            for string in strings { text += string.utf8CString }
            return start
        }
        let directoryPlace = place([directory])
        let unmountPlace = unmount.map { place([$0]) }
        let places = overlays.map { overlay in
            (place([overlay.target]), place([overlay.upper]), place([overlay.work]), place(overlay.layers))
        }
        guard !overlays.contains(where: { $0.layers.isEmpty }) else { throw .invalid }
        var report: Int32 = -1
        let result = unsafe text.withUnsafeBufferPointer { text in
            let base = text.baseAddress!
            let list = unsafe zip(overlays, places).map { overlay, place in
                unsafe cel_root_overlay(
                    target: base + place.0,
                    upper: base + place.1,
                    work: base + place.2,
                    layers: base + place.3,
                    layer_count: Int32(overlay.layers.count),
                    may_bind: overlay.mayBind ? 1 : 0
                )
            }
            return unsafe list.withUnsafeBufferPointer { list in
                var request = unsafe cel_root_request(
                    user: user,
                    mount: mount,
                    directory: base + directoryPlace,
                    unmount: unmountPlace.map { unsafe base + $0 },
                    detach: detach ? 1 : 0,
                    overlays: list.baseAddress,
                    overlay_count: Int32(list.count),
                    by_options: byOptions ? 1 : 0
                )
                return unsafe cel_root_mount(&request, &report)
            }
        }
        guard result >= 0 else { throw Errno(rawValue: -result) }
        return Operation(processID: result, report: OwnedDescriptor(adopting: report))
    }

    /// From now on this process, which is alone in its mount namespace, can write nothing but below a directory.
    public static func confineWrites(to directory: String) throws(Errno) {
        try systemCall { unsafe cel_confine_writes(directory) }
    }

    enum Report {
        case done, ended
        case failed(Failure)
    }

    /// Waits for a report; `ended` when the process ends without one.
    static func readReport(_ descriptor: borrowing OwnedDescriptor) -> Report {
        let size = MemoryLayout<cel_root_report>.size
        let headSize = 16
        guard let bytes = try? descriptor.read(atMost: size), bytes.count == size else { return .ended }
        let words = (0..<4).map { Int32(truncatingIfNeeded: bytes[...].integer(at: $0 * 4, byteCount: 4) ?? 0) }
        guard words[3] != 0 else { return .done }
        let text = String(decoding: bytes[headSize...].prefix { $0 != 0 && $0 != 10 }, as: UTF8.self)
        return .failed(
            Failure(
                step: Step(rawValue: UInt32(bitPattern: words[0])) ?? .mount,
                overlay: Int(words[1]),
                layer: Int(words[2]),
                error: Errno(rawValue: words[3]),
                text: text
            )
        )
    }
}
