// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What machines and the fabric have come to, port by port, for the next fabric: the connections of vhost-user, and what was
/// said over them, with the descriptors of the guests' memory and rings.
///
/// A machine whose fabric was killed has its connection still, since it is open here; another fabric goes on with it, and the
/// guest sees nothing of it. Words are what the fabric's event `kept` says, and what its request `port-keep` takes; nothing
/// here understands them but for `socket`, which begins a connection, and `end`.
struct KeptConnections {
    private struct Note {
        var words: [String]
        var descriptors: [SharedDescriptor]
    }

    /// By port, then by what a note is about.
    private var notes: [String: [String: Note]] = [:]

    func contains(_ port: String) -> Bool { notes[port] != nil }

    /// Takes a note: PORT KEY [PAYLOAD].
    mutating func take(_ words: [String], _ descriptors: [SharedDescriptor]) {
        guard words.count >= 2 else { return }
        let (port, key) = (words[0], words[1])
        switch (key, words.count) {
        case ("socket", _): notes[port] = [key: Note(words: Array(words.dropFirst()), descriptors: descriptors)]
        case ("end", _): notes[port] = nil
        case (_, 2): notes[port]?[key] = nil
        // Of a connection that was let go of meanwhile.
        default: notes[port]?[key] = Note(words: Array(words.dropFirst()), descriptors: descriptors)
        }
    }

    mutating func forget(_ port: String) { notes[port] = nil }
    mutating func forgetAll() { notes = [:] }

    /// What a new fabric is asked so that this port goes on, with the descriptors of each request.
    func requests(_ port: String) -> [(words: [String], descriptors: [SharedDescriptor])] {
        guard let notes = notes[port] else { return [] }
        let requests = notes.sorted { $0.key < $1.key }.map { _, note in
            (words: ["port-keep", port] + note.words, descriptors: note.descriptors)
        }
        return requests + [(words: ["port-take-up", port], descriptors: [])]
    }
}
