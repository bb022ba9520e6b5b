// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LabFile
public import LinuxSystem
public import Model

/// What a running lab is to be, and what was done for it: all that a new daemon must know to go on. Kept in the lab's runtime
/// directory, so that it lives as long as the lab runs.
public struct Intent: Sendable, Equatable {
    public var lab: Lab
    public var directory: String
    /// Guests that are to run.
    public var wanted: Set<String> = []
    /// What was made, by key.
    public var applied: [String: Resource] = [:]
    /// What was being made or taken away when this was written: nobody knows how far that went.
    public var doubtful: [String: Resource] = [:]

    public init(lab: Lab, directory: String) {
        self.lab = lab
        self.directory = directory
    }

    // MARK: As a file

    public var json: JSON {
        func list(_ resources: [String: Resource]) -> JSON {
            .array(resources.values.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }.map(\.json))
        }
        return [
            "version": 1, "directory": .string(directory), "lab": .string(LabWriter.text(lab)),
            "wanted": .texts(wanted.sorted()), "applied": list(applied), "doubtful": list(doubtful),
        ]
    }

    public init?(json: JSON) {
        guard json["version"]?.integer == 1, let directory = json["directory"]?.text, let text = json["lab"]?.text,
            let file = try? LabFile(text, labName: "lab")
        else { return nil }
        self.init(lab: file.lab, directory: directory)
        wanted = Set(json["wanted"]?.texts ?? [])
        func table(_ key: String) -> [String: Resource] {
            let list = (json[key]?.list ?? []).compactMap { Resource(json: $0) }
            return Dictionary(list.map { ($0.key, $0) }) { $1 }
        }
        applied = table("applied")
        doubtful = table("doubtful")
    }

    /// Replaces the file as a whole: whoever reads it finds the old one or the new one.
    public func save(_ path: String) throws(Errno) {
        let new = path + ".new"
        do {
            let file = try OwnedDescriptor.open(new, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.writeAll(json.description.utf8)
        }
        try FileSystem.rename(new, to: path)
    }

    public static func load(_ path: String) -> Intent? {
        guard let bytes = try? FileSystem.contents(path, limit: 64 << 20), let json = try? JSON(parsing: bytes)
        else { return nil }
        return Intent(json: json)
    }
}

extension Resource {
    var json: JSON {
        [
            "kind": .string(kind.rawValue), "name": .string(name),
            "make": .array(make.map { .texts($0) }), "remove": .array(remove.map { .texts($0) }),
            "needs": .texts(needs), "note": .string(note),
        ]
    }

    init?(json: JSON) {
        guard let kind = json["kind"]?.text.flatMap(Kind.init(rawValue:)), let name = json["name"]?.text,
            let make = json["make"]?.list?.compactMap(\.texts), let remove = json["remove"]?.list?.compactMap(\.texts)
        else { return nil }
        self.init(
            kind,
            name,
            make: make,
            remove: remove,
            needs: json["needs"]?.texts ?? [],
            note: json["note"]?.text ?? ""
        )
    }
}
