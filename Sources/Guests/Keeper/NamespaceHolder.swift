// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A lab's namespaces, by the process that holds them. Its answers take a fraction of a millisecond and are waited for.
public final class NamespaceHolder {
    public let processID: Int32
    private let control: OwnedDescriptor
    /// Interfaces of the lab's own network namespace: bridges, and the host's ends of veth pairs.
    var netlink: Netlink
    /// Who is who in the lab's user namespace.
    public let identities: IdentityMaps

    private static let patience: UInt64 = 20_000_000_000
    /// Answers that nobody waits for any more: those who asked have given up.
    private var owedAnswerCount = 0

    /// Makes the namespaces: to be called early, while this process is small, from the thread that lives as long as the lab.
    public init() throws(GuestError) {
        let holder = try Self.create()
        processID = holder.processID
        control = try Self.duplicate(holder.control)
        identities = try Self.map(control, processID)
        netlink = Netlink(adopting: try Self.netlinkSocket(control))
        do throws(NetlinkError) {
            try netlink.setUp(try netlink.link(named: "lo").index)
        } catch {
            throw GuestError("cannot set up the lab's namespaces: \(error)", status: 4)
        }
    }

    private static func create() throws(GuestError) -> HolderProcess {
        do throws(Errno) {
            return try HolderProcess.create()
        } catch {
            throw GuestError("cannot make the lab's namespaces: \(error); see etherloom doctor", status: 4)
        }
    }

    private static func duplicate(_ descriptor: borrowing OwnedDescriptor) throws(GuestError) -> OwnedDescriptor {
        do throws(Errno) {
            return try descriptor.duplicate()
        } catch {
            throw GuestError("cannot keep the lab's namespaces: \(error)")
        }
    }

    /// Waits until the namespaces are there, and says who is who in them.
    private static func map(
        _ control: borrowing OwnedDescriptor,
        _ processID: Int32
    ) throws(GuestError) -> IdentityMaps {
        do {
            guard try next(control).kind == .hello else { throw Errno.invalid }
            let identities = try IdentityMaps.ofThisProcess().write(processID: processID)
            _ = try request(control, [HolderProcess.mapped], [])
            return identities
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("cannot set up the lab's namespaces: \(error)", status: 4)
        }
    }

    private static func netlinkSocket(_ control: borrowing OwnedDescriptor) throws(GuestError) -> OwnedDescriptor {
        var script = GuestScript()
        script.openNetlink()
        do {
            let made = try request(control, [HolderProcess.script] + script.bytes, []).descriptors
            guard let socket = made.first else { throw Errno.invalid }
            return try socket.duplicate()
        } catch {
            throw GuestError("cannot open a netlink socket in the lab's namespaces: \(error)", status: 4)
        }
    }

    /// Waits for the next message. This process alone reads, so that one that has been announced is there.
    private static func next(_ control: borrowing OwnedDescriptor) throws(Errno) -> GuestMessage {
        let deadline = MonotonicClock.nanoseconds &+ patience
        guard try Poll.isReadable(control.rawValue, deadline: deadline) else { throw .timedOut }
        guard let message = try GuestMessage.receive(from: control) else { throw .connectionReset }
        return message
    }

    /// Descriptors that came before the answer, and its number.
    private struct Answer {
        var value: Int32 = 0
        var descriptors: [SharedDescriptor] = []
    }

    /// A refusal of the kernel inside, with the script's line.
    private struct Refusal: Error {
        let errno: Errno
        let line: UInt32
    }

    private static func request(
        _ control: borrowing OwnedDescriptor,
        _ bytes: [UInt8],
        _ descriptors: [Int32]
    ) throws -> Answer {
        try UnixSocket.send(bytes, descriptors: descriptors, to: control)
        return try answer(control)
    }

    private static func answer(_ control: borrowing OwnedDescriptor) throws -> Answer {
        var answer = Answer()
        while true {
            var message = try next(control)
            while let descriptor = message.attachment.takeDescriptor() {
                answer.descriptors.append(SharedDescriptor(descriptor))
            }
            if message.kind != .answer { continue }
            if message.value < 0 { throw Refusal(errno: Errno(rawValue: -message.value), line: message.subject) }
            answer.value = message.value
            return answer
        }
    }

    private func ask(
        _ bytes: [UInt8],
        _ descriptors: [Int32],
        to purpose: String,
        script: GuestScript? = nil
    ) throws(GuestError) -> Answer {
        try passOverLateAnswers(purpose)
        do {
            return try Self.request(control, bytes, descriptors)
        } catch let error as Errno where error == .timedOut {
            owedAnswerCount += 1
            throw GuestError("cannot \(purpose): the lab's namespaces do not answer", status: 3)
        } catch let refusal as Refusal {
            let isScarce = [Errno.wouldBlock, .noMemory, Errno(rawValue: ENOSPC), Errno(rawValue: EMFILE)]
                .contains(refusal.errno)
            let what = script?.name(refusal.line) ?? purpose
            throw GuestError("cannot \(what): \(refusal.errno)", status: isScarce ? 4 : 1)
        } catch {
            throw GuestError("cannot \(purpose): the lab's namespaces do not answer (\(error))")
        }
    }

    private func passOverLateAnswers(_ purpose: String) throws(GuestError) {
        while owedAnswerCount > 0 {
            guard (try? Poll.isReadable(control.rawValue, deadline: MonotonicClock.nanoseconds)) == true else {
                throw GuestError("cannot \(purpose): the lab's namespaces are still busy", status: 3)
            }
            owedAnswerCount -= 1
            _ = try? Self.answer(control)
        }
    }

    /// A script for the holder, as it reads it.
    private static func bytes(_ kind: UInt8, _ script: GuestScript) throws(GuestError) -> [UInt8] {
        guard script.bytes.count < WordMessage.maximumByteCount else {
            throw GuestError("the plan is too long", status: 2)
        }
        return [kind] + script.bytes
    }

    /// Clones a guest's first process, which runs the script and then waits at the other end of `control`. It is a child of
    /// this process.
    func startGuest(_ script: GuestScript, control: borrowing OwnedDescriptor) throws(GuestError) -> Int32 {
        try ask(Self.bytes(HolderProcess.guest, script), [control.rawValue], to: "make the guest's namespaces").value
    }

    /// A program inside of the lab's namespaces, a child of this process.
    func startProgram(_ image: CommandImage, name: String, descriptors: [Int32]) throws(GuestError) -> Int32 {
        try ask([HolderProcess.program] + HolderProcess.bytes(of: image), descriptors, to: "run \(name)").value
    }

    /// Makes a tap in the lab's network namespace, without a cable.
    func makeTap(_ name: String) throws(GuestError) -> SharedDescriptor {
        var script = GuestScript()
        script.makeTap(name, packetSocket: false)
        let answer = try ask([HolderProcess.script] + script.bytes, [], to: "make the tap \(name)", script: script)
        guard let tap = answer.descriptors.first else { throw GuestError("no tap \(name) came") }
        return tap
    }

    /// A socket for whole frames of an interface of the lab's network namespace.
    func openFrameSocket(interface: Int32) throws(GuestError) -> SharedDescriptor {
        var script = GuestScript()
        script.openFrameSocket(interface: interface)
        let answer = try ask([HolderProcess.script] + script.bytes, [], to: "listen", script: script)
        guard let socket = answer.descriptors.first else { throw GuestError("no packet socket came") }
        return socket
    }

    /// System calls inside of the lab's namespaces.
    func run(_ script: GuestScript) throws(GuestError) {
        _ = try ask(Self.bytes(HolderProcess.script, script), [], to: "set it up", script: script)
    }
}
