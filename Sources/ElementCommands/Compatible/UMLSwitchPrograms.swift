// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// `uml_switch` of uml-utilities: one switch, its socket a plain path.
enum UMLSwitchProgram {
    static func run(_ arguments: [String]) throws -> Int32 {
        var config = UMLSwitchConfig()
        var process = ElementProcess.Options()
        var path: String?
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "-unix", "--unix":
                guard let value = rest.popFirst() else { throw Failure("-unix: the socket's path is missing") }
                path = value
                if rest.first.map({ !$0.hasPrefix("-") }) == true {
                    throw Failure(
                        "-unix: a second path is protocol version 0 (-compat-v0), which nobody speaks any more"
                    )
                }
            case "-tap", "--tap":
                guard let value = rest.popFirst() else { throw Failure("-tap: the interface's name is missing") }
                config.taps.append(UMLSwitchConfig.Tap(name: value))
            case "-hub", "--hub": config.isHub = true
            case "-daemon", "--daemon": process.isDaemon = true
            case "-compat-v0", "--compat-v0":
                throw Failure("-compat-v0: protocol version 0 is not spoken; it had no answer to its clients")
            case "-help", "--help", "-h":
                Report.line(usage)
                return 1
            default:
                Report.line(usage)
                return 1
            }
        }
        config.sockets = [path ?? "/tmp/uml.ctl"]
        try UMLSwitchProcess.run(config, process, endsWithInput: !process.isDaemon)
        return 0
    }

    private static let usage = """
        Usage: uml_switch [-unix SOCKET] [-hub] [-tap DEV] [-daemon]
          -unix SOCKET  path of the switch's socket (/tmp/uml.ctl)
          -hub          forward every frame to every port
          -tap DEV      make this tap and plug it in
          -daemon       run in the background; else the end of standard input ends the switch
        """
}

/// `uml_switch2`: one switch from a configuration file.
enum UMLSwitch2Program {
    static func run(_ arguments: [String]) throws -> Int32 {
        var isDebug = false
        var file: String?
        for word in arguments {
            switch word {
            case "-d": isDebug = true
            case "-h", "--help":
                print(usage)
                return 0
            default:
                guard !word.hasPrefix("-"), file == nil else {
                    Report.line(usage)
                    return 1
                }
                file = word
            }
        }
        guard let file else {
            Report.line(usage)
            return 1
        }
        let text: String
        do throws(Errno) {
            text = String(decoding: try FileSystem.contents(file), as: UTF8.self)
        } catch {
            throw Failure("\(file): cannot read the configuration: \(error)")
        }
        let config: UMLSwitchConfig
        do {
            config = try UMLSwitchConfig(text: text, file: file)
        } catch {
            throw Failure(error.description)
        }
        var process = ElementProcess.Options()
        process.isDaemon = !isDebug
        try UMLSwitchProcess.run(config, process, endsWithInput: false)
        return 0
    }

    private static let usage = """
        Usage: uml_switch2 [-d] CONFIG
          -d   stay in the foreground and say what happens
        CONFIG has one command a line: tap DEV, tapupcmd COMMAND, tapdncmd COMMAND, socket PATH, sockowner USER,
        port NUMBER and remote HOST, pidfile PATH; and of ours: directory PATH, network URL, hub.
        """
}

/// A switch of these as a program.
enum UMLSwitchProcess {
    static func run(_ config: UMLSwitchConfig, _ options: ElementProcess.Options, endsWithInput: Bool) throws {
        try ElementProcess.perform(options) { process in
            let log: (String) -> Void = { Report.note($0) }
            let element = try UMLSwitch(config, loop: process.loop, mayWait: true, log: log)
            defer { element.closeNow() }
            var failure: Failure?
            element.begin { failure = $0 }
            if let failure { throw failure }
            let loop = process.loop
            element.element.onShutdown = { loop.stop() }
            if endsWithInput { try watchInput(loop) }
            try process.ready()
            try process.run()
        }
    }

    /// The end of standard input is the switch's end; what comes there is passed over.
    private static func watchInput(_ loop: ControlLoop) throws {
        let input: InputBox
        do throws(Errno) {
            input = InputBox(try OwnedDescriptor(adopting: 0).duplicateKeeping())
            try loop.watch(input.descriptor.rawValue) { _ in
                let bytes: [UInt8]
                do throws(Errno) { bytes = try input.descriptor.read(atMost: 4096) } catch { bytes = [] }
                if bytes.isEmpty { loop.stop() }
            }
        } catch {
            // A file cannot be waited for; it is at its end already.
            loop.after(milliseconds: 0) { loop.stop() }
        }
    }

    private final class InputBox {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }
}

extension OwnedDescriptor {
    /// A duplicate, while the number itself stays open.
    fileprivate consuming func duplicateKeeping() throws(Errno) -> OwnedDescriptor {
        do throws(Errno) {
            let copy = try duplicate()
            _ = release()
            return copy
        } catch {
            _ = release()
            throw error
        }
    }
}
