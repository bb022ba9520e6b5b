// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A kernel thread of our own: the data plane's loop must not share one with Swift's executor.
public enum Thread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Handle to wait for a thread's end.
    public struct Handle: ~Copyable, @unchecked Sendable {
        fileprivate let rawValue: pthread_t
        /// Waits until the thread's body has returned.
        public consuming func join() { _ = pthread_join(rawValue, nil) }
        /// Leaves the thread to itself: nobody will wait for its end.
        public consuming func detach() { _ = pthread_detach(rawValue) }
    }

    /// Starts `body` on a new thread, named for `top -H` (15 bytes are shown).
    public static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) -> Handle {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Body(name: name, run: body)).toOpaque()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { opaque in
                let body = unsafe Unmanaged<Body>.fromOpaque(opaque!).takeRetainedValue()
                _ = unsafe cel_thread_name(body.name)
                body.run()
                return nil
            },
            box
        )
        guard status == 0 else {
            unsafe Unmanaged<Body>.fromOpaque(box).release()
            throw Errno(rawValue: status)
        }
        return Handle(rawValue: thread)
    }
}
