// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Readiness of many descriptors, epoll(7).
public struct Epoll: ~Copyable, Sendable {
    /// What a descriptor is ready for, or is to be watched for.
    @frozen
    public struct Events: OptionSet, Sendable {
        public let rawValue: UInt32
        @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static var readable: Events { Events(rawValue: 0x001) }
        public static var writable: Events { Events(rawValue: 0x004) }
        public static var error: Events { Events(rawValue: 0x008) }
        public static var hangUp: Events { Events(rawValue: 0x010) }
        /// The peer closed its writing half.
        public static var readHangUp: Events { Events(rawValue: 0x2000) }
        /// Reported on changes only.
        public static var edgeTriggered: Events { Events(rawValue: 1 << 31) }
    }

    private let descriptor: OwnedDescriptor

    public init() throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try systemCall { cel_epoll_create() })
    }

    /// The epoll descriptor itself, to be watched by another one.
    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// Watches `fd`; `word` comes back with its events.
    public func add(_ fd: Int32, _ events: Events, word: UInt64) throws(Errno) {
        let epoll = descriptor.rawValue
        try systemCall { cel_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, events.rawValue, word) }
    }

    public func modify(_ fd: Int32, _ events: Events, word: UInt64) throws(Errno) {
        let epoll = descriptor.rawValue
        try systemCall { cel_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, events.rawValue, word) }
    }

    public func remove(_ fd: Int32) throws(Errno) {
        let epoll = descriptor.rawValue
        try systemCall { cel_epoll_ctl(epoll, EPOLL_CTL_DEL, fd, 0, 0) }
    }

    /// Waits at most `timeout` milliseconds (-1: for ever, 0: not at all); the events go to `ready`.
    public func wait(_ ready: inout ReadyList, timeout: Int32) throws(Errno) {
        let epoll = descriptor.rawValue
        ready.count = 0
        let count = unsafe cel_epoll_wait(
            epoll,
            ready.words,
            ready.events,
            Int32(truncatingIfNeeded: ReadyList.capacity),
            timeout
        )
        if count >= 0 {
            ready.count = Int(count)
        } else if count != -EINTR {
            throw Errno(rawValue: -count)
        }
    }

    /// The result of one wait: two fixed arrays, made once, so that waiting allocates nothing.
    ///
    /// Invariant: both pointers own `capacity` initialised elements for the life of the value; `count` never exceeds it.
    @safe
    public struct ReadyList: ~Copyable {
        public static var capacity: Int { 64 }
        public fileprivate(set) var count = 0
        fileprivate let words: UnsafeMutablePointer<UInt64>
        fileprivate let events: UnsafeMutablePointer<UInt32>

        public init() {
            unsafe words = .allocate(capacity: Self.capacity)
            unsafe words.initialize(repeating: 0, count: Self.capacity)
            unsafe events = .allocate(capacity: Self.capacity)
            unsafe events.initialize(repeating: 0, count: Self.capacity)
        }

        deinit {
            unsafe words.deallocate()
            unsafe events.deallocate()
        }

        public func word(_ index: Int) -> UInt64 {
            precondition(index < count)
            return unsafe words[index]
        }

        public func events(_ index: Int) -> Events {
            precondition(index < count)
            return unsafe Events(rawValue: events[index])
        }
    }
}
