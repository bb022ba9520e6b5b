// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

// Theory of Operation
//
// Guests may have made any tree: directories that nobody may read, deeper than a path can say, links that lead outside. So it
// is walked by descriptors, no link is followed, no mount is entered, and what lies too deep is first moved up.

/// Removes a directory with all that is in it.
struct TreeRemoval: ~Copyable {
    /// Levels that are held open at once.
    private static let depthLimit = 64

    private let base: DirectoryHandle
    private var movedCount = 0
    private var moved: [FileName] = []
    /// The first thing that could not be removed.
    private var failure: (path: String, error: Errno)?

    /// Removes what the path is, be it a directory or not; nothing there is fine.
    static func remove(_ path: String) throws(GuestError) {
        let (parent, name) = RootDirectories.split(path)
        do throws(Errno) {
            let status = try FileStatus(path: path, followLinks: false)
            guard status.isDirectory else { return try FileSystem.remove(path) }
        } catch {
            if error == .noEntry { return }
            throw GuestError("\(path): \(error)")
        }
        let base: DirectoryHandle
        do throws(Errno) {
            base = try DirectoryHandle.open(parent)
        } catch {
            throw GuestError("\(parent): \(error)")
        }
        var removal = TreeRemoval(base: base)
        removal.run(FileName(name), path: path)
        guard let failure = removal.failure else { return }
        let reason = failure.error == .crossesMount ? "something is mounted here" : failure.error.description
        throw GuestError("\(failure.path): cannot be removed: \(reason)")
    }

    /// The same for what has a name in a directory: the first failure. `place` is the directory, for messages.
    static func remove(_ name: FileName, in directory: borrowing DirectoryHandle, place: String) -> Errno? {
        do throws(Errno) {
            guard try directory.status(name).kind == .directory else {
                try directory.removeFile(name)
                return nil
            }
            var removal = TreeRemoval(base: try directory.duplicate())
            removal.run(name, path: "\(place)/\(name)")
            return removal.failure?.error
        } catch {
            return error == .noEntry ? nil : error
        }
    }

    private init(base: consuming DirectoryHandle) { self.base = base }

    private mutating func run(_ name: FileName, path: String) {
        do throws(Errno) {
            // By a duplicate: this object changes while the directory is borrowed.
            let parent = try base.duplicate()
            remove(name, in: parent, path: path, depth: 0)
            while let deep = moved.popLast() { remove(deep, in: parent, path: "\(path)/…/\(deep)", depth: 0) }
        } catch {
            note(path, error)
        }
    }

    private mutating func note(_ path: String, _ error: Errno) {
        if failure == nil { failure = (path, error) }
    }

    private mutating func remove(_ name: FileName, in parent: borrowing DirectoryHandle, path: String, depth: Int) {
        do throws(Errno) {
            if depth > Self.depthLimit {
                movedCount += 1
                let place = FileName(".etherloom-remove-\(CurrentProcess.id)-\(movedCount)")
                try parent.move(name, to: place, in: base)
                moved.append(place)
                return
            }
            let directory = try Self.open(name, in: parent)
            empty(directory, path: path, depth: depth)
        } catch {
            return note(path, error)
        }
        do throws(Errno) { try parent.removeDirectory(name) } catch { note(path, error) }
    }

    private mutating func empty(_ directory: borrowing DirectoryHandle, path: String, depth: Int) {
        do throws(Errno) {
            for entry in try directory.names() {
                let inner = "\(path)/\(entry)"
                do throws(Errno) {
                    if try directory.status(entry).kind != .directory {
                        try directory.removeFile(entry)
                        continue
                    }
                } catch {
                    if error != .noEntry { note(inner, error) }
                    continue
                }
                remove(entry, in: directory, path: inner, depth: depth + 1)
            }
        } catch {
            note(path, error)
        }
    }

    /// One that may not be read, entered or changed is opened for its owner first.
    private static func open(_ name: FileName, in parent: borrowing DirectoryHandle) throws(Errno) -> DirectoryHandle {
        if try parent.status(name).mode & 0o700 != 0o700 { try? parent.setMode(name, 0o700) }
        return try parent.openDirectory(name)
    }
}
