// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model

/// What runs which kind of guest.
enum GuestDrivers {
    /// A driver for one life of a guest.
    static func make(for guest: KeptGuest) throws(GuestError) -> any GuestDriver {
        switch guest.plan.kind {
        case .process: return ProcessGuest(host: guest, holder: guest.keeper.holder, children: guest.keeper.children)
        case .uml: return UMLDriver(host: guest)
        case .qemu: return QEMUGuest(host: guest)
        }
    }
}
