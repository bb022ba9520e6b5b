// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Programs of other systems whose names `etherloom` answers to, with their flags, output and exit statuses.
enum CompatibleProgram: String, CaseIterable {
    case vdeSwitch = "vde_switch"
    case slirpvde = "slirpvde"
    case unixterm = "unixterm"
    case vdePlug = "vde_plug"
    case vdePlug2Tap = "vde_plug2tap"
    case dpipe = "dpipe"
    case vdens = "vdens"
    case umlSwitch = "uml_switch"
    case umlSwitch2 = "uml_switch2"
    case umls3 = "umls3"
    case vdeterm = "vdeterm"
    case unixcmd = "unixcmd"
    case vdecmd = "vdecmd"
    case wirefilter

    /// Runs as the program named and returns its exit status.
    func run(_ arguments: [String]) -> Int32 {
        Report.setProgram(rawValue)
        do {
            switch self {
            case .vdeSwitch: return try VDESwitchProgram.run(arguments)
            case .slirpvde: return try SlirpVDEProgram.run(arguments)
            case .unixterm: return try UnixTermProgram.run(arguments)
            case .vdePlug: return try VDEPlugProgram.run(arguments)
            case .vdePlug2Tap: return try VDEPlug2TapProgram.run(arguments)
            case .dpipe: return try DPipeProgram.run(arguments)
            case .vdens: return try VDENSProgram.run(arguments)
            case .umlSwitch: return try UMLSwitchProgram.run(arguments)
            case .umlSwitch2: return try UMLSwitch2Program.run(arguments)
            case .umls3: return try UMLS3Program.run(arguments)
            case .vdeterm: return try VDETermProgram.run(arguments)
            case .unixcmd, .vdecmd: return try UnixCmdProgram.run(arguments, name: rawValue)
            case .wirefilter: return try WireFilterProgram.run(arguments)
            }
        } catch let failure as Failure {
            Report.error(failure.message)
            return failure.status == ExitStatus.unsupported ? failure.status : 1
        } catch let ended as CommandEnded {
            return ended.status.shellStatus
        } catch let code as ExitCodeOnly {
            return code.status == ExitStatus.unsupported ? code.status : 1
        } catch {
            Report.error("\(error)")
            return 1
        }
    }
}

extension CommandLineOptions {
    /// Parses the options of a program that says what is wrong with them in one line, and ends.
    static func parseOrFail(
        program: String,
        _ arguments: [String],
        short: String,
        long: [Long],
        singleDashLong: Bool
    ) throws -> Result {
        let result = parse(program: program, arguments, short: short, long: long, singleDashLong: singleDashLong)
        if let mistake = result.mistake { throw Failure("\(mistake); see: \(program) --help") }
        return result
    }
}
