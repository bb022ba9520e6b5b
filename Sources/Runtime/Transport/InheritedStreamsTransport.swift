// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// `stdio://3,4`: frames in `vde_plug`'s framing on other descriptors that this program was started with. One that is left
/// out is not used: `stdio://0,` only reads.
final class InheritedStreamsTransport: SingleEndpoint {
    /// The far ends of pipes that stand where a descriptor was left out.
    private var unused: [Int32] = []

    /// Without descriptors, standard input and output.
    static func open(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        if url.address.isEmpty { return try StandardStreamsTransport(url, context) }
        return try InheritedStreamsTransport(url, context)
    }

    private init(_ url: NetworkURL, _ context: TransportContext) throws {
        let numbers = try Self.numbers(url)
        super.init("\(url)", context)
        let input = try numbers.0.map { try Self.duplicate($0, url) } ?? pipe(isInput: true)
        let output = try numbers.1.map { try Self.duplicate($0, url) } ?? pipe(isInput: false)
        let number = input.rawValue
        try plug(
            .stream(StreamEndpoint(input, output: output, framing: .short)),
            identifier: number,
            module: "stream",
            ending: "the end of \(name)"
        )
    }

    deinit { for descriptor in unused { _ = OwnedDescriptor(adopting: descriptor) } }

    private static func numbers(_ url: NetworkURL) throws(TransportError) -> (Int32?, Int32?) {
        let words = url.address.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = words.map { Int32($0) }
        guard words.count == 2, zip(words, numbers).allSatisfy({ $0.isEmpty || $1.map { $0 >= 0 } == true }),
            numbers[0] != nil || numbers[1] != nil
        else { throw TransportError(.usage, "\(url): wants two descriptors' numbers, as in stdio://3,4") }
        return (numbers[0], numbers[1])
    }

    /// One end of a pipe that nobody else uses.
    private func pipe(isInput: Bool) throws -> OwnedDescriptor {
        let pair = try OwnedDescriptor.pipe()
        let first = pair.first
        let second = pair.second
        if isInput {
            unused.append(second.release())
            return first
        }
        unused.append(first.release())
        return second
    }

    private static func duplicate(_ number: Int32, _ url: NetworkURL) throws(TransportError) -> OwnedDescriptor {
        do throws(Errno) {
            let status = try FileStatus(descriptor: number)
            guard status.isSocket || status.mode & 0o170000 == 0o010000 else { throw Errno.invalid }
            return try OwnedDescriptor.duplicate(of: number)
        } catch {
            throw TransportError(.usage, "\(url): descriptor \(number) is no pipe or socket: \(error)")
        }
    }
}
