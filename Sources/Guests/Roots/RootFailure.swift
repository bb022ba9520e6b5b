// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// One line about a root that could not be mounted.
enum RootFailure {
    static func error(_ failure: RootMount.Failure, overlays: [RootMount.Overlay], guest: String? = nil) -> GuestError {
        let overlay = overlays.indices.contains(failure.overlay) ? overlays[failure.overlay] : nil
        let (text, status) = line(failure, overlay)
        return GuestError((guest.map { "\($0): " } ?? "") + text, status: status)
    }

    private static func line(_ failure: RootMount.Failure, _ overlay: RootMount.Overlay?) -> (String, Int32) {
        let error = failure.error
        switch failure.step {
        case .enterNamespace: return ("cannot enter the namespaces of the lab: \(error)", 1)
        case .makeDirectory: return ("cannot mount in the namespaces of the lab: \(error)", 4)
        case .makeTarget: return ("\(overlay?.target ?? "root"): cannot mount here: \(error)", 1)
        case .openLayer: return (layer(failure, overlay), 1)
        case .openUpper: return ("\(overlay?.upper ?? "upper directory"): \(error)", 1)
        case .openWork: return (work(error, overlay), 1)
        case .attributes:
            return (
                "\(overlay?.upper ?? "upper directory"): on a file system without extended attributes (\(error)), "
                    + "which changes of a guest need; put the lab on another one", 4
            )
        case .overlay:
            return (
                "overlay mounts are not possible here: \(error); they need Linux 5.11 or newer with overlayfs"
                    + (error == Errno(rawValue: ENODEV) ? " (as root: modprobe overlay)" : ""), 4
            )
        case .mount: return (mount(failure, overlay), error == .notPermitted ? 4 : 1)
        case .unmount:
            let hint = error == .busy ? "; somebody uses it: a shell in there, an open file" : ""
            return ("cannot unmount its root: \(error)\(hint)", 1)
        case .execute: return ("cannot run a program in the lab's namespaces: \(error)", 1)
        }
    }

    private static func layer(_ failure: RootMount.Failure, _ overlay: RootMount.Overlay?) -> String {
        let layers = overlay?.layers ?? []
        let path = layers.indices.contains(failure.layer) ? layers[failure.layer] : "layer \(failure.layer)"
        let isMaster = failure.layer == layers.count - 1
        let name = isMaster ? "master \(path)" : "layer \(path)"
        switch failure.error {
        case .noEntry:
            return "\(name): no such directory"
                + (isMaster ? "; etherloom master create makes one, and master: / is this host's own root" : "")
        case .notADirectory: return "\(name): not a directory"
        case .invalid where layers.count > 500:
            return "\(layers.count - 1) layers over the master; the kernel takes 499"
        case .accessDenied: return "\(name): permission denied, for the root of the lab's user namespace"
        default: return "\(name): \(failure.error)"
        }
    }

    private static func work(_ error: Errno, _ overlay: RootMount.Overlay?) -> String {
        let path = overlay?.work ?? "work directory"
        return error == Errno(rawValue: ENOSPC) ? "\(path): the disk is full" : "\(path): \(error)"
    }

    private static func mount(_ failure: RootMount.Failure, _ overlay: RootMount.Overlay?) -> String {
        let upper = overlay?.upper ?? "root"
        let words = failure.text.isEmpty ? "" : " (\(failure.text))"
        switch failure.error {
        case Errno(rawValue: ENOSPC): return "\(upper): the disk is full"
        case Errno(rawValue: EROFS): return "\(upper): on a read-only file system"
        case Errno(rawValue: ELOOP), Errno(rawValue: ESTALE):
            return "\(upper): one of the directories of the root is part of another one\(words)"
        case .invalid:
            return
                "\(upper): the kernel refuses this overlay\(words): is the upper directory on the file system of its "
                + "neighbours, and is nothing mounted below the master?"
        default: return "\(upper): cannot mount the root: \(failure.error)\(words)"
        }
    }
}
