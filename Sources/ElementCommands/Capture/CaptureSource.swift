// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Runtime

/// Where a capture's frames come from.
enum CaptureSource {
    /// A switch's ring.
    case client(CaptureClient)
    /// A device of the kernel's.
    case device(DeviceCapture)

    /// Readable when there may be frames.
    var wakeUp: Int32 {
        switch self {
        case .client(let client): client.reader.wakeUp.rawValue
        case .device(let device): device.socket.rawValue
        }
    }

    /// Readable at the end of who gives the frames.
    var control: Int32? {
        if case .client(let client) = self { client.control.rawValue } else { nil }
    }

    var portNames: [Int: String] {
        switch self {
        case .client(let client): client.portNames
        case .device(let device): [DeviceCapture.port: device.name]
        }
    }

    var lostCount: UInt64 {
        switch self {
        case .client(let client): client.reader.lostCount
        case .device(let device): device.lostCount
        }
    }

    var hasEnded: Bool {
        switch self {
        case .client(let client): client.reader.hasEnded
        case .device(let device): device.hasEnded
        }
    }

    var endMessage: String {
        switch self {
        case .client: "the switch has ended the capture"
        case .device: "the device is gone"
        }
    }

    /// Hands over what there is, at most so many frames. True: more is there, and `wakeUp` may not tell of it.
    func drain(atMost limit: Int, _ body: (CaptureRecord, Span<UInt8>) -> Void) -> Bool {
        switch self {
        case .client(let client): client.reader.drain(atMost: limit, body)
        case .device(let device): device.drain(atMost: limit, body)
        }
    }

    /// Hands over the next frame; false when none waits.
    func next(_ body: (CaptureRecord, Span<UInt8>) -> Void) -> Bool {
        switch self {
        case .client(let client): client.reader.next(body)
        case .device(let device): device.next(body)
        }
    }
}
