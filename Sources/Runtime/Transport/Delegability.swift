// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension NetworkURL {
    /// Why the network cannot be given to somebody with fewer rights by a process that opens it and then gives its own up; nil
    /// when it can.
    ///
    /// What can be given is there already, or is reached by sockets alone, and stays open until it goes. What waits for others,
    /// or lives here, leaves things behind that the process could not remove any more.
    public func reasonNotToDelegate() throws -> String? {
        var url = self
        for _ in 0..<4 {
            guard let inner = try url.readFromFile() else { break }
            url = inner
        }
        if url.has("reconnect") { return "what was lost could not be opened again: leave [reconnect] out" }
        if let text = url.nested { return try NodeOpener.parse(text).reasonNotToDelegate() }
        switch url.scheme {
        case "null": return "there is nothing to give"
        case "pcap" where CaptureFileTransport.isFile(url): return "a capture file is no network to be on"
        case "cmd": return Self.behindSwitch("the program would go on as root")
        case "switch", "hub":
            return Self.behindSwitch("the switch would have to live in this process, without root's rights")
        case "vhost", "ptp": return Self.behindSwitch("it makes a place for others to come to")
        case "dgram" where url.address.contains("/"):
            return Self.behindSwitch("it makes a place for others to come to")
        case _ where url.has("listen") && ["stream", "seqpacket"].contains(url.scheme):
            return Self.behindSwitch("it makes a place for others to come to")
        default: return nil
        }
    }

    private static func behindSwitch(_ reason: String) -> String {
        "\(reason); plug it into a switch, and delegate that switch's directory"
    }
}
