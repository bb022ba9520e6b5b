// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Programs of other systems whose names `etherloom` answers to, with their flags, output and exit statuses.
enum CompatibleProgram: String, CaseIterable {
    case vdeSwitch = "vde_switch"
    case slirpvde = "slirpvde"
    case unixterm = "unixterm"

    /// Runs as the program named and returns its exit status.
    func run(_ arguments: [String]) -> Int32 {
        Report.setProgram(rawValue)
        do {
            switch self {
            case .vdeSwitch: return try VDESwitchProgram.run(arguments)
            case .slirpvde: return try SlirpVDEProgram.run(arguments)
            case .unixterm: return try UnixTermProgram.run(arguments)
            }
        } catch let failure as Failure {
            Report.error(failure.message)
            return failure.status == ExitStatus.unsupported ? failure.status : 1
        } catch let code as ExitCodeOnly {
            return code.status == ExitStatus.unsupported ? code.status : 1
        } catch {
            Report.error("\(error)")
            return 1
        }
    }
}
