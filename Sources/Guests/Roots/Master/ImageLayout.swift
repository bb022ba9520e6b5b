// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A directory with images in the form of the OCI image specification 1.1, "Image Layout": index.json names manifests, they
/// name layers, and all of these are files below blobs/ that are called by their hash.
struct ImageLayout {
    let directory: String
    /// What a file's contents hash to by an algorithm, in hexadecimal digits; nil for one that is not known. Without it nothing
    /// is compared.
    var digest: MasterBuilder.Digest?

    /// The files of an image's layers, the lowest first.
    func layers(tag: String?) throws(GuestError) -> [String] {
        guard (try? FileStatus(path: "\(directory)/index.json")) != nil else {
            throw GuestError("\(directory): no OCI image layout: index.json is missing")
        }
        let index = try read("\(directory)/index.json")
        let manifest = try read(blob(try choose(index, tag)))
        // An index of platforms inside of the index.
        let image = manifest["manifests"] == nil ? manifest : try read(blob(try choosePlatform(manifest)))
        guard let layers = image["layers"]?.array, !layers.isEmpty else {
            throw GuestError("\(directory): the image has no layers")
        }
        var files: [String] = []
        for layer in layers {
            let type = layer["mediaType"]?.string ?? ""
            guard type.contains(".tar") else {
                throw GuestError("\(directory): a layer is of a type that is not known: \(type)")
            }
            files.append(try blob(layer))
        }
        return files
    }

    private static let tagName = "org.opencontainers.image.ref.name"

    private func choose(_ index: JSONValue, _ tag: String?) throws(GuestError) -> JSONValue {
        let all = index["manifests"]?.array ?? []
        let tags = all.compactMap { $0["annotations"]?[Self.tagName]?.string }
        let there = tags.isEmpty ? "it names none" : "it has \(tags.sorted().joined(separator: ", "))"
        if let tag {
            guard let found = all.first(where: { $0["annotations"]?[Self.tagName]?.string == tag }) else {
                throw GuestError("\(directory): no image \(tag); \(there)")
            }
            return found
        }
        if all.count == 1 { return all[0] }
        if let latest = all.first(where: { $0["annotations"]?[Self.tagName]?.string == "latest" }) { return latest }
        if tags.isEmpty, !all.isEmpty { return try choosePlatform(index) }
        throw GuestError("\(directory): \(all.isEmpty ? "no images" : "several images: say which, as :TAG"); \(there)")
    }

    /// As Go, whose words the specification uses, calls processors.
    static var architecture: String {
        #if arch(x86_64)
        "amd64"
        #elseif arch(arm64)
        "arm64"
        #elseif arch(i386)
        "386"
        #elseif arch(arm)
        "arm"
        #elseif arch(s390x)
        "s390x"
        #elseif arch(powerpc64le)
        "ppc64le"
        #elseif arch(riscv64)
        "riscv64"
        #else
        "unknown"
        #endif
    }

    private func choosePlatform(_ index: JSONValue) throws(GuestError) -> JSONValue {
        let all = index["manifests"]?.array ?? []
        let wanted = Self.architecture
        let found = all.first { entry in
            entry["platform"]?["architecture"]?.string == wanted && entry["platform"]?["os"]?.string == "linux"
        }
        guard let found else {
            let names = all.compactMap { $0["platform"]?["architecture"]?.string }.joined(separator: ", ")
            throw GuestError("\(directory): no image for linux on \(wanted); there are: \(names)")
        }
        return found
    }

    /// The file that a descriptor names.
    private func blob(_ descriptor: JSONValue) throws(GuestError) -> String {
        let digest = descriptor["digest"]?.string ?? ""
        let parts = digest.split(separator: ":", omittingEmptySubsequences: false)
        func isSafe(_ part: Substring) -> Bool {
            !part.isEmpty && part.utf8.allSatisfy { 48...57 ~= $0 || 97...122 ~= $0 }
        }
        guard parts.count == 2, isSafe(parts[0]), isSafe(parts[1]) else {
            throw GuestError("\(directory): \"\(digest)\" is no digest")
        }
        let path = "\(directory)/blobs/\(parts[0])/\(parts[1])"
        guard (try? FileStatus(path: path))?.isRegularFile == true else {
            throw GuestError("\(path): missing; the image layout is not complete")
        }
        try compare(path, algorithm: String(parts[0]), digest: String(parts[1]))
        return path
    }

    /// A file that is not what it is called by was damaged on its way, or is somebody else's.
    private func compare(_ path: String, algorithm: String, digest wanted: String) throws(GuestError) {
        guard let digest else { return }
        guard let found = try digest(path, algorithm) else {
            throw GuestError(
                "\(directory): a digest by \(algorithm), which is not known; sha256 and sha512 are",
                status: 4
            )
        }
        guard found == wanted else {
            throw GuestError("\(path): its contents are not what it is called by (\(found)); fetch the image again")
        }
    }

    private func read(_ path: String) throws(GuestError) -> JSONValue {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try FileSystem.contents(path, limit: 8 << 20)
        } catch {
            throw GuestError("\(path): \(error)")
        }
        do throws(JSONError) {
            return try JSONValue(parsing: bytes)
        } catch {
            throw GuestError("\(path): \(error)")
        }
    }
}
