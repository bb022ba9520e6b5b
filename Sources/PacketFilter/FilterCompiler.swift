// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Compiles filter expressions, pcap-filter(7), by libpcap, which is loaded when the first one is compiled.
///
/// The only file that calls libpcap. To be used on a thread that may wait. Invariant of all pointers here: they are used
/// only between the call that made them and the one that frees them; the library stays loaded.
public enum FilterCompiler {
    /// Why there is no program.
    public enum CompileError: Error, Sendable, Equatable, CustomStringConvertible {
        /// libpcap is not on this machine, or is no libpcap.
        case noLibrary(String)
        /// What libpcap says of the expression.
        case refused(expression: String, String)

        public var description: String {
            switch self {
            case .noLibrary(let reason):
                "filter expressions need libpcap, which is not here (\(reason)); install it (Debian: libpcap0.8)"
            case .refused(let expression, let reason): "filter \"\(expression)\": \(reason)"
            }
        }
    }

    /// What pcap_compile(3) fills in.
    @unsafe
    private struct Compiled {
        var count: UInt32 = 0
        var instructions: UnsafeMutablePointer<FilterInstruction>?
    }

    private typealias OpenDead = @convention(c) (Int32, Int32) -> UnsafeMutableRawPointer?
    private typealias Compile =
        @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafePointer<CChar>, Int32, UInt32) -> Int32
    private typealias ErrorText = @convention(c) (UnsafeMutableRawPointer) -> UnsafePointer<CChar>?
    private typealias FreeCode = @convention(c) (UnsafeMutableRawPointer) -> Void
    private typealias Close = @convention(c) (UnsafeMutableRawPointer) -> Void

    /// PCAP_NETMASK_UNKNOWN, and the link type of Ethernet.
    private static var noNetmask: UInt32 { 0xffff_ffff }
    private static var ethernet: Int32 { 1 }
    private static var wholeFrame: Int32 { 262_144 }

    /// The program for an expression about Ethernet frames; it returns at least `wholeFrame` for a frame that is wanted. An
    /// empty expression wants every frame.
    public static func compile(_ expression: String) throws(CompileError) -> FilterProgram {
        guard !expression.utf8.contains(0) else {
            throw .refused(expression: "", "a filter has no zero byte in it")
        }
        guard let library = unsafe dlopen("libpcap.so.0.8", RTLD_NOW) ?? dlopen("libpcap.so.1", RTLD_NOW) else {
            throw .noLibrary(unsafe dlerror().map { unsafe String(cString: $0) } ?? "cannot be loaded")
        }
        guard let openDead = unsafe dlsym(library, "pcap_open_dead"),
            let compile = unsafe dlsym(library, "pcap_compile"),
            let errorText = unsafe dlsym(library, "pcap_geterr"), let free = unsafe dlsym(library, "pcap_freecode"),
            let close = unsafe dlsym(library, "pcap_close")
        else { throw .noLibrary("libpcap.so.0.8 lacks a function") }
        guard let handle = unsafe unsafeBitCast(openDead, to: OpenDead.self)(ethernet, wholeFrame) else {
            throw .noLibrary("pcap_open_dead failed")
        }
        defer { unsafe unsafeBitCast(close, to: Close.self)(handle) }
        var compiled = unsafe Compiled()
        let status = unsafe withUnsafeMutablePointer(to: &compiled) { target in
            unsafe unsafeBitCast(compile, to: Compile.self)(
                handle,
                UnsafeMutableRawPointer(target),
                expression,
                1,
                noNetmask
            )
        }
        guard status == 0, let first = unsafe compiled.instructions else {
            let text = unsafe unsafeBitCast(errorText, to: ErrorText.self)(handle).map { unsafe String(cString: $0) }
            throw .refused(expression: expression, text ?? "not understood")
        }
        let instructions = unsafe Array(UnsafeBufferPointer(start: first, count: Int(compiled.count)))
        unsafe withUnsafeMutablePointer(to: &compiled) { target in
            unsafe unsafeBitCast(free, to: FreeCode.self)(UnsafeMutableRawPointer(target))
        }
        do throws(FilterFault) {
            return try FilterProgram(instructions)
        } catch {
            throw .refused(expression: expression, "\(error)")
        }
    }
}
