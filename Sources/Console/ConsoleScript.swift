// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem
import Runtime

/// A file of commands that is being run: `load`, and the rc file of the command line.
///
/// The original answers each line of a loaded file with a frame and a code of its own, inside the answer to `load`; its own
/// `unixcmd` gives up on that, and `libvdemgmt` takes the first line's code for the whole. So here all of it stands in one
/// frame, in the same words, and the code is that of the first line that failed. An empty line is no error here.
struct ConsoleScript {
    /// Files inside files; and no file inside itself.
    static var maximumDepth: Int { 8 }
    /// Lines run by one `load`, all its files together: two files that load each other many times would not end soon.
    static var maximumLineCount: Int { 10_000 }
    static var maximumOutputByteCount: Int { 1 << 20 }
    /// Longer than what a terminal may send, for paths.
    static var maximumLineByteCount: Int { 1024 }

    /// Device and inode of the files being run, outermost first.
    var files: [[UInt64]] = []
    let account: Account

    /// What is common to a file and those that it loads.
    final class Account {
        var lineCount = 0
        var outputByteCount = 0
    }
}

/// A line of a file that failed.
public struct ConsoleScriptFailure: Sendable, Equatable, CustomStringConvertible {
    public let path: String
    /// From 1.
    public let line: Int
    public let command: String
    public let error: Errno

    /// `/etc/vde2/vde_switch.rc:5: port/frob 1: Function not implemented`
    public var description: String { "\(path):\(line): \(command): \(error)" }
}

extension Console {
    /// Runs a file at the start of the program. Lines that fail are reported and do not keep the rest from running; so do
    /// files of the original. Throws what opening or reading the file throws. True is for a `shutdown` among the lines.
    @discardableResult
    public func runFile(_ path: String, onFailure: (ConsoleScriptFailure) -> Void) throws(Errno) -> Bool {
        let run = try run(path, ConsoleCall(console: self), mayWait: true)
        for failure in run.failures { onFailure(failure) }
        // From within the loop, which is perhaps not running yet.
        if run.isShutdown { target.loop.after(milliseconds: 0) { [self] in shutDown() } }
        return run.isShutdown
    }

    func load(_ path: String, _ call: ConsoleCall) -> ConsoleAnswer {
        do throws(Errno) {
            let run = try run(path, call, mayWait: false)
            if run.isShutdown { return ConsoleAnswer(sequel: .shutdown) }
            // Nothing in it: nothing to show, as in the original.
            return run.lines.isEmpty ? .success : .data(run.lines, error: run.failures.first?.error)
        } catch {
            return .failure(error)
        }
    }

    func shutDown() {
        target.log("Shutdown from mgmt command")
        target.onShutdown()
    }

    private struct Run {
        var lines: [String] = []
        var failures: [ConsoleScriptFailure] = []
        var isShutdown = false
    }

    private func run(_ path: String, _ call: ConsoleCall, mayWait: Bool) throws(Errno) -> Run {
        var call = call
        var script = call.script ?? ConsoleScript(account: ConsoleScript.Account())
        let (bytes, identity) = try contents(path, mayWait: mayWait)
        guard script.files.count < ConsoleScript.maximumDepth, !script.files.contains(identity) else {
            throw Errno(rawValue: ELOOP)
        }
        script.files.append(identity)
        call.script = script

        var run = Run()
        var reader = ConsoleLineReader(limit: ConsoleScript.maximumLineByteCount)
        reader.append(bytes)
        var number = 0
        while let line = reader.next() ?? reader.takeUnfinished() {
            number += 1
            let text: String
            switch line {
            case .tooLong: text = "(a line too long)"
            case .text(let line): text = line
            }
            if text.allSatisfy(ConsoleArgument.isBlank) { continue }
            script.account.lineCount += 1
            let answer = line == .tooLong ? .failure(.messageTooLarge) : execute(text, call)
            let size = (answer?.lines ?? []).reduce(text.utf8.count) { $0 + $1.utf8.count }
            script.account.outputByteCount += size
            guard script.account.lineCount <= ConsoleScript.maximumLineCount,
                script.account.outputByteCount <= ConsoleScript.maximumOutputByteCount
            else { throw Errno(rawValue: E2BIG) }
            run.lines.append("vde[\(path)]: \(text)")
            // Leaving means the session, and a file has none.
            guard let answer, answer.sequel != .endOfSession else { continue }
            if answer.sequel == .shutdown {
                run.isShutdown = true
                break
            }
            run.lines += answer.lines ?? []
            if let error = answer.error {
                run.failures.append(ConsoleScriptFailure(path: path, line: number, command: text, error: error))
                run.lines.append("\(path):\(number): \(answer.replyLine)")
            } else {
                run.lines.append(answer.replyLine)
            }
        }
        return run
    }

    /// A file's bytes, and device and inode. From a session only of a regular file: the control thread must not wait for
    /// what a pipe or a terminal may say some day.
    private func contents(_ path: String, mayWait: Bool) throws(Errno) -> (bytes: [UInt8], identity: [UInt64]) {
        let file = try OwnedDescriptor.open(path, flags: mayWait ? O_RDONLY : O_RDONLY | O_NONBLOCK)
        let status = try FileStatus(file)
        if status.isDirectory { throw Errno(rawValue: EISDIR) }
        guard mayWait || status.isLoadable else { throw .invalid }
        var bytes: [UInt8] = []
        while true {
            let part = try file.read(atMost: 65_536)
            if part.isEmpty { return (bytes, [status.device, status.inode]) }
            bytes += part
            if bytes.count > 1 << 20 { throw Errno(rawValue: EFBIG) }
        }
    }
}

extension FileStatus {
    /// A file that has an end, which nobody waits for: a regular one, or /dev/null.
    var isLoadable: Bool { isRegularFile || isCharacterDevice && deviceNumber == 0x103 }
}
