// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import Model
public import Wire

/// What a keeper answers to `state`.
public struct KeeperState: Equatable, Sendable {
    public struct Guest: Equatable, Sendable {
        public var name: String
        public var kind = GuestKind.process
        public var state = GuestState.stopped
        /// Of its init, kernel or machine; nil while it does not run.
        public var processID: Int32?
        /// When it came into this state, seconds since 1970.
        public var since: UInt64 = 0
        /// How it ended the last time.
        public var status: WaitStatus?
        /// Why it does not run, when that was not wanted.
        public var error: String?
        /// What a program ends with because of that: 1 to 4.
        public var errorStatus: Int32?
        public var interfaces: [Interface] = []

        public init(name: String) { self.name = name }
    }

    public struct Interface: Equatable, Sendable {
        public var name: String
        public var segment: String?
        public var carrier = false
        /// The guest can see whether it has one.
        public var showsCarrier = true
        /// It is a pair of the kernel's, on a bridge, and no port of the fabric.
        public var isPair = false
        public var hardwareAddress: MACAddress?

        public init(name: String) { self.name = name }
    }

    public struct Element: Equatable, Sendable {
        public var name: String
        public var processID: Int32?
        public init(name: String) { self.name = name }
    }

    public var guests: [Guest] = []
    public var segments: [String] = []
    public var bridges: [String] = []
    public var elements: [Element] = []

    public init() {}

    public func guest(_ name: String) -> Guest? { guests.first { $0.name == name } }

    /// As words: a first word of each thing (`guest=NAME`, `interface=GUEST:IF` …), then what is known of it.
    public var words: [String] {
        var words = PlanWords()
        for guest in guests {
            words.add("guest", guest.name)
            words.add("kind", guest.kind.rawValue)
            words.add("state", guest.state.rawValue)
            words.add("pid", guest.processID.map { String($0) } ?? "-")
            words.add("since", String(guest.since))
            words.add("status", guest.status.map { String($0.rawValue) })
            words.add("error", guest.error)
            words.add("error-status", guest.errorStatus.map { String($0) })
            for interface in guest.interfaces {
                words.add("interface", GuestPlan.port(guest: guest.name, interface: interface.name))
                words.add("segment", interface.segment ?? "-")
                words.add("carrier", interface.carrier ? "up" : "down")
                words.add("mac", interface.hardwareAddress?.description)
                words.add("shows-carrier", interface.showsCarrier ? nil : "no")
                words.add("device", interface.isPair ? "pair" : nil)
            }
        }
        // A thing of its own begins here: no interface precedes it.
        words.add(flag: "lab", true)
        words.add("segment", each: segments)
        words.add("bridge", each: bridges)
        for element in elements {
            words.add("element", element.name)
            words.add("pid", element.processID.map { String($0) } ?? "-")
        }
        return words.words
    }

    public init(words: some Sequence<String>) {
        var context = Context.lab
        for word in words {
            let (key, value) = PlanWords.parts(word)
            guard let value else {
                context = .lab
                continue
            }
            take(key, value, &context)
        }
    }

    private enum Context { case lab, guest, interface, element }

    private mutating func take(_ key: String, _ value: String, _ context: inout Context) {
        switch key {
        case "guest":
            guests.append(Guest(name: value))
            context = .guest
        case "interface":
            // `guest:interface`; names have no colon.
            guard !guests.isEmpty, let colon = value.lastIndex(of: ":") else { return }
            guests[guests.count - 1].interfaces.append(Interface(name: String(value[value.index(after: colon)...])))
            context = .interface
        case "element":
            elements.append(Element(name: value))
            context = .element
        default:
            switch context {
            case .guest: Self.take(key, value, &guests[guests.count - 1])
            case .interface:
                let last = guests.count - 1
                Self.take(key, value, &guests[last].interfaces[guests[last].interfaces.count - 1])
            case .element:
                if key == "pid" { elements[elements.count - 1].processID = Int32(value) }
            case .lab:
                if key == "segment" { segments.append(value) }
                if key == "bridge" { bridges.append(value) }
            }
        }
    }

    private static func take(_ key: String, _ value: String, _ guest: inout Guest) {
        switch key {
        case "kind": guest.kind = GuestKind(rawValue: value) ?? guest.kind
        case "state": guest.state = GuestState(rawValue: value) ?? guest.state
        case "pid": guest.processID = Int32(value)
        case "since": guest.since = UInt64(value) ?? 0
        case "status": guest.status = Int32(value).map { WaitStatus(rawValue: $0) }
        case "error": guest.error = value
        case "error-status": guest.errorStatus = Int32(value)
        default: break
        }
    }

    private static func take(_ key: String, _ value: String, _ interface: inout Interface) {
        switch key {
        case "segment": interface.segment = value == "-" ? nil : value
        case "carrier": interface.carrier = value == "up"
        case "mac": interface.hardwareAddress = MACAddress(value)
        case "shows-carrier": interface.showsCarrier = value != "no"
        case "device": interface.isPair = value == "pair"
        default: break
        }
    }
}
