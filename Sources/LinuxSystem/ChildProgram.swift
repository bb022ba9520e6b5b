// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A program that this process has started and owns: ended and reaped with its owner. It is asked to end also when this
/// process is killed (PR_SET_PDEATHSIG).
public final class ChildProgram {
    public let processID: Int32
    public private(set) var status: WaitStatus?
    /// Readable when the program has ended.
    private let handle: ProcessHandle

    /// Starts a program, found in PATH.
    ///
    /// - Parameters:
    ///   - input: its standard input, ours if -1.
    ///   - output: its standard output, ours if -1.
    ///   - third: its descriptor 3, none if -1.
    ///   - fourth: its descriptor 4, none if -1.
    public init(
        _ arguments: [String],
        input: Int32 = -1,
        output: Int32 = -1,
        third: Int32 = -1,
        fourth: Int32 = -1
    ) throws(Errno) {
        let words = unsafe CommandWords.pointers(arguments)
        defer { unsafe CommandWords.free(words) }
        processID = try systemCall { unsafe cel_spawn(words, input, output, third, fourth, 1) }
        do {
            handle = try ProcessHandle(processID)
        } catch {
            // Nobody would ever end it.
            _ = kill(processID, SIGKILL)
            _ = try? ProcessHandle.wait(child: processID)
            throw error
        }
    }

    /// Becomes readable when the program ends.
    public var rawDescriptor: Int32 { handle.rawDescriptor }

    /// How it ended, nil while it runs.
    @discardableResult
    public func poll() -> WaitStatus? {
        if let status { return status }
        var raw: Int32 = 0
        if unsafe cel_wait_nohang(processID, &raw) == 0 { status = WaitStatus(rawValue: raw) }
        return status
    }

    /// Sends it a signal, if it still runs.
    public func send(signal: Int32) { try? handle.send(signal: signal) }

    /// Waits for its end.
    public func wait() throws(Errno) -> WaitStatus {
        if let status { return status }
        let status = try ProcessHandle.wait(child: processID)
        self.status = status
        return status
    }

    /// Asks it to end, and insists after a second.
    public func end() {
        guard poll() == nil else { return }
        try? handle.send(signal: SIGTERM)
        if (try? Poll.isReadable(rawDescriptor, deadline: MonotonicClock.nanoseconds + 1_000_000_000)) != true {
            try? handle.send(signal: SIGKILL)
        }
        _ = try? wait()
    }

    deinit { end() }
}

/// A command's words.
///
/// Scalars are looked at, as a shell looks at bytes: a quote is one also before a combining mark, with which it is one
/// character for people.
public enum CommandWords {
    /// A text that `split`, or a shell, makes these words of.
    public static func join(_ words: [String]) -> String {
        var text = String.UnicodeScalarView()
        for word in words {
            if !text.isEmpty { text.append(" ") }
            text.append("'")
            for scalar in word.unicodeScalars {
                // The quotes end, an escaped one, and they go on.
                if scalar == "'" { text += "'\\'".unicodeScalars }
                text.append(scalar)
            }
            text.append("'")
        }
        return String(text)
    }

    /// Splits a text into words as a shell does, with quotes and backslashes, but without anything else of a shell's. Nil
    /// when a quote is not closed.
    ///
    /// - Parameter comments: whether a word that begins with a plain # ends it all.
    public static func split(_ text: String, comments: Bool = false) -> [String]? {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var quote: Unicode.Scalar?
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                word = word ?? String.UnicodeScalarView()
                word?.append(scalar)
                isEscaped = false
            } else if scalar == "\\", quote != "'" {
                isEscaped = true
                word = word ?? String.UnicodeScalarView()
            } else if let open = quote {
                if scalar == open { quote = nil } else { word?.append(scalar) }
            } else if scalar == "'" || scalar == "\"" {
                quote = scalar
                word = word ?? String.UnicodeScalarView()
            } else if scalar == " " || scalar == "\t" || scalar == "\n" {
                if let done = word { words.append(String(done)) }
                word = nil
            } else if comments, scalar == "#", word == nil {
                break
            } else {
                word = word ?? String.UnicodeScalarView()
                word?.append(scalar)
            }
        }
        if let word { words.append(String(word)) }
        return quote == nil && !isEscaped ? words : nil
    }

    /// The words as exec(3) wants them, for `free`.
    static func pointers(_ words: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
        for index in words.indices { unsafe (list + index).initialize(to: strdup(words[index])) }
        unsafe (list + words.count).initialize(to: nil)
        return unsafe list
    }

    static func free(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) {
        var cursor = unsafe list
        while let word = unsafe cursor.pointee {
            unsafe Glibc.free(word)
            unsafe cursor += 1
        }
        unsafe list.deallocate()
    }

    /// Becomes another program, found in PATH; returns only when that fails.
    public static func execute(_ words: [String]) -> Errno {
        let list = unsafe pointers(words)
        defer { unsafe free(list) }
        return Errno(rawValue: -(unsafe cel_exec(list)))
    }
}
