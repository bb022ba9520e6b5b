// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The modules of a kernel that is booted directly: which there are, and in what order they are loaded.
///
/// Names are as in `modules.dep`, with `_` for `-`. Where a kernel has no modules directory, everything is taken to be built in.
///
/// What lies below the guest's root is the guest's work: a link there may lead to a file of the host's that is not for the guest,
/// and who opens a pipe waits for its other end. Only what is a file or a directory itself is looked at there.
struct KernelModules {
    /// Nil: none was found.
    let directory: String?
    private let isOfGuest: Bool
    private var files: [String: String] = [:]
    private var builtin: Set<String> = []
    /// As `modules.dep` of an installed kernel has them; else they are looked up in the modules themselves.
    private var needs: [String: [String]] = [:]

    /// Where a kernel's modules may be: below the guest's root, beside the kernel as its package has them, on the host.
    static func places(kernel: String, release: String?, root: String?) -> [String] {
        // The kernel may be a link to where it lies with its modules.
        let kernel = (try? FileSystem.canonicalPath(kernel)) ?? kernel
        let parent = kernel.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        let above = kernel.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        var places = [parent + "/modules"]
        guard let release else { return places }
        places = ["\(parent)/modules/\(release)"] + places
        places += ["\(parent)/lib/modules/\(release)", "\(above)/lib/modules/\(release)", "/lib/modules/\(release)"]
        if let root { places = ["\(root)/lib/modules/\(release)", "\(root)/usr/lib/modules/\(release)"] + places }
        return places
    }

    /// - Parameter root: the guest's, as the places below it begin.
    init(places: [String], root: String? = nil) {
        func isGuests(_ place: String) -> Bool { root.map { place.hasPrefix($0 + "/") } ?? false }
        directory = places.first { place in
            guard let root, isGuests(place) else { return (try? FileStatus(path: place))?.isDirectory == true }
            return Self.isDirectory(place, below: root)
        }
        self.isOfGuest = directory.map(isGuests) ?? false
        guard let directory else { return }
        collect(directory + "/kernel", depth: 0)
        // A plain directory of modules.
        if files.isEmpty { collect(directory, depth: 0) }
        for line in lines(directory + "/modules.builtin") { builtin.insert(Self.name(line)) }
        for line in lines(directory + "/modules.dep") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard let first = parts.first else { continue }
            let list = parts.count > 1 ? parts[1].split(separator: " ") : []
            needs[Self.name(first)] = list.map { Self.name($0) }
        }
    }

    /// Whether a path leads to a directory without a link on its way from the root on.
    private static func isDirectory(_ path: String, below root: String) -> Bool {
        var whole = root
        for part in path.dropFirst(root.count).split(separator: "/") {
            whole += "/\(part)"
            guard (try? FileStatus(path: whole, followLinks: false))?.isDirectory == true else { return false }
        }
        return true
    }

    private func isFile(_ path: String) -> Bool {
        (try? FileStatus(path: path, followLinks: !isOfGuest))?.isRegularFile == true
    }

    private func lines(_ path: String) -> [Substring] {
        guard isFile(path), let bytes = try? FileSystem.contents(path, limit: 8 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    private mutating func collect(_ directory: String, depth: Int) {
        guard depth < 12, let names = try? FileSystem.names(in: directory) else { return }
        for name in names {
            let path = directory + "/" + name
            if [".ko", ".ko.xz", ".ko.zst", ".ko.gz"].contains(where: name.hasSuffix) {
                guard !isOfGuest || isFile(path) else { continue }
                files[Self.name(name)] = path
            } else if (try? FileStatus(path: path, followLinks: false))?.isDirectory == true {
                collect(path, depth: depth + 1)
            }
        }
    }

    /// A module's name from its path; a number in front (`12-virtio.ko`) is for the order of loading.
    static func name(_ path: some StringProtocol) -> String {
        let file = String(path).split(separator: "/").last ?? ""
        var name = String(file.prefix { $0 != "." })
        let digits = name.prefix { $0.isNumber }
        if !digits.isEmpty, name.dropFirst(digits.count).hasPrefix("-") {
            name = String(name.dropFirst(digits.count + 1))
        }
        return String(name.map { $0 == "-" ? "_" : $0 })
    }

    /// Whether the kernel can do what a module does.
    func has(_ name: String) -> Bool { directory == nil || builtin.contains(name) || files[name] != nil }

    /// Files of these modules and all that they need, in the order of loading. What the kernel has built in, or not at all,
    /// is left out.
    func load(_ names: [String]) -> [String] {
        var done: Set<String> = []
        var list: [String] = []
        func add(_ name: String) {
            guard done.insert(name).inserted, !builtin.contains(name), let path = files[name] else { return }
            for need in (needs[name] ?? Self.needs(ofModule: path)).reversed() { add(need) }
            list.append(path)
        }
        names.forEach { add($0) }
        return list
    }

    /// What a module file says of itself (`depends=a,b` in its section .modinfo); nothing for a compressed one.
    private static func needs(ofModule path: String) -> [String] {
        guard path.hasSuffix(".ko"), let bytes = try? FileSystem.contents(path, limit: 16 << 20) else { return [] }
        let mark = Array("\0depends=".utf8)
        var start = 0
        while let found = bytes[start...].firstIndex(of: 0) {
            if bytes[found...].starts(with: mark) {
                let text = String(decoding: bytes[(found + mark.count)...].prefix { $0 != 0 }, as: UTF8.self)
                return text.split(separator: ",").map { Self.name($0) }
            }
            start = found + 1
        }
        return []
    }
}
