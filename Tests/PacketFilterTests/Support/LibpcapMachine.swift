// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import PacketFilter

/// libpcap's own machine, bpf_filter: what ours is compared with.
struct LibpcapMachine {
    private typealias Run =
        @convention(c) (
            UnsafeRawPointer, UnsafePointer<UInt8>, UInt32, UInt32
        ) -> UInt32
    private let function: Run

    /// Nil: libpcap is not here.
    init?() {
        guard let library = dlopen("libpcap.so.0.8", RTLD_NOW), let symbol = dlsym(library, "bpf_filter") else {
            return nil
        }
        function = unsafeBitCast(symbol, to: Run.self)
    }

    func run(_ program: [FilterInstruction], _ frame: [UInt8]) -> UInt32 {
        program.withUnsafeBufferPointer { instructions in
            frame.withUnsafeBufferPointer { bytes in
                function(
                    UnsafeRawPointer(instructions.baseAddress!),
                    bytes.baseAddress!,
                    UInt32(bytes.count),
                    UInt32(bytes.count)
                )
            }
        }
    }
}
