// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
import PacketFilter

extension AttachServer {
    /// Begins the capture that a message asks for. Only the switch's owner and root may see others' frames.
    func beginCapture(_ bytes: [UInt8], _ descriptor: borrowing OwnedDescriptor) throws -> CaptureSession {
        let credentials = try UnixSocket.credentials(descriptor)
        guard credentials.userID == 0 || credentials.userID == CurrentProcess.userID else {
            throw AttachRefusal(code: EACCES, message: "captures are for the switch's owner and root")
        }
        let request = try CaptureRequest.parse(bytes)
        for port in request.ports where !(0...owner.portCount).contains(port) {
            throw AttachRefusal(code: EINVAL, message: "port \(port): there are ports 0 to \(owner.portCount)")
        }
        var selection = CaptureSelection()
        if !request.ports.isEmpty { selection.ports = Set(request.ports) }
        selection.isInbound = request.isInbound
        selection.isOutbound = request.isOutbound
        if request.snapLength > 0 { selection.snapLength = request.snapLength }
        let filter: FilterProgram?
        do {
            filter = try request.filter.isEmpty ? nil : FilterProgram(bytes: request.filter)
        } catch {
            throw AttachRefusal(code: EINVAL, message: "\(error)")
        }
        do throws(Errno) {
            return try CaptureSession(owner.dataPlane, selection, filter: filter)
        } catch {
            throw AttachRefusal(
                code: error.rawValue,
                message: error.rawValue == EMFILE
                    ? "\(DataPlane.captureCapacity) captures go on already" : "cannot capture: \(error)"
            )
        }
    }
}
