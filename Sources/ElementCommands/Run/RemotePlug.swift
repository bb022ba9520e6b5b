// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Runtime

/// Where an interface of a stack is plugged in.
enum NetworkPlace {
    /// A switch, which may serve the tap itself.
    case directory(SwitchPlace)
    /// Any other network, in order of preference: this process carries the frames.
    case url([NetworkURL])

    init(_ text: String, _ filters: [AttachRequest.Filter] = []) throws {
        let alternatives: [NetworkURL]
        do {
            alternatives = try NetworkURL.alternatives(text)
        } catch {
            throw Failure(error.description, status: ExitStatus.usage)
        }
        // A regular file's URL may be of any kind; the registry reads it.
        let isFile = (try? FileStatus(path: alternatives[0].address))?.isRegularFile ?? false
        if alternatives.count == 1, alternatives[0].scheme == "vde", !isFile {
            var place = try SwitchPlace(text, port: 0)
            place.filters = filters
            self = .directory(place)
        } else {
            for url in alternatives where TransportRegistry.scheme(url.scheme) == nil {
                throw Failure(TransportRegistry.unknown(url))
            }
            guard filters.isEmpty else {
                throw Failure("\(text): filters are for a switch, which this is not", status: ExitStatus.usage)
            }
            self = .url(alternatives)
        }
    }
}

/// A tap of a stack at the end of a cable whose other end is outside, on the host's network. Kept: what goes is waited for,
/// and the interface has no carrier meanwhile.
final class RemotePlug {
    private let loop: ControlLoop
    private let cable: TransportCable
    private let transport: PersistentTransport

    init(_ tap: borrowing OwnedDescriptor, interface: String, _ alternatives: [NetworkURL]) throws {
        do {
            loop = try ControlLoop()
            cable = try TransportCable(loop: loop)
            let duplicate = try tap.duplicate()
            let newcomer = Newcomer(
                identifier: duplicate.rawValue,
                module: "tuntap",
                description: interface,
                userID: nil,
                processID: CurrentProcess.id
            )
            try cable.first.attach(.tap(try TapEndpoint(duplicate)), newcomer)
        } catch let error as AttachRefusal {
            throw Failure("\(interface): \(error.message)")
        } catch {
            throw Failure("\(interface): \(error)")
        }
        var context = TransportContext(host: cable.second, description: ProgramCable.describe(interface))
        context.mayWait = true
        // Opened once without keeping, so that a mistake is said at once; from then on it is kept.
        do {
            transport = try PersistentTransport(alternatives, context, isKept: true, mustOpen: true)
        } catch let error as TransportError {
            cable.stop()
            throw Failure(error)
        }
    }

    var descriptor: Int32 { loop.descriptor }
    var nextDeadline: UInt64? { loop.nextDeadline }

    func handleEvents() { try? loop.runPending() }

    func close() {
        transport.close()
        cable.stop()
    }
}
